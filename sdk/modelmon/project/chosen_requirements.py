"""Which requirements a function has: those that were given, else the requirements.txt beside its code."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from modelmon.errors import ConfigError
from modelmon.function_spec.requirements import (
    FILE,
    check_requirements,
    read_requirements,
    write_requirements,
)
from modelmon.project.functions import existing

LEAVE_OUT = "requirements=[] deploys without that file"


def given_requirements(requirements: object, requirements_file: object, base: Path) -> list[str] | None:
    """The lines that a caller gave as `requirements` (one, a list, or a file's path) and `requirements_file`.

    None when nothing was given; an empty list asks for none. Raises ConfigError for what is no requirement.
    """
    if isinstance(requirements, str) and requirements.endswith(".txt"):  # MLRun takes a path here too
        requirements, requirements_file = None, requirements_file or requirements
    if requirements is None and not requirements_file:
        return None
    found = list(check_requirements(_listed(requirements), base))
    if requirements_file:
        found += read_requirements(existing(requirements_file, "requirements_file", base))
    return found


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


def _listed(requirements: object) -> list[str]:
    lines = [requirements] if isinstance(requirements, str) else requirements
    if lines is None:
        return []
    if not isinstance(lines, Sequence) or not all(isinstance(line, str) for line in lines):
        raise ConfigError(f"requirements: must be a list of texts like 'river==0.21.0', got {requirements!r}")
    return list(lines)
