"""The embedded runner: a project's functions on this machine, called as Nuclio calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelmon.local.runner import Runner

__all__ = ["Runner"]


def __getattr__(name: str) -> Any:
    # Each worker process imports this package: it must not pay for the supervisor.
    if name == "Runner":
        from modelmon.local.runner import Runner

        return Runner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
