"""Shares whose hits come in clusters: tails are SciPy's, without a correlation those of the binomial."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from modelmon.stats import binomial
from modelmon.stats.clustered import least_hits, least_share_seen, share_limit, upper_tail
from modelmon.stats.repeats import repeated
from modelmon.stats.stretch_repeats import between, stretch_repeats
from modelmon.stats.stretches import Cut


@pytest.mark.parametrize("rows", [1, 7, 50, 1_000, 20_000])
@pytest.mark.parametrize("share", [0.002, 0.05, 0.5, 0.97])
@pytest.mark.parametrize("correlation", [0.001, 0.01, 0.3, 0.9])
def test_the_tail_is_that_of_scipy(rows: int, share: float, correlation: float) -> None:
    whole = (1 - correlation) / correlation
    for hits in {1, 1 + rows // 50, rows // 2, rows} - {0}:
        expected = stats.betabinom.sf(hits - 1, rows, share * whole, (1 - share) * whole)
        assert upper_tail(hits, rows, share, correlation) == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_rows_that_do_not_go_together_are_judged_by_the_binomial_distribution() -> None:
    for hits, rows, share in ((0, 0, 0.1), (3, 50, 0.02), (51, 50, 0.02), (50, 50, 1.0), (1, 9, 0.0)):
        assert upper_tail(hits, rows, share) == binomial.upper_tail(hits, rows, share)
    assert upper_tail(3, 50, 0.02, 1e-9) == pytest.approx(binomial.upper_tail(3, 50, 0.02), rel=1e-5)
    assert least_hits(500, 0.02, 1e-4) == binomial.least_hits(500, 0.02, 1e-4)
    assert least_share_seen(9, 500) == binomial.least_share_seen(9, 500)


@pytest.mark.parametrize("correlation", [0.01, 0.3, 0.999, 1.0])
def test_from_the_least_hits_on_the_tail_is_small_and_what_is_seen_is_seen(correlation: float) -> None:
    rows, share, alpha = 200, 0.03, 1e-3
    least = least_hits(rows, share, alpha, correlation)
    assert upper_tail(least - 1, rows, share, correlation) > alpha
    assert least > rows or upper_tail(least, rows, share, correlation) <= alpha
    seen = least_share_seen(least, rows, correlation)
    assert least > rows or upper_tail(least, rows, seen, correlation) == pytest.approx(0.9, abs=0.01)
    assert least_share_seen(rows + 1, rows, correlation) == 1


def test_what_a_few_clusters_tell_is_less_than_what_so_many_rows_would() -> None:
    assert share_limit(10, 1000, 0.01) == binomial.share_limit(10, 1000, 0.01)
    assert share_limit(10, 1000, 0.01, effect=50) == binomial.share_limit(1, 20, 0.01)
    assert share_limit(0, 10, 0.01, effect=1e9) == binomial.share_limit(0, 1, 0.01)


def test_rows_that_come_again_are_counted_within_their_stretch() -> None:
    random = np.random.default_rng(0)
    codes, seconds = random.integers(0, 300, 4000), random.random(4000) * 100
    found = stretch_repeats(codes, Cut.of(seconds, 0.0, 5.0))
    parts = [codes[(seconds >= start) & (seconds < start + 5)] for start in range(0, 100, 5)]
    assert (found.rows, found.hits) == (4000, sum(int(repeated(part).sum()) for part in parts))


def test_the_variance_between_stretches_is_what_chance_leaves_over() -> None:
    random = np.random.default_rng(1)
    rows = np.full(2000, 100.0)
    alike = random.binomial(100, 0.1, 2000)
    assert between(alike.astype(float), rows) < 1e-4
    varying = random.binomial(100, random.choice([0.05, 0.15], 2000))
    assert between(varying.astype(float), rows) == pytest.approx(0.05**2, rel=0.15)
    assert between(np.array([3.0]), np.array([9.0])) == 0
    assert between(np.zeros(0), np.zeros(0)) == 0
