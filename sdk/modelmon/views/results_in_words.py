"""Results in words, as every view tells them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

IN_WORDS = "in_words"
"""Key of extra data: the result, as it is told to people."""
BEGINNING = "beginning"
"""Key of extra data: since when it is so, where that is earlier than when it was found."""


def words(name: str, value: float, extra: str, *marks: str) -> str:
    """A result in words, what it is about first: "wind 0.88, feature_drift"; with `marks` in brackets. What
    has words of its own is told in them."""
    detail = extra_data(extra)
    feature, own = detail.get("feature"), detail.get(IN_WORDS)
    marked = f" ({', '.join(marks)})" if marks else ""
    if isinstance(own, str) and own:
        return own + marked
    return (f"{feature} {value:.2f}, {name}" if feature else f"{name} {value:.2f}") + marked


def extra_data(text: str) -> dict[str, Any]:
    """The extra data of a result; {} where they are something else."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def beginning(detail: Mapping[str, Any]) -> datetime | None:
    """Since when it is so, by the extra data; None where that is when it was found.

    >>> print(beginning({"beginning": "2025-01-31T10:00:00Z"}), beginning({"beginning": "soon"}))
    2025-01-31 10:00:00+00:00 None
    """
    said = detail.get(BEGINNING)
    try:
        return datetime.fromisoformat(said).astimezone(UTC) if isinstance(said, str) else None
    except ValueError:
        return None


def whole_number(value: object) -> int | None:
    """A count in the extra data; None where it is something else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0]
