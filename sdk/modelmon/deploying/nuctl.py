"""Calls of nuctl, Nuclio's command: which, in which order, and how they are shown without a secret."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelmon.deploying.ownership import is_not_there, project_in
from modelmon.deploying.plan import Plan
from modelmon.deploying.running import Ended, run
from modelmon.deploying.secrets import secret_variables, write_secret_files
from modelmon.deploying.target import LOCAL
from modelmon.errors import ConfigError, UnavailableError

NUCTL = "nuctl"
TAIL = 800
EXISTS = "already exist"  # in what nuctl says
TIMEOUT_SECONDS = 1800.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of nuctl. `variables` are added as --env, their values shown nowhere; `function` "" makes
    the project."""

    arguments: tuple[str, ...]
    function: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def command(self) -> list[str]:
        given = [part for name, value in self.variables.items() for part in ("--env", f"{name}={value}")]
        return [NUCTL, *self.arguments, *given]

    def __str__(self) -> str:
        """The command for a shell, in which the variables have their values."""
        given = "".join(f' --env {name}="${name}"' for name in self.variables)
        return f"{shlex.join([NUCTL, *self.arguments])}{given}"


def calls(plan: Plan, names: Sequence[str], output: Path) -> list[Call]:
    """What nuctl is to do for the functions `names`, whose bundle is in `output`."""
    settings, where = plan.settings, _where(plan)
    registries = (("--registry", settings.nuclio_registry), ("--run-registry", settings.nuclio_run_registry))
    images = [part for option, value in registries if value for part in (option, value)]
    variables = secret_variables(plan) if plan.platform == LOCAL else {}
    made = [Call(("create", "project", plan.nuclio_project, *where))]
    for name in names:
        path = ("--path", str(output / name), "--project-name", plan.nuclio_project)
        made.append(Call(("deploy", name, *path, *where, *images), name, variables))
    return made


def deploy(plan: Plan, made: Sequence[Call], tell: Tell, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
    """Make the calls one after the other, telling what is done and what nuctl says: an image takes a minute.

    A project that is there already is as good as a new one. Raises ConfigError without nuctl, without a
    value of a secret and when a function belongs to another project, UnavailableError at the first call
    that fails or takes longer than `timeout_seconds`, with what it said and how far this got.
    """
    _check_there()
    _check_variables(made)
    for call in made:
        if call.function:
            _refuse_another_projects(plan, call.function, tell, timeout_seconds)
    if plan.platform == LOCAL:
        write_secret_files(plan)
    for index, call in enumerate(made):
        tell(f"deploying {call.function} …" if call.function else f"making project {plan.nuclio_project} …")
        tell(f"  {call}")
        ended = run(call.command, timeout_seconds, lambda line: tell(f"  {_without_secrets(line, plan)}"))
        if ended.code != 0 and (call.function or EXISTS not in ended.said):
            raise UnavailableError(_said(plan, made, index, ended, timeout_seconds))
        if call.function:
            tell(f"deployed {call.function}")


def delete(plan: Plan, name: str) -> None:
    """Delete a function; one that is not there, or is another project's, is as good as deleted. Raises as
    `deploy`."""
    _check_there()
    if _other_project(plan, name, lambda what: None, TIMEOUT_SECONDS):
        return
    call = Call(("delete", "function", name, *_where(plan)), name)
    ended = run(call.command, TIMEOUT_SECONDS, lambda line: None)
    if ended.code != 0 and not is_not_there(ended.said):
        raise UnavailableError(f"{_failed(plan, call, ended, TIMEOUT_SECONDS)}\n{name} may still be running")


def _refuse_another_projects(plan: Plan, name: str, tell: Tell, timeout_seconds: float) -> None:
    other = _other_project(plan, name, tell, timeout_seconds)
    if other:
        raise ConfigError(
            f"{name}: the namespace {plan.settings.nuclio_namespace!r} has a function of this name that "
            f"belongs to Nuclio's project {other!r}, not to {plan.nuclio_project!r}: deploying would replace "
            "it. Give each project a namespace of its own (nuclio_namespace, --namespace)"
        )


def _other_project(plan: Plan, name: str, tell: Tell, timeout_seconds: float) -> str | None:
    """The project that has a function of this name in our namespace, None if none or ours."""
    call = Call(("get", "function", name, *_where(plan), "--output", "json"), name)
    ended = run(call.command, timeout_seconds, lambda line: None)
    if ended.code != 0:
        if ended.code is not None and is_not_there(ended.said):
            return None
        raise UnavailableError(_failed(plan, call, ended, timeout_seconds))
    found = project_in(ended.out)
    if found is None and not is_not_there(ended.said):
        tell(f"{name}: whose it is can't be read from nuctl's answer; it is taken for ours")
    return found if found != plan.nuclio_project else None


def _where(plan: Plan) -> tuple[str, ...]:
    return ("--platform", plan.platform, "--namespace", plan.settings.nuclio_namespace)


def _check_there() -> None:
    if shutil.which(NUCTL) is None:
        raise ConfigError(
            f"{NUCTL} is not on the PATH: get it from Nuclio's release page on GitHub, make it executable "
            "and put it there; `modelmon deploy --dry-run` shows what it would be asked"
        )


def _check_variables(made: Sequence[Call]) -> None:
    for call in made:
        for name, value in call.variables.items():
            if not value:
                raise ConfigError(f"{name}: the functions need it, and it is not set here")
            if re.search(r"['\n]", value):
                raise ConfigError(f"{name}: holds a ' or a newline, which Nuclio can't hand to Docker")


def _said(plan: Plan, made: Sequence[Call], index: int, ended: Ended, timeout_seconds: float) -> str:
    reached = [each.function for each in made[:index] if each.function]
    left = [each.function for each in made[index:] if each.function]
    return (
        f"{_failed(plan, made[index], ended, timeout_seconds)}\n"
        f"deployed: {', '.join(reached) or 'none'}; not deployed: {', '.join(left)}. "
        "Call it again when that is mended: what is deployed is only deployed anew"
    )


def _failed(plan: Plan, call: Call, ended: Ended, timeout_seconds: float) -> str:
    tail = _without_secrets(ended.said.strip(), plan)[-TAIL:] or "it said nothing"
    what = f"{call.function or plan.nuclio_project}: `{call}`"
    if ended.code is None:
        return f"{what} took longer than {timeout_seconds:g} s and was ended (deploy --timeout): {tail}"
    return f"{what} failed (exit code {ended.code}): {tail}"


def _without_secrets(text: str, plan: Plan) -> str:
    """What nuctl said, in which it repeats its arguments, without the values of secrets."""
    values = sorted(filter(None, secret_variables(plan).values()), key=len, reverse=True)
    for value in values:
        text = re.sub("".join(map(_written, value)), "***", text)
    return re.sub(r"://[^\s'\"]*@", "://***@", text)


def _written(letter: str) -> str:
    """A pattern of every way to write a letter: as it is, and within a text in JSON, Go, a shell or a URL,
    be it one in the other."""
    octets = "".join(f"%{octet:02x}" for octet in letter.encode())
    units = letter.encode("utf-16-be").hex()
    escaped = "".join(rf"\\{{1,9}}u{units[index : index + 4]}" for index in range(0, len(units), 4))
    long = rf"\\{{1,9}}(?:U{ord(letter):08x}|x{ord(letter):02x})"
    plus = r"|\+" if letter == " " else ""
    return rf"(?:(?i:{octets}|{escaped}|{long}){plus}|\\{{0,9}}{re.escape(letter)})"
