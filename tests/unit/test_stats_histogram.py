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
    assert np.allclose(edges, np.linspace(-1, 7, 21), rtol=0, atol=1e-6)


@given(
    st.sampled_from([0.1, 0.3, 1 / 3, 7.0, 1e-9, 1e9]), st.integers(1, 40), st.sampled_from([0, 1, -3, 1000])
)
@example(0.1, 20, 0)
def test_a_number_is_counted_where_its_neighbour_by_float_noise_is(
    step: float, values: int, start: int
) -> None:
    exact = (start + np.arange(values + 1)) * step
    edges, noise = equal_width_edges(exact), 4 * np.spacing(np.abs(exact).max())
    assert count(exact - noise, edges).tolist() == count(exact, edges).tolist()
    assert count(exact + noise, edges).tolist() == count(exact, edges).tolist()


def test_the_training_maximum_lies_in_the_last_regular_bin() -> None:
    counts = count([0.0, 1.0, 1.0], equal_width_edges([0.0, 1.0, 1.0]))
    assert (counts[1], counts[20], counts[21]) == (1, 2, 0)


def test_infinities_lie_outside_and_nan_is_missing() -> None:
    counts = count([-np.inf, 0.5, np.inf, np.nan, np.nan], [0.0, 1.0])
    assert counts.tolist() == [1, 1, 1, 2]


CONSTANTS = [7.0, -7.0, 0.3, 1e-6, 1e-18, -2.5e-300, 12_345_678.5, 20_250_301.0, 1e12, 1e300, 0.0]


@pytest.mark.parametrize("constant", CONSTANTS)
def test_a_constant_lies_alone_in_the_middle_of_a_bin_whatever_its_size(constant: float) -> None:
    edges = equal_width_edges([constant, constant])
    noisy = [constant, np.nextafter(constant, np.inf), np.nextafter(constant, -np.inf)]
    assert count(noisy, edges)[11] == 3
    others = [constant * 1.001, constant * 9, constant + max(1.0, abs(constant) * 1e-3), -constant - 1e-9]
    assert count([other for other in others if other != constant], edges)[11] == 0


def test_a_constant_is_the_same_when_a_float32_had_it_and_no_whole_number_is_another() -> None:
    for constant in (1 / 3, 0.7, 1234.5678):
        single = float(np.float32(constant))
        assert (
            count([single], equal_width_edges([constant])).tolist()
            == count([constant], equal_width_edges([constant])).tolist()
        )
    for day in (202_503, 20_250_301, 1_700_000_000, 2**50):
        assert count([day + 1, day - 1], equal_width_edges([day]))[11] == 0


def test_values_that_differ_by_float_noise_are_a_constant() -> None:
    edges = equal_width_edges([0.3, 0.1 + 0.2, 0.1 * 3])
    assert count([0.3, 0.30000000000000004, 0.3 - 5e-17, 0.31], edges).tolist()[11] == 3


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, -np.inf]])
def test_without_a_finite_value_the_bins_span_one_unit(values: list[float]) -> None:
    edges = equal_width_edges(values)
    assert (edges[0], edges[-1]) == pytest.approx((0.0, 1.0), abs=1e-7)
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
