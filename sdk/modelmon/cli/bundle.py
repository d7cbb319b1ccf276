"""`modelmon bundle`: function folders that `nuctl deploy` takes as they stand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, errors, load_settings, print_json
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import find_project

if TYPE_CHECKING:
    from modelmon.deploying.procedure import Prepared
    from modelmon.settings import Settings

OUTPUT = Path("dist/functions")
Output = Annotated[
    Path | None,
    typer.Option(help="Where the folders go; without it dist/functions, in a project that of its folder."),
]
Brokers = Annotated[
    str,
    typer.Option(help="Kafka's host:port as functions reach it, several with commas.", show_default=False),
]
Wheel = Annotated[Path | None, typer.Option(help="ModelMon's wheel; without it the installed one is packed.")]
Platform = Annotated[
    str, typer.Option(help="local (Docker) or kube; without it the setting.", show_default=False)
]


def bundle(
    output: Output = None,
    brokers: Brokers = "",
    wheel: Wheel = None,
    platform: Platform = "",
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Write function folders that `nuctl deploy` takes as they stand.

    Each holds function.yaml, main.py, README.md and ModelMon's wheel. Inside
    a project: the functions deployed there, with the project's settings as
    environment. Elsewhere: the functions that come with ModelMon. The
    strict check (`modelmon check`) has to find nothing wrong with them.

    Examples:

      modelmon bundle --brokers kafka-1:9092,kafka-2:9092

      nuctl deploy NAME --path dist/functions/NAME
    """
    from modelmon.deploying.procedure import prepare
    from modelmon.deploying.secrets import secret_files, secret_variables

    settings = chosen_settings(project_dir)
    output = output or default_output(settings)
    written = prepare(settings, output, platform=platform, brokers=brokers, wheel=wheel)
    warn(written)
    if as_json:
        print_json({"functions": [{"name": name, "folder": str(output / name)} for name in written.names]})
        return
    for name in written.names:
        console.print(f"  {escape(str(output / name))}", highlight=False)
    console.print("nuctl deploy NAME --path FOLDER takes each of them, modelmon deploy all.")
    for name in secret_variables(written.plan) | secret_files(written.plan):
        console.print(
            f"{name} is secret, so it is in none of them: 'Secrets under Nuclio' in the docs says how "
            "functions get it."
        )


def chosen_settings(project_dir: Path | None) -> Settings:
    """The project's settings; without a project those of the environment."""
    from modelmon.settings import Settings

    if project_dir is None:
        try:
            find_project(Path.cwd())
        except ConfigError:
            return Settings.load()
    return load_settings(project_dir)


def default_output(settings: Settings) -> Path:
    """`dist/functions` of the project, wherever in it we are; outside a project of the current folder. As it
    is written from here."""
    return Path(os.path.relpath(Path(settings.project_dir or ".") / OUTPUT))


def warn(prepared: Prepared) -> None:
    """Say on stderr what may be meant so."""
    for text in (*map(str, prepared.findings), *prepared.unreachable):
        errors.print(f"[yellow]{escape(text)}[/yellow]", highlight=False, soft_wrap=True)
