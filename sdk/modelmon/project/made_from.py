"""MLRun's calls that make a function without a project object: the project is found by name or folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelmon.errors import ConfigError
from modelmon.from_mlrun import refuse
from modelmon.from_mlrun.where import HUB
from modelmon.model_monitoring.locating import settings_of
from modelmon.project.project import Project
from modelmon.project.serving_function import ServingFunction


def code_to_function(
    name: str = "",
    project: str | Project = "",
    tag: str = "",
    filename: str = "",
    handler: str = "",
    kind: str = "",
    image: str | None = None,
    code_output: str = "",
    embed_code: bool = True,
    description: str = "",
    requirements: str | list[str] | None = None,
    categories: list[str] | None = None,
    labels: dict[str, str] | None = None,
    with_doc: bool = True,
    ignored_tags: str | None = None,
    requirements_file: str = "",
) -> ServingFunction:
    """`project.set_function(filename, …)` of the project of this name, around the current folder."""
    if not filename:
        raise ConfigError("filename: is needed, the Python file with the model's class; a notebook is none")
    refuse("code_to_function", handler=handler, code_output=code_output)
    return _made(project, filename, name, kind, image, requirements, requirements_file)


def new_function(
    name: str = "",
    project: str | Project = "",
    tag: str = "",
    kind: str = "",
    command: str = "",
    image: str = "",
    args: list[str] | None = None,
    runtime: Any = None,
    mode: str | None = None,
    handler: str | None = None,
    source: str | None = None,
    requirements: str | list[str] | None = None,
    kfp: bool | None = None,
    requirements_file: str = "",
) -> ServingFunction:
    """`project.set_function(command, …)`; without `command` its classes come from installed packages."""
    refuse("new_function", args=args, runtime=runtime, mode=mode, handler=handler, source=source, kfp=kfp)
    return _made(project, command or None, name, kind, image, requirements, requirements_file)


def import_function(
    url: str = "",
    secrets: Any = None,
    db: str = "",
    project: str | Project | None = None,
    new_name: str | None = None,
) -> ServingFunction:
    """The ready model server `hub://v2-model-server`; another function is found by `project.get_function`."""
    refuse("import_function", secrets=secrets, db=db)
    if not url.startswith(HUB):
        raise ConfigError(
            f"url: there is {HUB}v2-model-server; project.get_function(name) finds others, got {url!r}"
        )
    return _found(project).set_function(url, new_name or "v2-model-server")


def _made(
    project: str | Project,
    source: str | None,
    name: str,
    kind: str,
    image: str | None,
    requirements: str | list[str] | None,
    requirements_file: str,
) -> ServingFunction:
    return _found(project).set_function(
        source,
        name,
        kind or ServingFunction.kind,
        image,
        requirements=requirements,
        requirements_file=requirements_file,
    )


def _found(project: str | Project | None) -> Project:
    if isinstance(project, Project):
        return project
    settings = settings_of(project or None)
    return Project(settings.project, Path(settings.project_dir))
