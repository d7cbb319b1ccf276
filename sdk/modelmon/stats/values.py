"""What one cell means: as a number, as a category, and a float32 as the decimal it was written as."""

from __future__ import annotations

import math
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

BOOLEANS = {"true": 1.0, "false": 0.0}


def as_number(value: Any) -> float | None:
    """The number that `value` is or spells; None when it is none.

    >>> as_number("2.5"), as_number(True), as_number("n/a"), as_number([1])
    (2.5, 1.0, None, None)
    """
    if isinstance(value, str):
        text = value.strip().lower()
        if text in BOOLEANS:
            return BOOLEANS[text]
        if "_" in text:  # Python's own digit grouping, which no data means
            return None
    elif isinstance(value, bytes | bytearray) or not isinstance(value, SupportsFloat):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def as_category(value: Any) -> str:
    """The name of a category; a whole float is named as the integer it was before a gap made it a float.

    >>> as_category(3.0), as_category("JFK"), as_category(True)
    ('3', 'JFK', 'True')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def is_gap(value: Any) -> bool:
    """Whether a value stands for a missing one: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def as_written(numbers: NDArray[np.float32]) -> NDArray[np.float64]:
    """float32 as float64, with short decimals restored.

    A model is trained on float32(0.7) = 0.699999988…, its clients send 0.7: unequal numbers that may lie
    in unequal bins. Where at most 7 digits give the same float32, they are taken.

    >>> as_written(np.array([0.7, 1e9], dtype=np.float32)).tolist()
    [0.7, 1000000000.0]
    """
    plain = numbers.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        digits = 6 - np.floor(np.log10(np.abs(plain)))
        power = 10.0 ** np.where((digits >= 0) & (digits <= 22), digits, 0)
        short = np.rint(plain * power) / power
        return np.where(short.astype(np.float32) == numbers, short, plain)
