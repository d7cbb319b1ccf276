"""Methods of a project that its own machine alone can do: asking for them elsewhere says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelmon.errors import ConfigError

SERVING = (
    "a serving function is set and deployed where the project is, with its classes and models at hand; "
    "apps can be set from here"
)
JOBS = "a job is set and deployed where the project is, which it runs beside and logs models into"
CREDENTIALS = "passwords and addresses of stores stay on the project's machine: give them there"
ARTIFACTS = (
    "it is kept where the project is; list_logged_artifacts lists what was logged, log_model keeps a model"
)
SETTINGS = "settings and folders are on the project's machine"


def not_here(name: str, reason: str) -> Callable[..., Any]:
    """A method that raises ConfigError with the reason."""

    def refused(self: Any, *args: Any, **given: Any) -> Any:
        raise ConfigError(f"{name}: not from another machine: {reason}")

    refused.__name__ = name
    refused.__doc__ = f"Not from another machine: {reason}."
    return refused
