"""The check of a function.yaml as a deployment would take it: as it is written, and as it is rendered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from modelmon.checked_yaml.findings import ERROR, Finding
from modelmon.deploying.checking.check import check_file, check_text
from modelmon.deploying.checking.target import Target
from modelmon.deploying.plan import Plan
from modelmon.deploying.rendering import Rendered, placeholders_of, render_function, topic_of
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import is_bundled
from modelmon.function_spec.function_yaml import FILE
from modelmon.function_spec.requirements import FILE as REQUIREMENTS
from modelmon.function_spec.requirements import read_requirements
from modelmon.settings import STATE_FOLDER
from modelmon.streams.subscriptions import app_group, events_group, writer_group
from modelmon.wheel import Wheel

NO_WHEEL = Wheel("modelmon-0-py3-none-any.whl", (), "")  # a check needs none
READS_EVENTS, READS_REPORTS = ("modelmon-stream", "stream"), ("modelmon-writer", "writer")
"""ModelMon's own functions, by their names and by those of their template folders."""


def check_function(path: Path, name: str, plan: Plan, *, any_platform: bool = False) -> list[Finding]:
    """What is wrong with the function.yaml of the function `name`, everything that `bundle` refuses included.

    With `any_platform` what differs between the platforms is left out.
    """
    target = target_of(plan, name, path.parent)
    target = replace(target, platform="") if any_platform else target
    found = check_file(path, target, placeholders_of(plan, name))
    if any(finding.level == ERROR for finding in found) or is_bundled(path.parent):
        return found
    try:
        text = render_folder(path.parent, name, plan, NO_WHEEL).text
    except ConfigError as problem:
        said = f"can't be deployed: {problem}"
        return [*found, Finding(1, "", "", said, "mend it here, or the setting it names", file=str(path))]
    as_rendered = replace(target, as_it_stands=True)
    rendered = [finding for finding in check_text(text, as_rendered) if finding.level == ERROR]
    return [*found, *(replace(finding, file=f"{path}, rendered") for finding in rendered)]


def render_folder(
    folder: Path, name: str, plan: Plan, wheel: Wheel, choose_port: Callable[[], int] = lambda: 0
) -> Rendered:
    """The function in `folder` as it is deployed. Raises ConfigError, also for its requirements."""
    requirements = read_requirements(folder / REQUIREMENTS)
    for line in requirements:
        _refuse_what_is_only_here(line, folder / REQUIREMENTS)
    text = (folder / FILE).read_text(encoding="utf-8")
    return render_function(text, name, plan, wheel, requirements, choose_port)


def _refuse_what_is_only_here(line: str, path: Path) -> None:
    """ConfigError for a line of requirements that means something on this machine alone."""
    if line.startswith("--find-links") and "://" not in line:
        raise ConfigError(
            f"{path}: {line!r} names a folder of this machine, which no image has; name an index that can be "
            "reached from where images are built"
        )
    if "${" in line:
        raise ConfigError(
            f"{path}: {line!r} takes a variable from the environment, and an image is built without this "
            "machine's; name an index that asks for no password, or build on an image of your own (image=)"
        )


def target_of(plan: Plan, name: str, folder: Path | None) -> Target:
    """What a function called `name` is checked for."""
    settings = plan.settings
    named = {
        settings.app_stream.format(name=name): (settings.app_partitions, app_group(settings, name)),
        settings.events_stream: (
            settings.events_partitions,
            _only(READS_EVENTS, name, events_group(settings)),
        ),
        settings.writer_stream: (
            settings.writer_partitions,
            _only(READS_REPORTS, name, writer_group(settings)),
        ),
    }
    if not plan.on_v3io:
        named |= {topic_of(settings, stream): known for stream, known in named.items()}
    return Target(
        plan.platform,
        {stream: partitions for stream, (partitions, _) in named.items()},
        folder,
        {stream: group for stream, (_, group) in named.items() if group},
        as_it_stands=folder is None or not _is_rendered(folder),
    )


def _is_rendered(folder: Path) -> bool:
    """Whether ModelMon renders a folder before nuctl gets it: what a project has deployed, and templates."""
    if is_bundled(folder):
        return False
    try:
        return STATE_FOLDER in folder.absolute().parts or "${" in (folder / FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False  # the check says so


def _only(names: tuple[str, ...], name: str, group: str) -> str:
    return group if name in names else ""
