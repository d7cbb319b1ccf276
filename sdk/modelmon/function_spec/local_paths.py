"""Files and folders that a caller names: whether there can be one, and where it is."""

from __future__ import annotations

import os
from pathlib import Path

from modelmon.errors import ConfigError


def check_path(path: str | Path, argument: str) -> None:
    """ConfigError for what no disk can have as a name."""
    try:
        valid = "\0" not in str(path) and bool(os.fsencode(path))
    except UnicodeEncodeError:
        valid = False
    if not valid:
        raise ConfigError(f"{argument}: {str(path)!r} can't be the name of a file or folder")


def existing(path: object, argument: str, base: Path) -> Path:
    """The absolute path of a file or folder of the user's; a relative one is tried from the current
    folder, then from the project's. ConfigError when it is not there."""
    if not isinstance(path, str | Path) or not str(path):
        raise ConfigError(f"{argument}: must be the path of a file or folder, got {path!r}")
    if "://" in str(path):
        raise ConfigError(f"{argument}: must be a local path, got {str(path)!r}")
    check_path(path, argument)
    given = Path(path).expanduser()
    for candidate in (given, base / given):
        if candidate.exists():
            return candidate.resolve()
    looked = "" if given.is_absolute() else f" (looked in {_in_words(Path.cwd(), base.resolve())})"
    raise ConfigError(f"{argument}: {str(path)!r} does not exist{looked}")


def _in_words(*folders: Path) -> str:
    return " and ".join(dict.fromkeys(map(str, folders)))
