"""What a result was judged by: it stands in the result's extra data, so that it is that of its window."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec


class Thresholds(NamedTuple):
    """From which value on a result is suspected, and detected; None where the app does not say."""

    potential: float | None = None
    detected: float | None = None


class _Extra(msgspec.Struct):
    potential_threshold: object = None
    detected_threshold: object = None


_decode = msgspec.json.Decoder(_Extra).decode
NONE = Thresholds()


def thresholds_of(extra_data: str) -> Thresholds:
    """Those in the extra data of a result.

    >>> thresholds_of('{"potential_threshold": 0.5, "detected_threshold": 0.7, "rows": 9}')
    Thresholds(potential=0.5, detected=0.7)
    >>> thresholds_of("no object")
    Thresholds(potential=None, detected=None)
    """
    try:
        found = _decode(extra_data)
    except msgspec.DecodeError:
        return NONE
    return Thresholds(_number(found.potential_threshold), _number(found.detected_threshold))


def above(limit: float | None, value: float) -> float:
    """How many times its threshold a value is; 1 where there is none, so that the value alone says more.

    >>> above(0.5, 0.75), above(None, 0.75)
    (1.5, 1.0)
    """
    return value / limit if limit else 1.0


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]
