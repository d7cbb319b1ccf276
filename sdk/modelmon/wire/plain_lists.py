"""Arrays and frames of any library as plain lists, without importing one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

PLAIN_BY = ("to_pylist", "to_dicts", "tolist", "to_list", "to_pydatetime", "to_pytimedelta")
"""What Arrow, polars, NumPy and those like it, and pandas' times call it."""


def plain(value: Any) -> Any:
    """An array, scalar, column or frame as Python's own values: what JSON encoders ask for.

    A frame (pandas, polars, Arrow) becomes its rows: dicts by column, or lists where its columns have
    numbers for names, or a name twice. Missing values of pandas are None. Other collections become lists,
    mappings dicts. Raises TypeError, which names the type, for anything else.

    >>> import numpy as np
    >>> plain(np.array([1.5, 2.0])), plain(np.float32(0.5))
    ([1.5, 2.0], 0.5)
    >>> plain(range(3)), plain({"a": 1}.values())
    ([0, 1, 2], [1])
    """
    if hasattr(value, "notna") and hasattr(value, "where"):
        return _of_pandas(value)
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":  # its nanoseconds would be mere numbers
        value = value.astype("datetime64[us]")
    for name in PLAIN_BY:
        if hasattr(value, name):
            return getattr(value, name)()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Collection):  # a range, a dict's values, a deque: reading them changes nothing
        return list(value)
    raise TypeError(
        f"{name_of(value)} is nothing that JSON can hold: give numbers, texts, lists, dicts, arrays or frames"
    )


def name_of(value: Any) -> str:
    """The type of a value as a message says it."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def is_table(value: Any) -> bool:
    """Whether this is an array or a frame, so that it holds rows."""
    return hasattr(value, "shape") and hasattr(value, "__len__")


def _of_pandas(value: Any) -> Any:
    """The rows of a frame, the values of a column."""
    # Not its own to_dict: in a column of floats that leaves NaN, in one of times NaT.
    rows = value.astype(object).where(value.notna(), None).to_numpy().tolist()
    names = getattr(value, "columns", None)
    if names is None or not names.is_unique or not all(isinstance(name, str) for name in names):
        return rows
    return [dict(zip(names, row, strict=True)) for row in rows]
