"""`modelmon enable`: the project's monitoring is turned on, with the apps that are wanted."""

from __future__ import annotations

from typing import Annotated

import typer

from modelmon.cli.output import ProjectDir, load_settings


def enable(
    app: Annotated[
        list[str] | None,
        typer.Option(
            help="Name of an app that comes with ModelMon, may be given several times; without it those that "
            "run by default, and `none` for no app."
        ),
    ] = None,
    base_period: Annotated[
        int | None, typer.Option(min=1, help="Minutes of a window; without it the setting.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until `modelmon up` runs them.")] = False,
    project_dir: ProjectDir = None,
) -> None:
    """Turn the project's monitoring on: deploy stream, controller, writer and apps.

    What is deployed already stays as it is, and what is missing is added: so
    the same command adds an app that comes with a newer ModelMon.

    Examples:

      modelmon enable

      modelmon enable --app histogram-data-drift --base-period 60
    """
    from modelmon.project import get_or_create_project

    settings = load_settings(project_dir)
    project = get_or_create_project(settings.project, context=settings.project_dir)
    project.enable_model_monitoring(base_period, apps=app or None, wait_for_deployment=wait)
