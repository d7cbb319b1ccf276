"""The kinds of value that `alerts.yaml` has: each is read, or what is wrong with it is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from modelmon.alerting.alerts import SECOND_US
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, did_you_mean, error

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,3})?) ?(ms|s|m|h|d)")
_UNITS_US = {
    "ms": 1000, "s": SECOND_US, "m": 60 * SECOND_US, "h": 3600 * SECOND_US, "d": 86400 * SECOND_US,
}  # fmt: skip
MOST_US = 366 * 86400 * SECOND_US
TOO_LONG = "is too long: 366d at most"


def unshown(node: Node, problem: str, mend: str) -> Finding:
    """As `error`, without the value: it may be a password at the wrong key."""
    return Finding(node.line, node.key, "", problem, mend)


def duration_us(text: object) -> int | None:
    """Microseconds of a length of time; None for what is none, or is too long.

    >>> duration_us("90s"), duration_us("2h"), duration_us("soon"), duration_us("500d")
    (90000000, 7200000000, None, None)
    """
    length = _length_us(text)
    return None if length is None or length > MOST_US else length


def is_too_long(text: object) -> bool:
    """Whether it is a length of time, of more than a year.

    >>> is_too_long("500d"), is_too_long("366d"), is_too_long("soon")
    (True, False, False)
    """
    return (_length_us(text) or 0) > MOST_US


def _length_us(text: object) -> int | None:
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    return round(float(match[1]) * _UNITS_US[match[2]]) if match else None


def written_duration(length_us: int) -> str:
    """As people write it, in the largest unit that it has a whole number of; "" for none.

    >>> written_duration(90_000_000), written_duration(7_200_000_000), written_duration(0)
    ('90s', '2h', '')
    """
    for unit, unit_us in reversed(_UNITS_US.items()):
        if length_us and length_us % unit_us == 0:
            return f"{length_us // unit_us}{unit}"
    return ""


def duration(node: Node, found: list[Finding]) -> int:
    """Microseconds of `30s`, `5m`, `2h`, `1d`, or 0."""
    if node.data == 0 and not isinstance(node.data, bool):
        return 0
    length = duration_us(node.data)
    if length is None:
        what = "is too long" if is_too_long(node.data) else "is no length of time"
        found.append(error(node, what, "write for example 30s, 5m, 2h or 1d; 366d at most"))
    return length or 0


def known_keys(node: Node, keys: Sequence[str], found: list[Finding]) -> bool:
    """Whether it is a mapping; keys that it does not know, or has twice, are told."""
    if not isinstance(node.data, dict):
        found.append(unshown(node, "must be `key: value` lines", f"it has {', '.join(keys)}"))
        return False
    found.extend(unshown(each, "stands there twice", "keep one of the two") for each in node.repeated)
    for key, each in node.entries.items():
        if key not in keys:
            mend = did_you_mean(key, keys, f"there are {', '.join(keys)}")
            found.append(unshown(each, "is no key here", mend))
    return True


def names(node: Node, known: Sequence[str], what: str, found: list[Finding]) -> tuple[str, ...]:
    """A list of names, or one name, all of them known."""
    items = node.items if isinstance(node.data, list) else (node,)
    for item in items:
        if item.data not in known:
            listed = f"there are {', '.join(known)}" if known else "there is none"
            found.append(error(item, f"is no {what}", did_you_mean(str(item.data), known, listed)))
    return tuple(dict.fromkeys(item.data for item in items if item.data in known))


def patterns(node: Node, found: list[Finding]) -> tuple[str, ...]:
    """A list of patterns, or one."""
    items = node.items if isinstance(node.data, list) else (node,)
    wrong = [item for item in items if not isinstance(item.data, str) or not item.data]
    found.extend(error(item, "is no name or pattern", "write it in quotes, 'churn-*'") for item in wrong)
    return tuple(dict.fromkeys(str(item.data) for item in items if item not in wrong))


def flag(node: Node, found: list[Finding]) -> bool:
    """True or false."""
    if not isinstance(node.data, bool):
        found.append(error(node, "must be true or false", "write true or false, without quotes"))
    return node.data is True


def text(node: Node, found: list[Finding], most: int = 500) -> str:
    """A text of one line."""
    value: Any = node.data
    if not isinstance(value, str) or not value.strip() or len(value) > most or not value.isprintable():
        found.append(
            error(node, f"must be a text of one line, of {most} letters at most", "write it in quotes")
        )
        return ""
    return value.strip()


def link(node: Node, found: list[Finding]) -> str:
    """An address that a person may open."""
    value = text(node, found)
    if value and not value.startswith(("https://", "http://")):
        found.append(error(node, "is no link", "write for example https://wiki.example.com/churn"))
        return ""
    return value
