"""What one cell means: as a number, as a text, and a float32 as the decimal it was written as.

A value has one spelling, wherever it is met: in a column of its type, beside values of other types, in the
training set. So a verdict does not depend on which values happened to share a batch or a file.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from numbers import Number
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

BOOLEANS = {"true": 1.0, "false": 0.0}
BYTES = "$bytes"
WRITTEN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
"""A number as programs write it: not 007, which is a text."""
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
INT64 = 2**63
BLOCK = 32_768
_BEYOND_FLOAT32 = np.int64(2**29 - 1)  # the bits of a float64 that no float32 has
_DIGITS = {np.dtype(np.float32): (6, 7), np.dtype(np.float16): (3, 4)}


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
    except OverflowError:  # a whole number beyond the range of floats
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        return None


def spelled(value: Any) -> str:
    """The text of a value: a text is itself, everything else as JSON has it.

    Whole numbers have no point, whatever type a gap or a neighbour gave them, and beyond 64 bits they are
    floats; Decimals are numbers. Bytes are `{"$bytes":"<base64>"}`. Texts are taken as they are, also
    where Unicode has a second way to write the same; half a character (a lone surrogate), which no file and
    no event can hold, is U+FFFD.

    >>> spelled(True), spelled(3.0), spelled(2.5), spelled("True"), spelled([1.0, "a", None])
    ('true', '3', '2.5', 'True', '[1,"a",null]')
    """
    if isinstance(value, str):
        return _whole(str(value))
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    return _whole(json.dumps(plain, ensure_ascii=False, separators=(",", ":")))


def _whole(text: str) -> str:
    return text if text.isascii() else HALF_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", text)


def values_of(names: Sequence[str]) -> list[float | None]:
    """The number or truth value (1 or 0) that each category is the text of; None for any other text.

    Numbers that differ by float noise are one: they are rounded to 12 digits.

    >>> values_of(["1.50", "True", "007", "0.30000000000000004"])
    [1.5, 1.0, None, 0.3]
    """
    found = [
        float(name) if WRITTEN_NUMBER.fullmatch(name) else BOOLEANS.get(name.lower(), np.nan)
        for name in names
    ]
    return [_rounded(value) for value in as_written(np.array(found, np.float64)).tolist()]


def _rounded(value: float) -> float | None:
    if math.isnan(value):
        return None
    return value if value.is_integer() else float(f"{value:.12g}")


def is_gap(value: Any) -> bool:
    """Whether a value stands for a missing one: None or NaN."""
    try:
        return value is None or (isinstance(value, Number) and bool(value != value))
    except ArithmeticError:  # a signalling NaN of decimals
        return True


def as_written(numbers: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The numbers as float64, with short decimals restored where a float32 stands.

    A model is trained on float32(0.7) = 0.699999988…, its clients send 0.7: unequal numbers that may lie
    in unequal bins. Where at most 7 digits give the same float32, they are taken, whatever type holds it
    now; of an array of float16, where at most 4 do.

    >>> as_written(np.array([0.7, 1e9], dtype=np.float32)).tolist()
    [0.7, 1000000000.0]
    >>> as_written(np.array([0.699999988079071, 0.7])).tolist()
    [0.7, 0.7]
    """
    if numbers.dtype == np.float16:
        return _shortened(numbers.astype(np.float64), np.dtype(np.float16))
    plain = np.ascontiguousarray(numbers, dtype=np.float64)
    found, bits, beyond = plain, plain.view(np.int64), np.empty(min(BLOCK, plain.size), dtype=np.int64)
    for start in range(0, plain.size, BLOCK):
        block = bits[start : start + BLOCK]
        np.bitwise_and(block, _BEYOND_FLOAT32, out=beyond[: block.size])
        if beyond[: block.size].all():
            continue  # doubles, as nearly always: nothing else is looked at
        places = start + np.flatnonzero(beyond[: block.size] == 0)
        values = plain[places]
        places = places[np.isfinite(values) & (values != np.rint(values))]
        if places.size:
            found = plain.copy() if found is plain else found
            found[places] = _shortened(plain[places], np.dtype(np.float32))
    return found


def codes_of_numbers(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers that are equal where these are: NaN is NaN, and minus nought is nought.

    >>> codes_of_numbers(np.array([0.0, -0.0, np.nan, np.nan, 1.0])).tolist()[:2]
    [0, 0]
    """
    same = np.where(np.isnan(numbers), np.nan, numbers + 0.0)
    return same.view(np.int64)


def codes_of_values(values: Iterable[Any]) -> NDArray[np.int64]:
    """The same of any values, which are alike where they are spelled alike; -1: a gap."""
    known: dict[str, int] = {}
    return np.array(
        [-1 if is_gap(value) else known.setdefault(spelled(value), len(known)) for value in values], np.int64
    )


def _shortened(plain: NDArray[np.float64], kind: np.dtype[Any]) -> NDArray[np.float64]:
    """The shortest decimals that are the same number in a narrower type; the rest as it is."""
    found = plain
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        narrow = plain.astype(kind)
        for digits in reversed(_DIGITS[kind]):
            places = digits - 1 - np.floor(np.log10(np.abs(plain)))
            power = 10.0 ** np.where((places >= 0) & (places <= 22), places, 0)
            short = np.rint(plain * power) / power
            is_same = (short.astype(kind) == narrow) & (narrow == plain)
            found = np.where(is_same, short, found)
    return found


def _plain(value: Any) -> Any:
    """A value as JSON can hold it; a number that JSON has no word for is its text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Number):
        return _plain_number(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return {BYTES: base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value]
    return str(value)


def _plain_number(value: Any) -> Any:
    if isinstance(value, int | np.integer) and -INT64 <= value < INT64:
        return int(value)
    if isinstance(value, np.floating) and value.dtype in _DIGITS:
        value = as_written(np.array([value]))[0]
    number = as_number(value)
    if number is None:  # complex
        return str(value)
    return int(number) if number.is_integer() and abs(number) < INT64 else number
