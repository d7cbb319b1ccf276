"""A file of recorded messages, one JSON value a line: what it is not, and what each line holds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from modelmon.errors import RejectedError, UnavailableError

EXPECTED = "publish takes UTF-8, one JSON value a line"
_BOM = b"\xef\xbb\xbf"
_PACKED = {
    b"\x1f\x8b": ("gzip", "zcat"),
    b"BZh": ("bzip2", "bzcat"),
    b"\xfd7zXZ": ("xz", "xzcat"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstdcat"),
    b"PK\x03\x04": ("zip", "unzip -p"),
}
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


@contextmanager
def recorded(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The open file and its bytes, None where nobody knows; - is standard input.

    Raises UnavailableError where it can't be read, RejectedError for what is no text in UTF-8.
    """
    if file == "-":
        _check_kind(file, _peeked(sys.stdin.buffer))
        yield sys.stdin.buffer, None
        return
    try:
        with Path(file).open("rb") as source:
            _check_kind(file, _peeked(source))
            yield source, Path(file).stat().st_size
    except OSError as error:
        raise UnavailableError(f"{file} can't be read: {error.strerror}") from error


def lines(file: str, source: BinaryIO) -> Iterator[tuple[int, bytes, bytes]]:
    """(number, the line as it is, what it says) of every line; a blank one says nothing.

    Raises RejectedError for a line that is no JSON value, with its number.
    """
    for number, line in enumerate(source, 1):
        body = line.removeprefix(_BOM).strip() if number == 1 else line.strip()
        if body:
            with of_line(file, number):
                _check_json(body, is_first=number == 1)
        yield number, line, body


@contextmanager
def of_line(file: str, number: int) -> Iterator[None]:
    """A RejectedError raised inside names the file and the line."""
    try:
        yield
    except RejectedError as error:
        raise RejectedError(f"{file}, line {number}: {error.reason}") from None


def _peeked(source: BinaryIO) -> bytes:
    peek: Any = getattr(source, "peek", None)
    return bytes(peek(64)[:64]) if peek else b""


def _check_kind(file: str, head: bytes) -> None:
    shown, name = ("standard input", "FILE") if file == "-" else (file, file)
    for mark, (kind, tool) in _PACKED.items():
        if head.startswith(mark):
            raise RejectedError(
                f"{shown} is packed with {kind}; {EXPECTED}: `{tool} {name} | modelmon publish -`"
            )
    if head.startswith(_WIDE) or b"\x00" in head[:4]:
        raise RejectedError(
            f"{shown} is in UTF-16 or UTF-32; {EXPECTED}: "
            f"`iconv -f UTF-16 -t UTF-8 {name} | modelmon publish -`"
        )


def _check_json(body: bytes, *, is_first: bool) -> None:
    try:
        json.loads(body.decode(), parse_int=str)  # not msgspec: recorded events may hold NaN
    except UnicodeDecodeError as error:
        raise RejectedError(f"not UTF-8 at byte {error.start}; {EXPECTED}") from None
    except RecursionError:
        raise RejectedError("nested too deeply, some 1,000 lists or objects inside each other") from None
    except json.JSONDecodeError as error:
        # A document over several lines breaks off at the end of the first of them.
        if is_first and body[:1] in b"{[" and error.pos >= len(error.doc):
            raise RejectedError(
                f"not a JSON value: {error}; {EXPECTED}. If the file is one document over several lines: "
                "`jq -c . FILE | modelmon publish -`"
            ) from None
        raise RejectedError(f"not a JSON value: {error}; {EXPECTED}") from None
