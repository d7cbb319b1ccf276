"""The page and the API: one ASGI application over the views.

`uvicorn modelmon.api:app` serves the project of the current folder.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from modelmon.api.application import make_application
    from modelmon.settings import Settings

    return make_application([Settings.load()])
