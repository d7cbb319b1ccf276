"""A workspace of Evidently's in a folder that several workers share: opened, and given runs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from modelmon.errors import ConfigError, UnavailableError
from modelmon.file_locks import locked

LOCK = ".modelmon.lock"
SNAPSHOTS = "snapshots"
"""Evidently's folder of a project's runs."""


def alone_with(path: str) -> AbstractContextManager[None]:
    """The only one who opens the workspace or makes a project in it."""
    return locked(Path(path) / LOCK)


def open_workspace(path: str) -> Any:
    """The workspace in this folder, made where it is empty; without its runs, which are read later."""
    with alone_with(path), _without_runs():
        return import_module("evidently.ui.workspace").Workspace.create(str(path))


def write_run(workspace: Any, project_id: Any, run_id: uuid.UUID, run: Any) -> None:
    """Keep a run under this id, whole or not at all. Raises ConfigError for a workspace that is no folder,
    UnavailableError where it can't be written now."""
    if not hasattr(workspace, "path"):
        raise ConfigError(
            "add_run: takes a workspace in a folder; for another one there is evidently_workspace.add_run"
        )
    encoder = import_module("evidently.legacy.utils").NumpyEncoder
    text = json.dumps(run.to_snapshot_model().dict(), cls=encoder)
    folder = Path(workspace.path) / str(project_id) / SNAPSHOTS
    hidden = folder / f".{uuid.uuid4().hex}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        hidden.write_text(text, encoding="utf-8")
        hidden.replace(folder / f"{run_id}.json")
    except OSError as error:
        raise UnavailableError(f"Evidently's workspace can't be written: {error}") from error


@contextmanager
def _without_runs() -> Iterator[None]:
    """Evidently reads every run of every project when a workspace is opened, for a service that is not here:
    memory would grow with each window, and a run that was left half written would end every start."""
    state = import_module("evidently.ui.service.storage.local.base").LocalState
    own = state.reload_snapshots
    state.reload_snapshots = lambda self, *arguments, **options: None
    try:
        yield
    finally:
        state.reload_snapshots = own
