"""Model monitoring as a bundle of Nuclio functions, that also runs on a laptop."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from modelmon.from_mlrun import missing_name
from modelmon.from_mlrun.importing import install

# Public names and where they live: nothing is imported until it is asked for (PEP 562), so that a
# model server pays for the serving side alone.
_EXPORTS = {
    "ConfigError": "modelmon.errors",
    "RejectedError": "modelmon.errors",
    "UnavailableError": "modelmon.errors",
    "ResultKindApp": "modelmon.model",
    "ResultStatusApp": "modelmon.model",
    "Settings": "modelmon.settings",
    "V2ModelServer": "modelmon.serving",
    "code_to_function": "modelmon.project",
    "get_offline_features": "modelmon.feature_store",
    "get_or_create_project": "modelmon.project",
    "import_function": "modelmon.project",
    "iter_offline_features": "modelmon.feature_store",
    "load_project": "modelmon.project",
    "new_function": "modelmon.project",
}

__all__ = sorted(_EXPORTS)
__version__ = "0.1.0"

install()


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise missing_name(__name__, name)
    try:
        return getattr(import_module(_EXPORTS[name]), name)
    except ModuleNotFoundError as error:
        from modelmon.extras import missing

        told = missing(error)
        if told is None:
            raise
        raise told from error


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
