"""Histograms: nothing is lost, and equal data always lands in equal bins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelmon.errors import ConfigError
from modelmon.stats import count, equal_width_edges
from modelmon.stats.histogram import BLOCK, steps_at

numbers = st.lists(st.floats(width=64), max_size=60)
decimals = st.lists(st.integers(-50, 50).map(lambda tenth: tenth / 10), min_size=1, max_size=60)


def by_definition(values: list[float], edges: np.ndarray) -> list[int]:
    """The layout of `count`, one value at a time."""
    counts = [0] * (len(edges) + 2)
    for value in values:
        if np.isnan(value):
            counts[-1] += 1
        elif value < edges[0]:
            counts[0] += 1
        elif value > edges[-1]:
            counts[-2] += 1
        else:
            last_at_most = max(place for place, edge in enumerate(edges) if edge <= value)
            counts[1 + min(last_at_most, len(edges) - 2)] += 1
    return counts


@given(numbers, numbers)
@example([1e308, -1e308], [1e308])
@example([5e-324, 0.0], [5e-324])
@example([1.0, 1.0000000000000002], [1.0])
@example([-1.0, 1.0], [-1e-17])
@example([1e300], [1e300])
@example([1.7976931348623157e308], [])
@example([-1.7976931348623157e308], [])
def test_every_value_is_counted_once_where_its_edges_say(training: list[float], live: list[float]) -> None:
    edges = equal_width_edges(training)
    assert count(training + live, edges).tolist() == by_definition(training + live, edges)


@given(decimals)
def test_the_counts_inside_are_numpys_on_the_same_edges(values: list[float]) -> None:
    edges = equal_width_edges(values)
    assert count(values, edges)[1:-2].tolist() == np.histogram(values, bins=edges)[0].tolist()


@given(decimals)
def test_the_fast_path_and_the_search_agree(values: list[float]) -> None:
    edges = equal_width_edges(values)
    assert steps_at(edges)
    others = np.linspace(edges[0], edges[-1], edges.size)
    assert count(values, others).tolist() == by_definition(values, others)


def test_edges_are_equally_wide_over_the_finite_range() -> None:
    edges = equal_width_edges([3.0, -1.0, np.nan, np.inf, 7.0])
    assert np.allclose(edges, np.linspace(-1, 7, 21))
    assert (edges[0], edges[-1]) == (-1.0, 7.0)


def test_the_training_maximum_lies_in_the_last_regular_bin() -> None:
    counts = count([0.0, 1.0, 1.0], equal_width_edges([0.0, 1.0, 1.0]))
    assert (counts[1], counts[20], counts[21]) == (1, 2, 0)


def test_infinities_lie_outside_and_nan_is_missing() -> None:
    counts = count([-np.inf, 0.5, np.inf, np.nan, np.nan], [0.0, 1.0])
    assert counts.tolist() == [1, 1, 1, 2]


def test_a_constant_lies_in_the_middle_of_one_unit() -> None:
    edges = equal_width_edges([7.0, 7.0])
    assert (edges[0], edges[-1]) == (6.5, 7.5)
    assert count([7.0, 7.0], edges).max() == 2


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, -np.inf]])
def test_without_a_finite_value_the_bins_span_one_unit(values: list[float]) -> None:
    edges = equal_width_edges(values)
    assert (edges[0], edges[-1]) == (0.0, 1.0)
    assert count(values, edges).sum() == len(values)


@pytest.mark.parametrize("place", [0, BLOCK - 1, BLOCK, 2 * BLOCK + 5])
def test_blocks_with_and_without_outliers_are_counted_alike(place: int) -> None:
    values = np.linspace(0, 1, 3 * BLOCK)
    edges = equal_width_edges(values)
    inside = count(values, edges)
    for outlier, at in ((-1.0, 0), (2.0, -2), (np.nan, -1)):
        changed = values.copy()
        changed[place] = outlier
        expected = inside.copy()
        expected[1:-2] -= np.histogram(values[[place]], bins=edges)[0]
        expected[at] += 1
        assert count(changed, edges).tolist() == expected.tolist()


def test_strided_values_are_counted_too() -> None:
    values = np.arange(20.0).reshape(10, 2)[:, 1]
    assert count(values, equal_width_edges(values)).sum() == 10


@pytest.mark.parametrize("wrong", [[1.0], [1.0, 0.0], [0.0, np.nan], [[0.0, 1.0]], [0.0, np.inf]])
def test_what_are_no_edges_is_refused(wrong: list[float]) -> None:
    with pytest.raises(ConfigError, match="ascending"):
        count([1.0], wrong)


def test_a_histogram_has_at_least_one_bin() -> None:
    with pytest.raises(ConfigError, match="at least 1 bin"):
        equal_width_edges([1.0], bins=0)
