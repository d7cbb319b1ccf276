"""Which requirements a function has: those that were given, else the requirements.txt beside its code."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from modelmon.errors import ConfigError
from modelmon.function_spec.requirements import (
    FILE,
    read_requirements,
    write_requirements,
)

LEAVE_OUT = "requirements=[] deploys without that file"


def model_packages() -> list[str]:
    """What a scikit-learn model needs to be served: scikit-learn as it is installed here, which the model was
    most likely made with (any, where none is), and pandas for one that was fitted on a frame."""
    try:
        return [f"scikit-learn=={version('scikit-learn')}", "pandas"]
    except PackageNotFoundError:
        return ["scikit-learn", "pandas"]


def settle_requirements(folder: Path, given: Sequence[str] | None, source: Path | None) -> None:
    """Leave in a deployed folder the requirements.txt that holds: the lines given, else the file beside the
    code that was deployed (`source`; None: the folder's own files are all there is)."""
    if given is None:
        beside = (folder if source is None else source if source.is_dir() else source.parent) / FILE
        try:
            given = read_requirements(beside)
        except ConfigError as error:
            raise ConfigError(f"{error}; {LEAVE_OUT}") from None
    write_requirements(folder, given)
