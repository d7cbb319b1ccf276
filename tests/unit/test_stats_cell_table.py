"""The table of cells gives what a search gives, for any numbers and any edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from modelmon.stats.cell_table import WORTH, CellTable
from modelmon.stats.quantile_cells import quantile_edges
from repeating import examples

any_numbers = arrays(np.float64, st.integers(1, 40), elements=st.floats(allow_nan=True, allow_infinity=True))
finite = st.floats(allow_nan=False, allow_infinity=False)
edges_of_any_kind = st.lists(finite, min_size=2, max_size=12, unique=True).map(sorted).map(np.array)
ODD = np.array(
    [0.0, -0.0, 5e-324, -5e-324, 1e-300, -1e-300, np.inf, -np.inf, np.nan, -np.nan, 1.7e308, -1.7e308]
)


def searched(values: np.ndarray, edges: np.ndarray) -> list[int]:
    places = np.where(np.isnan(values), edges.size + 1, np.searchsorted(edges, values, side="right"))
    return np.bincount(places, minlength=edges.size + 2).tolist()


def looked_up(values: np.ndarray, table: CellTable) -> list[int]:
    """The counts of the values, after so many others that the table is made."""
    table.count(np.zeros(WORTH))
    return table.count(values).tolist()


@settings(max_examples=examples(100))
@given(any_numbers, edges_of_any_kind, finite)
def test_any_number_is_counted_where_a_search_finds_it(
    values: np.ndarray, edges: np.ndarray, center: float
) -> None:
    with np.errstate(over="ignore"):
        around = [np.nextafter(edges, side) for side in (-np.inf, np.inf)]
    near = np.concatenate([values, ODD, edges, *around])
    assert looked_up(near, CellTable(edges, center)) == searched(near, edges)


@pytest.mark.parametrize("center", [0.0, -0.0, 1.0, -1.0, 1e308])
def test_numbers_around_nothing_are_counted_where_a_search_finds_them(center: float) -> None:
    edges = np.array([-1e-300, 0.0, 5e-324, 1e-300, 1.0])
    assert looked_up(ODD, CellTable(edges, center)) == searched(ODD, edges)


@pytest.mark.parametrize("kind", ["normal", "lognormal", "far from 0", "zeros", "whole"])
def test_the_cells_of_a_training_set_are_counted_exactly(kind: str) -> None:
    rng = np.random.default_rng(3)
    values = {
        "normal": rng.standard_normal(50_000),
        "lognormal": np.exp(2 * rng.standard_normal(50_000)),
        "far from 0": 1e6 + rng.random(50_000),
        "zeros": np.where(rng.random(50_000) < 0.95, 0.0, rng.exponential(1.0, 50_000)),
        "whole": rng.integers(-5, 300, 50_000).astype(np.float64),
    }[kind]
    table = CellTable(quantile_edges(values), float(np.median(values)))
    for of_window in (values, values * 3, -values):
        assert looked_up(of_window, table) == searched(of_window, table.edges)
