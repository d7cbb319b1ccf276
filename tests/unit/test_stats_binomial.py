"""Shares are judged exactly: the tails are SciPy's, and false alarms are counted over every outcome."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from modelmon.stats.binomial import (
    least_hits,
    least_share_seen,
    most_frequent_tail,
    share_limit,
    upper_tail,
)

CASES = [
    (rows, hits, share)
    for rows in (1, 2, 7, 50, 1_000, 200_000)
    for hits in {0, 1, 2, rows // 50, rows // 3, rows - 1, rows}
    for share in (0.0, 1e-6, 0.002, 0.05, 1 / 3, 0.5, 0.97, 1.0)
    if 0 <= hits <= rows
]


@pytest.mark.parametrize(("rows", "hits", "share"), CASES)
def test_the_tail_is_that_of_scipy(rows: int, hits: int, share: float) -> None:
    assert upper_tail(hits, rows, share) == pytest.approx(stats.binom.sf(hits - 1, rows, share), rel=1e-7)


def test_ten_million_rows_have_a_tail_too() -> None:
    found = upper_tail(20_700, 10_000_000, 0.002)
    assert found == pytest.approx(stats.binom.sf(20_699, 10_000_000, 0.002), rel=1e-5)


@pytest.mark.parametrize(("hits", "rows"), [(0, 1), (0, 50), (3, 200), (199, 200), (40, 50_000)])
@pytest.mark.parametrize("doubt", [0.05, 1e-4, 1e-8])
def test_the_limit_is_that_of_clopper_and_pearson(hits: int, rows: int, doubt: float) -> None:
    expected = stats.beta.ppf(1 - doubt, hits + 1, rows - hits)
    assert share_limit(hits, rows, doubt) == pytest.approx(expected, rel=1e-6)


def test_of_nothing_or_of_all_the_limit_is_the_whole() -> None:
    assert share_limit(0, 0, 0.01) == share_limit(7, 7, 0.01) == 1.0


@pytest.mark.parametrize(
    "arguments", [(-1, 5, 0.1), (1, -5, 0.1), (1, 5, -0.1), (1, 5, 1.1), (1, 5, float("nan"))]
)
def test_what_is_no_count_and_no_share_is_refused(arguments: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match=r"counted from 0|lies in \[0, 1\]"):
        upper_tail(*arguments)


@pytest.mark.parametrize(("hits", "rows", "doubt"), [(3, 2, 0.1), (1, 2, 0.0), (1, 2, 1.0)])
def test_a_limit_of_more_hits_than_rows_or_without_doubt_is_refused(
    hits: int, rows: int, doubt: float
) -> None:
    with pytest.raises(ValueError, match="give hits <= rows"):
        share_limit(hits, rows, doubt)


@pytest.mark.parametrize("rows", [1, 3, 20, 500])
@pytest.mark.parametrize("share", [0.0, 0.002, 0.1, 0.6, 1.0])
@pytest.mark.parametrize("alpha", [0.05, 1 / 4_320, 1e-6])
def test_from_least_hits_on_and_no_sooner_the_tail_is_within_alpha(
    rows: int, share: float, alpha: float
) -> None:
    found = least_hits(rows, share, alpha)
    assert stats.binom.sf(found - 1, rows, share) <= alpha * (1 + 1e-9)
    assert stats.binom.sf(found - 2, rows, share) > alpha


@pytest.mark.parametrize(("reference", "window"), [(60, 12), (60, 120), (400, 50)])
@pytest.mark.parametrize("truth", [0.0, 0.001, 0.01, 0.05, 0.3, 0.9])
def test_over_every_reference_and_window_false_alarms_stay_within_alpha_and_doubt(
    reference: int, window: int, truth: float
) -> None:
    """All outcomes are enumerated: nothing is drawn, and the floor is 0, where it is hardest."""
    alpha, doubt = 0.01, 0.001
    of_reference = stats.binom.pmf(np.arange(reference + 1), reference, truth)
    alarms = sum(
        weight
        * stats.binom.sf(least_hits(window, share_limit(hits, reference, doubt), alpha) - 1, window, truth)
        for hits, weight in enumerate(of_reference)
        if weight > 1e-9
    )
    assert alarms <= alpha + doubt


@pytest.mark.parametrize("window", [50, 1_000, 100_000])
def test_a_change_of_exactly_the_floor_alarms_no_more_often_than_none(window: int) -> None:
    truth, floor, alpha, doubt, reference = 0.01, 0.002, 0.01, 0.001, 2_000
    hits = np.arange(reference + 1)
    weights = stats.binom.pmf(hits, reference, truth)
    alarms = sum(
        weight
        * stats.binom.sf(
            least_hits(window, share_limit(int(many), reference, doubt) + floor, alpha) - 1,
            window,
            truth + floor,
        )
        for many, weight in zip(hits, weights, strict=True)
        if weight > 1e-9
    )
    assert alarms <= alpha + doubt


def test_values_beyond_the_extremes_of_training_exceed_the_limit_as_seldom_as_was_doubted() -> None:
    """Of any continuous distribution the share outside of `rows` values is Beta(2, rows - 1): Wilks."""
    for rows in (50, 1_000, 50_000):
        limit = share_limit(1, rows, 0.01)
        assert stats.beta.sf(limit, 2, rows - 1) == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize(
    ("hits", "rows", "power"), [(1, 100, 0.9), (8, 100, 0.9), (100, 100, 0.9), (3, 5_000, 0.5)]
)
def test_at_the_least_share_seen_an_alarm_comes_as_often_as_was_said(
    hits: int, rows: int, power: float
) -> None:
    share = least_share_seen(hits, rows, power)
    assert stats.binom.sf(hits - 1, rows, share) == pytest.approx(power, rel=1e-6)


@pytest.mark.parametrize("values", [1, 2, 3, 5])
@pytest.mark.parametrize("rows", [2, 5, 7])
def test_no_value_stands_so_often_more_frequently_than_the_bound_says(values: int, rows: int) -> None:
    """Every outcome of equally frequent values, where the bound is tightest."""
    share = 1 / values
    outcomes = np.array(np.meshgrid(*[np.arange(values)] * rows)).reshape(rows, -1)
    counts = np.stack([(outcomes == value).sum(axis=0) for value in range(values)]).max(axis=0)
    for hits in range(1, rows + 1):
        assert (counts >= hits).mean() <= most_frequent_tail(hits, rows, share) + 1e-12


def test_a_constant_column_is_as_likely_as_all_rows_falling_on_the_most_frequent_value() -> None:
    assert most_frequent_tail(50, 50, 0.8) == pytest.approx(0.8**49)
    assert most_frequent_tail(50, 50, 1.0) == most_frequent_tail(0, 50, 0.3) == 1.0
    assert most_frequent_tail(3, 50, 0.0) == 0.0
