"""Counts against those of like spans: Student's t is SciPy's, and false alarms are as seldom as was said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from modelmon.stats.expected_counts import LEAST_SPANS, MOST, _Spans, expect_count
from modelmon.stats.student import student_limit, student_tail

DEGREES = (1, 2, 3, 4, 5, 8, 19, 20, 151)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("value", [-40.0, -2.5, -1e-9, 0.0, 0.3, 1.0, 4.6, 12.0, 300.0])
def test_the_tail_is_that_of_scipy(value: float, degrees: int) -> None:
    assert student_tail(value, degrees) == pytest.approx(stats.t.sf(value, degrees), rel=1e-6, abs=1e-14)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("alpha", [0.5, 0.025, 1e-4, 1e-7])
def test_the_limit_is_exceeded_with_that_probability(alpha: float, degrees: int) -> None:
    assert student_tail(student_limit(alpha, degrees), degrees) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize(("value", "degrees"), [(1.0, 0), (float("nan"), 3)])
def test_what_t_can_not_have_is_refused(value: float, degrees: int) -> None:
    with pytest.raises(ValueError, match="at least one degree"):
        student_tail(value, degrees)


SPREADS = {"the same rate": 0.0, "rates differ by a tenth": 0.1, "rates differ by a factor e": 1.0}


@pytest.mark.parametrize("spread", SPREADS.values(), ids=SPREADS.keys())
@pytest.mark.parametrize("level", [1.0, 30.0, 3_000.0])
def test_false_alarms_are_no_more_than_was_said_on_each_side(level: float, spread: float) -> None:
    """A twentieth on each side, of a thousand spans: more than 74 have a probability of 0.0004."""
    random = np.random.default_rng(7)
    counts = random.poisson(level * np.exp(random.normal(0, spread, (1_000, 20)))).astype(float)
    found = [_Spans.of(row[1:], 1.0) for row in counts if row[1:].any()]
    for side in ("low", "high"):
        tails = [getattr(spans, side)(row[0]) for spans, row in zip(found, counts, strict=False)]
        assert sum(tail <= 0.05 for tail in tails) <= 74, side


@pytest.mark.slow
def test_half_of_the_usual_requests_are_seen_at_once() -> None:
    random = np.random.default_rng(8)
    seen = sum(
        expect_count(50.0, random.poisson(100, 20).tolist(), 1e-4).low <= 1e-4  # type: ignore[union-attr]
        for _ in range(200)
    )
    assert seen >= 180


def test_silence_where_little_is_usual_is_no_alarm() -> None:
    found = expect_count(0.0, [2.0, 3.0, 1.0, 2.0, 4.0, 2.0, 1.0, 3.0], 1e-4)
    assert found is not None
    assert found.low > 1e-4
    assert found.least == 0


def test_the_bounds_are_where_the_alarm_begins() -> None:
    like = [100.0, 110.0, 90.0, 105.0, 95.0, 100.0]
    found = expect_count(100.0, like, 0.001)
    assert found is not None
    for bound, side in ((found.least, "low"), (found.most, "high")):
        inside = expect_count(bound * (1.001 if side == "low" else 0.999), like, 0.001)
        outside = expect_count(bound * (0.999 if side == "low" else 1.001), like, 0.001)
        assert getattr(inside, side) > 0.001 > getattr(outside, side)


def test_sampled_counts_spread_as_much_as_what_was_counted() -> None:
    like = [1_000.0] * 8  # ten of a hundred requests were looked at
    assert expect_count(800.0, like, 0.001).low < 0.001  # type: ignore[union-attr]
    assert expect_count(800.0, like, 0.001, scale=10.0).low > 0.001  # type: ignore[union-attr]


def test_too_few_like_spans_and_those_without_anything_say_nothing() -> None:
    assert expect_count(5.0, [5.0] * (LEAST_SPANS - 1), 0.001) is None
    assert expect_count(5.0, [0.0] * 20, 0.001) is None
    assert expect_count(5.0, [], 0.001) is None


@pytest.mark.parametrize("count", [-1.0, float("nan"), float("inf")])
def test_what_is_no_count_is_refused(count: float) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        expect_count(count, [5.0] * 10, 0.001)


@pytest.mark.parametrize("alpha", [1e-4, 1e-10, 1e-17])
def test_where_past_spans_differ_too_much_the_bound_is_large_and_finite(alpha: float) -> None:
    found = expect_count(0.0, [0.0] * 5 + [1e6], alpha)
    assert found is not None
    assert 1e6 < found.most <= 2 * MOST
