"""A sample as pandas or as Arrow, whichever it came as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from modelmon.stats.frames import Frame


def is_arrow(frame: Frame) -> bool:
    return type(frame).__module__.split(".")[0] == "pyarrow"


def to_pandas(frame: Frame) -> pd.DataFrame:
    """The same rows as a pandas DataFrame with a plain index."""
    plain: pd.DataFrame = frame.to_pandas() if is_arrow(frame) else frame.reset_index(drop=True)
    return plain


def to_arrow(frame: Frame) -> pa.Table:
    """The same rows as an Arrow table; a column of mixed types becomes text, as in a stored sample."""
    if is_arrow(frame):
        return frame
    import pyarrow as pa

    return pa.table(
        {str(name): _arrow_column(frame.iloc[:, place]) for place, name in enumerate(frame.columns)}
    )


def _arrow_column(column: pd.Series[Any]) -> Any:
    import pyarrow as pa

    try:
        return pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return _stored_column(column)


def _stored_column(column: pd.Series[Any]) -> Any:
    """Values that Arrow has no type for, as the stream function would have stored them."""
    import pyarrow as pa

    from modelmon.stats import pandas_columns
    from modelmon.stats.values import spelled

    column = pandas_columns.quiet(column)
    if pandas_columns.kind(column) == "numeric":
        numbers, invalid = pandas_columns.numbers(column)
        if not invalid:  # whole numbers beyond 64 bits, Decimals without end
            return pa.array(numbers, from_pandas=True)
    gaps = column.isna()
    return pa.array([None if gap else spelled(value) for value, gap in zip(column, gaps, strict=True)])


def histograms(histogram_dict: Mapping[str, Any]) -> pd.DataFrame:
    """Histograms of statistics as a frame, each column of mass 1; an empty one has zeros."""
    import pandas as pd

    counts = {name: stats["hist"][0] for name, stats in histogram_dict.items() if "hist" in stats}
    return pd.DataFrame(
        {name: pd.Series(bins, dtype=float) / (sum(bins) or 1) for name, bins in counts.items()}
    )
