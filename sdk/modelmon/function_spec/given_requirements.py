"""Requirements as a caller gives them: lines, or the path of a file with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelmon.errors import ConfigError
from modelmon.function_spec.local_paths import existing
from modelmon.function_spec.requirements import check_requirements, read_requirements


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


def with_given(
    before: Sequence[str] | None, requirements: object, requirements_file: object, base: Path
) -> list[str]:
    """The lines that a function has already, and after them those that a caller gave."""
    return [*(before or ()), *(given_requirements(requirements, requirements_file, base) or ())]


def _listed(requirements: object) -> list[str]:
    lines = [requirements] if isinstance(requirements, str) else requirements
    if lines is None:
        return []
    if not isinstance(lines, Sequence) or not all(isinstance(line, str) for line in lines):
        raise ConfigError(f"requirements: must be a list of texts like 'river==0.21.0', got {requirements!r}")
    return list(lines)
