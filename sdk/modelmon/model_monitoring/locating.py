"""From "project", as a caller names it, to its settings and its records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from modelmon.errors import ConfigError
from modelmon.function_spec.folders import find_project
from modelmon.ledger.records import open_records
from modelmon.settings import PREFIX, Settings
from modelmon.sql.database import Database


@runtime_checkable
class HasSettings(Protocol):
    """A project object, as far as it is needed here."""

    @property
    def settings(self) -> Settings: ...


def settings_of(project: HasSettings | str | None, context: object = None) -> Settings:
    """The settings of a project given as object or by name.

    A name is looked for in the folder `context`, else in MODELMON_PROJECT_DIR, else from the current folder
    upward; None takes the project found there whatever its name. Raises ConfigError when there is none, or
    one of another name.
    """
    for holder in (project, context):
        if isinstance(holder, HasSettings):
            return holder.settings
    if not isinstance(project, str | None):
        raise ConfigError(f"project: must be a project or the name of one, got {project!r}")
    if not isinstance(context, str | Path | None):
        raise ConfigError(f"context: must be the project's folder, got {context!r}")
    settings = Settings.load(context or os.environ.get(PREFIX + "PROJECT_DIR") or find_project(Path.cwd()))
    if project and settings.project != project:
        raise ConfigError(
            f"project: {settings.project_dir} holds project {settings.project!r}, not {project!r}; "
            "give its folder as `context`, or run inside it"
        )
    return settings


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The project's records, closed at the end."""
    database = open_records(settings)
    try:
        yield database
    finally:
        database.close()
