"""`modelmon up`: a project's functions at work."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import ProjectDir, errors, load_settings

if TYPE_CHECKING:
    from modelmon.local import Runner
    from modelmon.settings import Settings

PAGE = "modelmon-api"
COLOURS = {"info": "dim", "warning": "yellow", "error": "red"}


def up(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Stop by itself once everything published is analysed.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0, help="With --until-idle: give up after so many seconds, with exit code 1.")
    ] = 600.0,
    project_dir: ProjectDir = None,
) -> None:
    """Run the project's functions, as Nuclio would, until Ctrl-C.

    Each trigger's workers are processes of their own; one that crashes is
    started again. Functions that are deployed, changed or removed meanwhile
    are noticed. Ctrl-C lets them write what they hold; a second one ends
    them at once. Their logs are .modelmon/logs/NAME.log. A project whose
    monitoring was never enabled gets it with the defaults.

    Examples:

      modelmon up

      modelmon publish recorded.jsonl && modelmon up --until-idle && modelmon status
    """
    from modelmon.local import Runner

    settings = load_settings(project_dir)
    _check_platform(settings)
    _enable_monitoring(settings)
    _settle_optional(settings)
    _renew(settings)
    runner = Runner(settings.project_dir, tell=_tell)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        runner.start()
        _announce(runner)
        if until_idle:
            _wait_until_idle(runner, timeout)
        else:
            runner.wait()
    except KeyboardInterrupt:
        errors.print("stopping: the functions write what they hold", style="dim")
    finally:
        _stop(runner)


def _check_platform(settings: Settings) -> None:
    from modelmon.errors import ConfigError

    if settings.platform != "embedded":
        raise ConfigError(
            f"platform: {settings.platform} means that Nuclio runs this project's functions, and `modelmon "
            "up` would run them a second time; `modelmon deploy` deploys them, with platform: embedded they "
            "run here"
        )


def _tell(level: str, text: str) -> None:
    errors.print(f"[{COLOURS.get(level, 'dim')}]{level}[/] {escape(text)}", highlight=False, soft_wrap=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _enable_monitoring(settings: Settings) -> None:
    """With the defaults, unless the project has been told before what it wants."""
    from modelmon.ledger import registry
    from modelmon.ledger.records import open_records

    records = open_records(settings)
    try:
        with records.read() as connection:
            known = registry.list_functions(connection)
    finally:
        records.close()
    if not any(function.kind == "infra" for function in known):
        from modelmon.project import get_or_create_project

        get_or_create_project(settings.project, context=settings.project_dir).enable_model_monitoring()


def _settle_optional(settings: Settings) -> None:
    from modelmon.project.monitoring import settle_optional

    settle_optional(settings)


def _renew(settings: Settings) -> None:
    from modelmon.deploying.renewing import in_words, renew

    renewed = renew(settings)
    if renewed:
        errors.print(in_words(renewed), highlight=False, soft_wrap=True)


def _announce(runner: Runner) -> None:
    from modelmon.function_spec.folders import address_file, deployed, functions_folder

    project = Path(runner.settings.project_dir)
    errors.print(
        f"[bold]{runner.settings.project}[/bold] is up in {escape(str(project))}; {_how_to_end()}",
        highlight=False,
        soft_wrap=True,
    )
    for name in deployed(functions_folder(project)):
        address = address_file(project, name)
        where = f" at http://{address.read_text(encoding='utf-8')}" if address.is_file() else ""
        is_page = " (the page)" if where and name == PAGE else ""
        errors.print(f"  {name}{where}{is_page}", highlight=False)


def _how_to_end() -> str:
    # A script that starts it in the background has it ignore Ctrl-C, which is meant for the script.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        return f"it was started to ignore Ctrl-C (SIGINT): `kill {os.getpid()}` ends it"
    return "Ctrl-C ends it"


def _wait_until_idle(runner: Runner, timeout: float) -> None:
    with errors.status("starting") as shown:
        runner.wait_until_idle(timeout, lambda left: shown.update(escape(left)))
    errors.print("idle: everything published is analysed; `modelmon status` shows it", style="dim")


def _stop(runner: Runner) -> None:
    """Wait for the drain; an impatient second Ctrl-C cuts it short, and loses nothing either."""
    from modelmon.local.process import TERMINATION_SECONDS

    within_seconds = TERMINATION_SECONDS
    while True:
        try:
            runner.stop(within_seconds)
        except KeyboardInterrupt:
            within_seconds = 0
        else:
            return
