"""Tails and shapes against SciPy and against sums written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from modelmon.stats.level_shifts import STEPS, level_shifts, shift_of_level
from modelmon.stats.normal import normal_tail, normal_tail_quantile
from modelmon.stats.quantile_cells import quantile_edges
from modelmon.stats.saddlepoint import excess_tail, score_tail, share_tail
from modelmon.stats.shapes import level_sigma, shape_scores, spread_ratio, tilts

UNEVEN = np.array([0, 0, 0.4, 0.05, 0.1, 0.15, 0.1, 0.1, 0.06, 0.04, 0, 0])


def test_the_normal_tail_and_its_quantile_are_scipys() -> None:
    z = np.array([-9.0, -1.0, 0.0, 0.5, 3.0, 8.0, 30.0])
    np.testing.assert_allclose(normal_tail(z), norm.sf(z), rtol=1e-12)
    tails = np.array([1e-300, 1e-12, 0.025, 0.5, 0.9])
    np.testing.assert_allclose(normal_tail_quantile(tails), norm.isf(tails), rtol=1e-9, atol=1e-12)
    assert normal_tail_quantile([0.0, 1.0, 2.0]).tolist() == [np.inf, -np.inf, -np.inf]
    assert np.isnan(normal_tail_quantile(np.nan))


@pytest.mark.parametrize("rows", [20, 200, 5000])
@pytest.mark.parametrize("share", [0.0005, 0.05, 0.5, 0.9])
def test_the_tail_of_a_count_is_never_less_than_the_binomials_and_hardly_more(
    rows: int, share: float
) -> None:
    counts = np.arange(np.ceil(rows * share) + 1, rows + 1.0)
    exact = binom.sf(counts - 1, rows, share)
    counts, exact = counts[exact > 1e-9], exact[exact > 1e-9]
    one = np.ones(counts.size)
    found = normal_tail(share_tail(counts, rows * one, share * one, 0 * one))
    assert (found / exact).min() > 0.99
    assert (found / exact).max() < (4 if rows * share < 1 else 2)


def test_a_share_that_is_not_exceeded_has_no_tail() -> None:
    one = np.ones(3)
    assert share_tail(np.array([0.0, 5.0, 10.0]), 100 * one, 0.1 * one, 0 * one).tolist() == [0, 0, 0]


def test_the_tail_of_a_sum_of_scores_is_that_of_all_windows_written_out() -> None:
    rng = np.random.default_rng(2)
    shares, rows = UNEVEN, 30
    scores = shape_scores(shares)[0]
    sums = rng.multinomial(rows, shares, size=400_000) @ scores
    for quantile in (0.05, 0.01, 0.001):
        value = np.quantile(sums, 1 - quantile)
        z = score_tail(
            np.array([value]), np.array([30.0]), shares[None], scores[None], np.zeros(1), np.zeros(1)
        )
        assert 0.7 * quantile < normal_tail(z)[0] < 1.4 * quantile


def test_what_is_not_known_of_the_reference_widens_the_tail() -> None:
    scores = shape_scores(UNEVEN)[:1]
    known, unknown = (
        score_tail(np.array([60.0]), np.array([100.0]), UNEVEN[None], scores, np.zeros(1), np.array([error]))[
            0
        ]
        for error in (0.0, 0.02)
    )
    assert unknown == pytest.approx(known / np.sqrt(1 + 100 * 0.02), rel=0.1)


def test_tails_beyond_any_float_are_finite() -> None:
    scores = shape_scores(UNEVEN)[:1]
    z = score_tail(np.array([1e7]), np.array([1e7]), UNEVEN[None], scores, np.zeros(1), np.zeros(1))
    assert np.isfinite(z).all()
    assert z[0] > 100
    assert np.isfinite(share_tail(np.array([1e7]), np.array([1e7]), np.array([1e-9]), np.zeros(1))).all()


@pytest.mark.parametrize(
    "case", [(1, 100, 0, 900), (7, 500, 3, 2000), (40, 500, 100, 2000), (2, 500, 60, 900)]
)
def test_the_tail_of_rare_rows_is_the_conditional_binomial(case: tuple[int, int, int, int]) -> None:
    count, rows, seen, others = case
    exact = binom.sf(count - 1, count + seen, rows / (rows + others))
    found = excess_tail(*(np.array([float(value)]) for value in case))[0]
    is_above_its_mean = count > (count + seen) * rows / (rows + others)
    assert found == pytest.approx(exact if is_above_its_mean else 1.0)


def test_no_rare_row_is_no_excess() -> None:
    assert excess_tail(np.zeros(1), np.ones(1), np.zeros(1), np.ones(1)).tolist() == [1.0]


def test_shapes_are_orthonormal_under_the_reference_and_end_at_their_neighbours() -> None:
    scores = shape_scores(UNEVEN)
    np.testing.assert_allclose((scores * UNEVEN) @ scores.T, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(scores @ UNEVEN, 0, atol=1e-9)
    assert (scores[:, :2] == scores[:, 2:3]).all()
    assert (scores[:, -1] > 0).all()


def test_few_cells_have_no_shape() -> None:
    assert not shape_scores(np.array([0, 0, 0.2, 0.2, 0.2, 0.2, 0.2, 0, 0])).any()


@pytest.mark.parametrize("change", [-0.5, -0.1, 0.1, 0.5])
def test_a_tilt_moves_the_mean_to_where_it_is_asked(change: float) -> None:
    scores = shape_scores(UNEVEN)
    found = tilts(np.repeat(UNEVEN[None], 4, 0), scores, np.full(4, change))
    weights = UNEVEN * np.exp(found[:, None] * scores)
    means = (weights * scores).sum(1) / weights.sum(1)
    np.testing.assert_allclose(means, change, atol=1e-6)


def test_a_level_is_told_as_the_shift_of_a_normal_feature() -> None:
    rng = np.random.default_rng(8)
    values = rng.standard_normal(200_000)
    edges = quantile_edges(values)
    counts = np.concatenate([[0], np.histogram(values, edges)[0], [0, 0]]).astype(float)
    scores = shape_scores(counts[:-1] / counts[:-1].sum())
    for shift, width in ((0.3, 1.0), (-1.0, 1.0), (0.0, 1.5)):
        found = scores[:, np.searchsorted(edges, width * values + shift, side="right")].mean(1)
        assert float(level_sigma(found[0])) == pytest.approx(shift, abs=0.03)
        if not shift:
            assert spread_ratio(found[1]) == pytest.approx(width, rel=0.05)


def test_a_level_is_told_in_the_features_own_unit() -> None:
    values = 20 + 5 * np.random.default_rng(9).standard_normal(20_000)
    edges = quantile_edges(values)
    counts = np.concatenate([[0], np.histogram(values, edges)[0], [0, 0]]).astype(float)
    table = level_shifts(values, edges, counts)
    assert table is not None
    levels = np.array([0.0, 0.2, 1.0, 1.72])
    found = shift_of_level(levels, np.repeat(table.up[None], 4, 0), np.full(4, table.scale))
    assert found[0] == 0.0
    assert found[1] == pytest.approx(5 * float(level_sigma(0.2)), rel=0.05)
    assert found[2] == pytest.approx(5 * float(level_sigma(1.0)), rel=0.1)
    assert found[3] == np.inf
    assert table.up.size == STEPS.size


def test_a_constant_has_no_shift() -> None:
    values = np.full(100, 3.0)
    edges = quantile_edges(values)
    assert level_shifts(values, edges, np.array([0, 0, 100, 0, 0, 0.0])) is None
