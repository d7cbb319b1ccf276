"""Many times of the wire at once: nearly all of them are written in one form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from modelmon.wire.times import EXAMPLE, LATEST_US, read_moment

Int64s = npt.NDArray[np.int64]

_DATE_END = 10
_FORM = np.frombuffer(EXAMPLE.encode(), np.uint8)
_PAIRS = np.array([0, 2, 5, 8, 11, 14, 17, 20, 22, 24])
"""Where two digits stand: of year twice, month, day, hour, minute, second, and of their fraction thrice."""
_LEAST = np.array([0, 0, 1, 1, 0, 0, 0, 0, 0, 0])
_MOST = np.array([99, 99, 12, 31, 23, 59, 59, 99, 99, 99])
_REST = np.setdiff1d(np.arange(len(EXAMPLE)), [*_PAIRS, *(_PAIRS + 1), _DATE_END])


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
    date_end = characters[:, _DATE_END]
    if (characters[:, _REST] != _FORM[_REST]).any() or not ((date_end == 32) | (date_end == 84)).all():
        return None  # 32 and 84: " " and "T"
    digits = characters - np.uint8(48)  # what stands before "0" becomes more than 9
    tens, ones = digits[:, _PAIRS], digits[:, _PAIRS + 1]
    pairs = tens.astype(np.int64) * 10 + ones
    if max(tens.max(), ones.max()) > 9 or ((pairs < _LEAST) | (pairs > _MOST)).any():
        return None
    return _microseconds(*pairs.T)


def _microseconds(century: Int64s, year: Int64s, month: Int64s, day: Int64s, *rest: Int64s) -> Int64s | None:
    """Since the epoch; None where there is no such day, or one is too early or too late."""
    months = ((century * 100 + year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    hour, minute, second, *fraction = rest
    seconds = ((days.astype(np.int64) * 24 + hour) * 60 + minute) * 60 + second
    moments: Int64s = seconds
    for two_digits in fraction:
        moments = moments * 100 + two_digits
    is_day = (days.astype("datetime64[M]") == months).all()
    return moments if is_day and moments.min() >= 0 and moments.max() < LATEST_US else None
