"""Many times of the wire at once: nearly all of them are written in one form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from modelmon.wire.moments import EXAMPLE, LATEST_US, read_moment

Int64s = npt.NDArray[np.int64]

_PARTS = {"year": 0, "month": 5, "day": 8, "hour": 11, "minute": 14, "second": 17, "fraction": 20}
"""Where each number of EXAMPLE begins; a character that is none comes between them."""
_DATE_END, _END = 10, 26
_FORM = np.frombuffer(EXAMPLE.encode(), np.uint8)
_IS_DIGIT = np.array([character.isdigit() for character in EXAMPLE[:_END]] + [False] * (len(EXAMPLE) - _END))
_DATE_AND_TIME = np.frombuffer(b" T", np.uint8)


def read_moments(texts: Sequence[str], field: str) -> Int64s:
    """As `read_moment` for each; RejectedError where it would raise that for any of them.

    >>> read_moments(["1970-01-01 00:00:00.000001+00:00", "1970-01-01T00:00:01Z"], "when").tolist()
    [1, 1000000]
    """
    read = _read_alike(texts)
    return np.array([read_moment(text, field) for text in texts], np.int64) if read is None else read


def _read_alike(texts: Sequence[str]) -> Int64s | None:
    """Texts that are all written as EXAMPLE is; None for others, and where one is no time."""
    joined = "".join(texts)
    if set(map(len, texts)) != {len(EXAMPLE)} or not joined.isascii():
        return None
    characters = np.frombuffer(joined.encode(), np.uint8).reshape(len(texts), len(EXAMPLE))
    is_other = (characters != _FORM) & ~_IS_DIGIT
    is_other[:, _DATE_END] = ~np.isin(characters[:, _DATE_END], _DATE_AND_TIME)
    digits = characters - np.uint8(ord("0"))  # what stands before "0" becomes more than 9
    if is_other.any() or digits[:, _IS_DIGIT].max() > 9:
        return None
    return _microseconds(*(_number(digits, start) for start in _PARTS.values()))


def _number(digits: npt.NDArray[np.uint8], start: int) -> Int64s:
    number = np.zeros(len(digits), np.int64)
    while start < _END and _IS_DIGIT[start]:
        number = number * 10 + digits[:, start]
        start += 1
    return number


def _microseconds(
    year: Int64s, month: Int64s, day: Int64s, hour: Int64s, minute: Int64s, second: Int64s, fraction: Int64s
) -> Int64s | None:
    """Since the epoch; None where one of them is no time that there is, or too early or too late."""
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    is_day = (month >= 1) & (month <= 12) & (day >= 1) & (days.astype("datetime64[M]") == months)
    is_time = (hour <= 23) & (minute <= 59) & (second <= 59)
    seconds = ((days.astype(np.int64) * 24 + hour) * 60 + minute) * 60 + second
    moments: Int64s = seconds * 1_000_000 + fraction
    return moments if (is_day & is_time & (moments >= 0) & (moments < LATEST_US)).all() else None
