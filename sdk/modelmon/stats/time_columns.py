"""Which column of a training set says when each row was, where that is plain, and what it says."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from modelmon.errors import ConfigError
from modelmon.stats.frames import Column

OF_TIME = ("timestamp", "datetime", "date", "Timestamp")
"""How the types of moments and days begin, in the words of Arrow and of pandas."""


def only_time_column(found: Mapping[str, Column], beside: Collection[str] = ()) -> str | None:
    """The only column of times or days that is none of those `beside`; None where there is none, or several.

    >>> from datetime import datetime
    >>> import pyarrow as pa
    >>> from modelmon.stats.frames import columns
    >>> only_time_column(columns(pa.table({"age": [1.0], "day": [datetime(2025, 1, 1)]})))
    'day'
    """
    of_time = [name for name, column in found.items() if _is_time(column) and name not in beside]
    return of_time[0] if len(of_time) == 1 else None


def seconds_of(found: Mapping[str, Column], name: str) -> NDArray[np.float64]:
    """When each row was, in seconds since 1970, NaN where missing: of times, dates, ISO text or numbers.

    Raises ConfigError for a column that holds something else, or no time at all.

    >>> import pyarrow as pa
    >>> from modelmon.stats.frames import columns
    >>> seconds_of(columns(pa.table({"when": ["1970-01-01T00:01:00Z"]})), "when").tolist()
    [60.0]
    """
    column = found[name]
    seconds = column.numbers[0] if column.kind == "numeric" else column.seconds
    if seconds is None:
        raise ConfigError(
            f"the time column {name!r} holds {column.type_name}; it must hold times, dates, "
            "ISO text or seconds since 1970"
        )
    if not np.isfinite(seconds).any():
        raise ConfigError(f"the time column {name!r} holds no time at all")
    return seconds


def _is_time(column: Column) -> bool:
    return column.kind == "other" and column.type_name.startswith(OF_TIME)
