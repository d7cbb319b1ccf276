"""`modelmon bundle`: function folders that `nuctl deploy` takes as they stand."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, errors, load_settings, print_json
from modelmon.errors import ConfigError
from modelmon.local.folders import find_project

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelmon.deploying.findings import Finding
    from modelmon.settings import Settings

OUTPUT = Path("dist/functions")
Output = Annotated[Path, typer.Option(help="Where the folders go.")]
Brokers = Annotated[
    str,
    typer.Option(help="Kafka's host:port as functions reach it, several with commas.", show_default=False),
]
Wheel = Annotated[
    Path | None, typer.Option(help="ModelMon's wheel; without it it is built from this checkout.")
]
Platform = Annotated[
    str, typer.Option(help="local (Docker) or kube; without it the setting.", show_default=False)
]


def bundle(
    output: Output = OUTPUT,
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
    from modelmon.deploying.bundling import bundle as write
    from modelmon.deploying.bundling import find_wheel, functions_to_bundle
    from modelmon.deploying.plan import make_plan, out_of_reach
    from modelmon.deploying.secrets import secret_files, secret_variables

    settings = chosen_settings(project_dir)
    plan, folders = make_plan(settings, platform, brokers), functions_to_bundle(settings)
    with TemporaryDirectory() as scratch:
        findings = write(plan, folders, output, find_wheel(wheel or settings.nuclio_wheel, Path(scratch)))
    warn(findings, out_of_reach(plan))
    if as_json:
        print_json({"functions": [{"name": name, "folder": str(output / name)} for name in folders]})
        return
    for name in folders:
        console.print(f"  {escape(str(output / name))}", highlight=False)
    console.print("nuctl deploy NAME --path FOLDER takes each of them, modelmon deploy all.")
    for name in secret_variables(plan) | secret_files(plan):
        console.print(
            f"{name} is secret, so it is in none of them: docs/deploy.md says how functions get it."
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


def warn(findings: Iterable[Finding], unreachable: Iterable[str]) -> None:
    """Say on stderr what may be meant so."""
    for text in (*map(str, findings), *unreachable):
        errors.print(f"[yellow]{escape(text)}[/yellow]", highlight=False, soft_wrap=True)
