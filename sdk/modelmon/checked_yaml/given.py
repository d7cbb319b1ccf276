"""A file of ours as somebody gives it: as text, or as the path of a file."""

from __future__ import annotations

from pathlib import Path

from modelmon.errors import ConfigError


def given_text(given: object, what: str) -> str:
    """The text of it: one with several lines as it is, else that of the file at this path.

    Raises ConfigError that says `what` was to be given.
    """
    if isinstance(given, str) and "\n" in given:
        return given
    if not isinstance(given, str | Path) or not given:
        raise ConfigError(f"{what}: must be its text or the path of a file, got {given!r}")
    try:
        return Path(given).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{what}: {str(given)!r} {no_utf8(error)}") from None
    except (OSError, ValueError) as error:  # or no path
        raise ConfigError(f"{what}: {str(given)!r} can't be read: {error}") from None


def no_utf8(error: UnicodeDecodeError) -> str:
    """What is wrong with a file that is not in UTF-8, by line, and what would be right.

    >>> no_utf8(UnicodeDecodeError("utf-8", b"a: 1\\nb: \\xe4", 8, 9, "invalid"))
    "can't be read: line 2 has the byte 0xe4, which is no UTF-8; save the file in UTF-8"
    """
    byte = error.object[error.start]
    said = f"line {line_of(error)} has the byte {byte:#04x}, which is no UTF-8"
    return f"can't be read: {said}; save the file in UTF-8"


def line_of(error: UnicodeDecodeError) -> int:
    """The line that the first byte is in which is no UTF-8."""
    return error.object.count(b"\n", 0, error.start) + 1


def called(given: object, what: str) -> str:
    """What errors call it: by its path, where it has one."""
    return what if isinstance(given, str) and "\n" in given else f"{what} {given}"
