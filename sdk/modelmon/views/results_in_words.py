"""Results in words, as every view tells them."""

from __future__ import annotations

from typing import Any

import msgspec


def words(name: str, value: float, extra: str, *marks: str) -> str:
    """A result in words, what it is about first: "wind 0.88, feature_drift"; with `marks` in brackets."""
    feature = extra_data(extra).get("feature")
    marked = f" ({', '.join(marks)})" if marks else ""
    return (f"{feature} {value:.2f}, {name}" if feature else f"{name} {value:.2f}") + marked


def extra_data(text: str) -> dict[str, Any]:
    """The extra data of a result; {} where they are something else."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def whole_number(value: object) -> int | None:
    """A count in the extra data; None where it is something else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0]
