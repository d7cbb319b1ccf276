"""What is said of a modelmon.yaml, or of a name in it, that can't be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from modelmon.errors import ConfigError

NAME = re.compile(r"[\w-]{1,64}")


def refuse_empty(file: Path) -> None:
    """ConfigError for a modelmon.yaml that has lost what it said: its project would become another one."""
    if file.is_file():
        raise ConfigError(f"{file} is empty; write `project: NAME` into it, the project's name")


def unknown_setting(name: str, file: Path | None, known: Iterable[str]) -> str:
    """What is said of a setting that does not exist; `file` is where settings are written, if anywhere."""
    where = f"{file}: " if file is not None and file.is_file() else ""
    if not NAME.fullmatch(name):  # `password:secret` without a space is a name to YAML
        return f"{where}unknown setting: a line without `name: value`"
    close = get_close_matches(name.lower(), known, n=1)
    mend = f"did you mean {close[0]}?" if close else "'Settings' in the docs lists them"
    return f"{where}unknown setting {name!r}; {mend}"
