"""The page and the API: one ASGI application over the views.

`uvicorn modelmon.api:app` serves the project of the current folder, or of one above it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from modelmon.api.application import make_application
    from modelmon.function_spec.folders import find_project
    from modelmon.settings import Settings

    settings = Settings.load()
    if not settings.project_dir and not settings.records_url:  # nothing in the environment says which
        settings = Settings.load(find_project(Path.cwd()))
    return make_application([settings])
