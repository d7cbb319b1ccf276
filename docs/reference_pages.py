"""The pages that the code writes itself, by `make reference`; a test compares them with what stands there.

Commands come from the command line's own help, classes and functions from their signatures and docstrings,
settings from their declarations, MLRun's names from the tables of what is here and what is not.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import Field
from importlib import import_module
from pathlib import Path
from typing import Any

from typer.main import get_command

from modelmon.settings import every_setting

HERE = Path(__file__).parent / "reference"
MADE = "<!-- Made by `make reference` from the code: change it there. -->"


def commands() -> str:
    """What is written by hand, then every command with its usage, its help and its options."""
    from modelmon.cli import app

    lines = []
    for words, command in _all_commands(("modelmon",), get_command(app)):
        lines += _command(words, command)
    return _by_hand("commands.md", lines[0]) + "\n".join(lines)


def _by_hand(page: str, first_made: str) -> str:
    return (HERE / page).read_text(encoding="utf-8").partition(f"{first_made}\n")[0]


def _all_commands(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", None)
    if not children:
        yield words, command
        return
    for name, child in children.items():
        if not child.hidden:
            yield from _all_commands((*words, name), child)


def _command(words: tuple[str, ...], command: Any) -> list[str]:
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join([*words, *(_usage(each) for each in arguments), *(["[OPTIONS]"] if options else [])])
    lines = [f"## {' '.join(words)}", "", "```", usage, "```", "", *_help(command.help or ""), ""]
    rows = [(f"`{_usage(each)}`", _said(each)) for each in arguments]
    rows += [(f"`{', '.join((*each.opts, *each.secondary_opts))}`", _said(each)) for each in options]
    if rows:
        lines += ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows), ""]
    return lines


def _usage(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    name = f"{name}…" if argument.nargs == -1 else name
    return name if argument.required else f"[{name}]"


def _said(parameter: Any) -> str:
    text = _plain(getattr(parameter, "help", None) or "")
    default = parameter.default
    if default not in (None, False, (), [], "") and not callable(default):
        text += f" Without it: `{default}`."
    if parameter.envvar:
        text += f" Or the variable `{parameter.envvar}`."
    return text.strip().replace("|", "\\|")


def _help(text: str) -> list[str]:
    """The help's paragraphs; what is indented is a block of code."""
    made: list[str] = []
    is_code = False
    for line in _plain(inspect.cleandoc(text)).replace("\f", "").split("\n"):
        indented = line.startswith("  ") or (is_code and not line.strip())
        if indented and not is_code:
            made.append("```shell")
        if is_code and not indented:
            _close(made)
        is_code = indented
        made.append(line.removeprefix("  ") if is_code else line)
    if is_code:
        _close(made)
    return made


def _close(made: list[str]) -> None:
    blanks = 0
    while made and not made[-1].strip():
        made.pop()
        blanks += 1
    made += ["```", *([""] * max(blanks, 1))]


def _plain(text: str) -> str:
    return re.sub(r"\[/?(?:bold|italic|cyan|dim)\]", "", text)


PARTS = {
    "Projects": [
        "modelmon.get_or_create_project",
        "modelmon.load_project",
        "modelmon.project.Project",
        "modelmon.client.RemoteProject",
    ],
    "Serving functions": ["modelmon.project.ServingFunction", "modelmon.serving.V2ModelServer"],
    "Apps": [
        "modelmon.apps.ModelMonitoringApplicationBase",
        "modelmon.apps.MonitoringApplicationContext",
        "modelmon.apps.ModelMonitoringApplicationResult",
        "modelmon.apps.ModelMonitoringApplicationMetric",
        "modelmon.apps.HistogramDataDriftApplication",
        "modelmon.apps.ModelPerformanceApplication",
        "modelmon.apps.ConceptDriftApplication",
        "modelmon.apps.DataQualityApplication",
        "modelmon.apps.DataSkewApplication",
        "modelmon.apps.AnomaliesApplication",
        "modelmon.apps.ServiceApplication",
        "modelmon.apps.EvidentlyModelMonitoringApplicationBase",
    ],
    "Endpoints and samples": [
        "modelmon.model_monitoring.api.get_or_create_model_endpoint",
        "modelmon.model_monitoring.api.list_model_endpoints",
        "modelmon.model_monitoring.found_incidents.list_incidents",
        "modelmon.model_monitoring.feature_history.read_feature_history",
        "modelmon.model_monitoring.feature_history.compare_features",
        "modelmon.get_offline_features",
        "modelmon.iter_offline_features",
    ],
    "Functions of your own": [
        "modelmon.code_to_function",
        "modelmon.new_function",
        "modelmon.import_function",
    ],
}
"""What is public, by what it is for."""


def api() -> str:
    """Every public class and function: its signature, and what its docstring says."""
    lines = [
        "# Python API",
        MADE,
        "",
        "The names are MLRun's. [How they are used](sdk.md) is a page of its own.",
        "",
    ]
    for title, names in PARTS.items():
        lines += [f"## {title}", ""]
        for name in names:
            lines += _described(name)
    return "\n".join(lines)


