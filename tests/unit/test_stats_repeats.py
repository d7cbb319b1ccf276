"""What counts as the same value and the same row, whichever library holds them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelmon.stats.frames import columns, without_values
from modelmon.stats.repeats import distinct, most_frequent, repeated, row_codes

SAME = {
    "numbers": [1.5, 2.0, None, 1.5, float("nan")],
    "zeros": [0.0, -0.0, 1.0, 2.0, 2.0],
    "texts": ["a", "b", None, "a", None],
    "booleans": [True, False, None, True, True],
    "lists": [[1, 2], [2], None, [1, 2], [1, 2]],
    "decimals": [Decimal("1.0"), Decimal("2.5"), None, Decimal("1.00"), Decimal(7)],
}
FIRST = {
    "numbers": [0, 1, 2, 0, 2],
    "zeros": [0, 0, 2, 3, 3],
    "texts": [0, 1, 2, 0, 2],
    "booleans": [0, 1, 2, 0, 0],
    "lists": [0, 1, 2, 0, 0],
    "decimals": [0, 1, 2, 0, 4],
}
"""Of each row the first one that has its value."""


def first_alike(codes: np.ndarray[Any, Any]) -> list[int]:
    return [codes.tolist().index(code) for code in codes.tolist()]


@pytest.mark.parametrize("library", [pa.table, pd.DataFrame], ids=["arrow", "pandas"])
@pytest.mark.parametrize("name", SAME)
def test_values_are_alike_as_they_are_spelled(name: str, library: Any) -> None:
    assert first_alike(columns(library({name: SAME[name]}))[name].codes) == FIRST[name]


@pytest.mark.parametrize("library", [pa.table, pd.DataFrame], ids=["arrow", "pandas"])
def test_whole_numbers_that_no_float_can_tell_apart_are_different(library: Any) -> None:
    ids = [2**60, 2**60 + 1, 2**60]
    assert first_alike(columns(library({"id": ids}))["id"].codes) == [0, 1, 0]


def test_categories_and_pieces_of_a_column_are_compared_as_one() -> None:
    pieces = pa.chunked_array([["a", "b"], ["b", "c"]]).dictionary_encode()
    assert first_alike(columns(pa.table({"x": pieces}))["x"].codes) == [0, 1, 1, 3]
    frame = pd.DataFrame({"x": pd.Categorical(["a", None, "a", None])})
    assert first_alike(columns(frame)["x"].codes) == [0, 1, 0, 1]


def test_rows_are_alike_where_all_their_values_are() -> None:
    table = pa.table({"a": [1, 1, 2, 1, 2], "b": ["x", "y", "x", "x", "x"]})
    codes = row_codes(list(columns(table).values()), 5)
    assert repeated(codes).tolist() == [False, False, False, True, True]


def test_rows_whose_columns_changed_places_differ() -> None:
    table = pa.table({"a": [1, 2], "b": [2, 1]})
    assert not repeated(row_codes(list(columns(table).values()), 2)).any()


def test_a_million_rows_that_differ_in_one_bit_of_one_column_are_all_different() -> None:
    rows = np.arange(1_000_000, dtype=np.int64)
    table = pa.table({"a": rows, "b": np.zeros_like(rows)})
    assert not repeated(row_codes(list(columns(table).values()), rows.size)).any()


def test_a_column_that_is_not_there_is_one_value() -> None:
    assert most_frequent(without_values(3).codes)[0] == 3
    assert distinct(without_values(3).codes) == 1


def test_of_no_rows_nothing_is_frequent_and_nothing_comes_again() -> None:
    nothing = np.array([], dtype=np.int64)
    assert (most_frequent(nothing), distinct(nothing), repeated(nothing).tolist()) == ((0, -1), 0, [])
