"""What nuctl and containers say, in which they repeat their arguments, without the values of secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with `***` in the place of each secret and of whatever stands before an address's `@`.

    >>> without_secrets("--env KEY=abc kafka://me:pw@host", ["abc"])
    '--env KEY=*** kafka://***@host'
    """
    for value in sorted(filter(None, secrets), key=len, reverse=True):
        text = re.sub("".join(map(_written, value)), "***", text)
    return re.sub(r"://[^\s'\"]*@", "://***@", text)


def _written(letter: str) -> str:
    """A pattern of every way to write a letter: as it is, and within a text in JSON, Go, a shell or a URL,
    be it one in the other."""
    octets = "".join(f"%{octet:02x}" for octet in letter.encode())
    units = letter.encode("utf-16-be").hex()
    escaped = "".join(rf"\\{{1,9}}u{units[index : index + 4]}" for index in range(0, len(units), 4))
    long = rf"\\{{1,9}}(?:U{ord(letter):08x}|x{ord(letter):02x})"
    plus = r"|\+" if letter == " " else ""
    return rf"(?:(?i:{octets}|{escaped}|{long}){plus}|\\{{0,9}}{re.escape(letter)})"
