"""Frames of any library, one column at a time: pandas is imported only when a pandas frame comes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modelmon.errors import ConfigError
from modelmon.stats.values import HALF_CHARACTER

Frame: TypeAlias = Any
"""Rows of one endpoint, one column a feature: a pandas DataFrame, an Arrow table, or any other frame that
speaks Arrow's C interface (polars, DuckDB, narwhals, record batches)."""

WAYS_TO_A_FRAME = ("toPandas", "to_dataframe", "compute", "collect")
"""How those that hold no rows yet are called upon for them: Spark, xarray, Dask, polars' lazy frames."""
READERS = {"pyarrow": "modelmon.stats.arrow_columns", "pandas": "modelmon.stats.pandas_columns"}


class ColumnReader(Protocol):
    """What can be asked of one column."""

    def kind(self, column: Any) -> str: ...
    def type_name(self, column: Any) -> str: ...
    def numbers(self, column: Any) -> tuple[NDArray[np.float64], int]: ...
    def categories(self, column: Any) -> tuple[dict[str, int], int]: ...
    def named(self, column: Any) -> tuple[NDArray[np.intp], list[str]]: ...
    def seconds(self, column: Any) -> NDArray[np.float64] | None: ...
    def missing(self, column: Any) -> int: ...
    def codes(self, column: Any) -> NDArray[np.int64]: ...


class FrameReader(ColumnReader, Protocol):
    """What `arrow_columns` and `pandas_columns` offer."""

    def columns(self, frame: Any) -> dict[str, Any]: ...


class NoValues:
    """Reads a column without a single value, given as the range of its rows."""

    def kind(self, column: range) -> str:
        return "numeric"

    def type_name(self, column: range) -> str:
        return "null"

    def numbers(self, column: range) -> tuple[NDArray[np.float64], int]:
        return np.full(len(column), np.nan), 0

    def categories(self, column: range) -> tuple[dict[str, int], int]:
        return {}, len(column)

    def named(self, column: range) -> tuple[NDArray[np.intp], list[str]]:
        return np.full(len(column), -1), []

    def seconds(self, column: range) -> NDArray[np.float64] | None:
        return None

    def missing(self, column: range) -> int:
        return len(column)

    def codes(self, column: range) -> NDArray[np.int64]:
        return np.zeros(len(column), dtype=np.int64)


@dataclass(frozen=True)
class Column:
    """One column; each way to see it is computed when asked for, once."""

    reader: ColumnReader
    data: Any

    @cached_property
    def kind(self) -> str:
        """numeric, boolean, categorical or other (times, nested values, bytes)."""
        return self.reader.kind(self.data)

    @property
    def type_name(self) -> str:
        """The type of its values, in the words of its library."""
        return self.reader.type_name(self.data)

    @cached_property
    def numbers(self) -> tuple[NDArray[np.float64], int]:
        """float64 with NaN for what is missing, and how many of those are present but no number."""
        return self.reader.numbers(self.data)

    @cached_property
    def categories(self) -> tuple[dict[str, int], int]:
        """Counts by category, and how many values are missing."""
        return self.reader.categories(self.data)

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """A number for each row, the same where the values are the same; what is missing is a value too."""
        return self.reader.codes(self.data)

    @cached_property
    def named(self) -> tuple[NDArray[np.intp], list[str]]:
        """The category of each row as a place in the list of names, -1 where it is missing."""
        return self.reader.named(self.data)

    @cached_property
    def seconds(self) -> NDArray[np.float64] | None:
        """Times as seconds since 1970, NaN where missing; None where the values are no times."""
        return self.reader.seconds(self.data)

    @property
    def missing(self) -> int:
        return self.reader.missing(self.data)

    def __len__(self) -> int:
        return len(self.data)


def without_values(rows: int) -> Column:
    """What a feature is that the frame does not have: a column that is missing in every row."""
    return Column(NoValues(), range(rows))


def as_frame(frame: Frame) -> Frame:
    """The frame as it is when it is of pandas or an Arrow table, else as an Arrow table.

    ConfigError, which names the type, for anything that is no frame.
    """
    if _is_pandas(frame):
        return frame
    if hasattr(frame, "__arrow_c_stream__"):
        import pyarrow as pa

        try:
            return frame if isinstance(frame, pa.Table) else pa.table(frame)
        except (pa.ArrowException, TypeError, ValueError):  # a column alone, a stream that was read
            pass
    way = next((f"; give its .{name}()" for name in WAYS_TO_A_FRAME if hasattr(frame, name)), "")
    raise ConfigError(
        "a frame is a pandas DataFrame, a pyarrow Table or one that speaks Arrow's C interface, as polars "
        f"does; got {type(frame).__module__}.{type(frame).__qualname__}{way}"
    )


def columns(frame: Frame) -> dict[str, Column]:
    """The columns of a frame by name; ConfigError for what is no frame or has a name twice."""
    frame = as_frame(frame)
    reader: FrameReader = _reader("pandas" if _is_pandas(frame) else "pyarrow")
    found = reader.columns(frame)
    names = [str(name) for name in getattr(frame, "column_names", frame.columns)]
    if len(found) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"a frame's columns have different names; this one has {twice!r} more than once")
    for name in found:
        if HALF_CHARACTER.search(name):
            raise ConfigError(f"a frame's columns have names of whole characters; half of one is in {name!a}")
    return {name: Column(_reader(_library(data)), data) for name, data in found.items()}


def _reader(library: str) -> Any:
    return import_module(READERS[library])


def _library(value: object) -> str:
    return type(value).__module__.split(".")[0]


def _is_pandas(frame: object) -> bool:
    """Also a frame of a library that builds on pandas."""
    kinds = type(frame).__mro__
    return any(kind.__module__.split(".")[0] == "pandas" and kind.__name__ == "DataFrame" for kind in kinds)