def _described(name: str) -> list[str]:
    module, _, last = name.rpartition(".")
    thing = getattr(import_module(module), last)
    if not inspect.isclass(thing):
        return _function(f"{name}", thing)
    lines = [f"### {name}", "", *_docstring(thing)]
    for member, value in _public(thing):
        if isinstance(value, property):
            lines += [f"#### {last}.{member}", "", *_docstring(value)]
        else:
            lines += _function(f"{last}.{member}", value, level="####")
    return lines


def _public(thing: type) -> Iterator[tuple[str, Any]]:
    """Properties and methods with a docstring, those of our own base classes included."""
    seen: set[str] = set()
    for base in [each for each in thing.__mro__ if each.__module__.startswith("modelmon")]:
        for member, value in vars(base).items():
            value = getattr(value, "__func__", value)  # of a static or class method
            is_shown = isinstance(value, property) or inspect.isfunction(value)
            if is_shown and value.__doc__ and not member.startswith("_") and member not in seen:
                seen.add(member)
                yield member, value


def _function(name: str, thing: Callable[..., Any], level: str = "###") -> list[str]:
    signature = inspect.signature(thing)
    shown = [
        re.sub(r": '([^']*)'", r": \1", str(each))
        for each in signature.parameters.values()
        if each.name not in ("self", "cls")
    ]
    returned = signature.return_annotation
    end = "" if returned in (inspect.Signature.empty, "None", None) else f" -> {returned}"
    one_line = f"{name.rpartition('.')[2]}({', '.join(shown)}){end}"
    if len(one_line) > 100:
        inner = ",\n".join(f"    {each}" for each in shown)
        one_line = f"{name.rpartition('.')[2]}(\n{inner},\n){end}"
    return [f"{level} {name}", "", "```python", one_line, "```", "", *_docstring(thing)]


def _docstring(thing: Any) -> list[str]:
    made: list[str] = []
    is_code = False
    for line in (inspect.getdoc(thing) or "").split("\n"):
        if line.startswith(">>>") and not is_code:
            made.append("```python")
            is_code = True
        elif is_code and not line.strip():
            made.append("```")
            is_code = False
        made.append(line)
    return [*made, "```", ""] if is_code else [*made, ""]


def settings() -> str:
    """What is written by hand, then one table a group of settings, in the order of their declarations."""
    return _by_hand("settings.md", FIRST_GROUP) + "\n".join(_settings()).removeprefix("\n")


FIRST_GROUP = "## The first day"


def _settings() -> Iterator[str]:
    for entry in every_setting().values():
        if title := entry.metadata["section"]:
            yield from ("", f"## {title}", "", "| setting | default | meaning |", "|---|---|---|")
        shown = str(entry.default).lower() if isinstance(entry.default, bool) else entry.default
        default = f"`{shown}`" if shown != "" else ""
        yield f"| `{entry.name}` | {default} | {' '.join([entry.metadata['doc'], *_limits(entry)])} |"


def _limits(entry: Field[Any]) -> Iterator[str]:
    least, most, choices = (entry.metadata[name] for name in ("least", "most", "choices"))
    if least:
        yield f"At least {least}."
    if most != float("inf"):
        yield f"At most {most}."
    if choices:
        yield f"One of {', '.join(filter(None, choices))}."


def mlrun_names() -> str:
    """Every name of the tables of `from_mlrun`: where it is here, or what there is instead."""
    from modelmon.from_mlrun.where import MODULES

    by_names: dict[str, list[str]] = {}
    for module, names in MODULES.items():
        if names:
            by_names.setdefault(_codes(names), []).append(f"modelmon.{module}")
    lines = [
        "# MLRun's names",
        MADE,
        "",
        "[Come from MLRun](../how-to/come-from-mlrun.md) shows how they are used.",
        "",
        "## In MLRun's modules",
        "",
        "| module | has |",
        "|---|---|",
        *(f"| {_codes(modules)} | {names} |" for names, modules in by_names.items()),
        "",
        "## Not here",
        "",
        *_missing_names(),
    ]
    return "\n".join(lines)


OWNERS = {
    "project": "A project",
    "function": "A serving function",
    "app": "An app's class",
    "context": "What `do_tracking` is given",
    "endpoint": "The `status` of an endpoint",
    "modelmon": "The module `modelmon`",
}


def _missing_names() -> Iterator[str]:
    from modelmon.from_mlrun.missing import NOT_HERE

    for owner, names in NOT_HERE.items():
        by_reason: dict[str, list[str]] = {}
        for name, reason in names.items():
            by_reason.setdefault(reason, []).append(name)
        title = OWNERS.get(owner, f"The module `modelmon.{owner}`")
        yield from (f"### {title}", "", "| has no | but |", "|---|---|")
        yield from (f"| {_codes(found)} | {_in_a_cell(why)} |" for why, found in by_reason.items())
        yield ""


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in sorted(names))


def _in_a_cell(text: str) -> str:
    return text.replace("<", "\\<").replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "api.md": api,
    "settings.md": settings,
    "mlrun-names.md": mlrun_names,
}


def main() -> None:
    """Write every page."""
    for name, write in PAGES.items():
        (HERE / name).write_text(write().rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
