"""The short form of `make honesty`: budgets are kept, faults are seen, and a judge that is wrong fails.

The battery is tests/honesty; `make honesty` runs it whole and writes docs/explanation/honesty.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.honesty.calibrated import row_of_calibration, row_of_what_is_said
from tests.honesty.concept import row_of_concept
from tests.honesty.estimates import row_of_estimates
from tests.honesty.exactness import row_of_p_values, row_of_the_floor
from tests.honesty.false_alarms import row_of_streams
from tests.honesty.first_days import row_of_anomalies, row_of_skew
from tests.honesty.intervals import row_of_intervals
from tests.honesty.own_metrics import row_of_own_metrics
from tests.honesty.page import PAGE, written
from tests.honesty.performance import HOURS, row_of_immature, row_of_metrics, row_of_results
from tests.honesty.power import row_of_outliers, rows_of_power
from tests.honesty.quality import row_of_quality
from tests.honesty.rates import Rate, Row
from tests.honesty.recalibrated import row_of_recalibration
from tests.honesty.seasonal import row_of_seasons
from tests.honesty.slow_drift import row_of_slow_drift
from tests.honesty.why_worse import row_of_causes, row_of_slices

from modelmon.apps import model_performance, quality_standing
from modelmon.stats import evidence, judgement, questions, self_check
from modelmon.stats.performance import cbpe, concept_drift, verdict
from modelmon.stats.performance.score_calibration import BINS, ScoreCalibration

pytestmark = pytest.mark.slow

SHORT: dict[str, Callable[[], list[Row]]] = {
    "streams": lambda: [row_of_streams(windows=60, references=1, sizes=(200,))],
    "p-values": lambda: [row_of_p_values(windows=20_000)],
    "the floor": lambda: [row_of_the_floor(windows=2000)],
    "faults": lambda: rows_of_power(windows=20, m=20_000),
    "outliers": lambda: [row_of_outliers(windows=20)],
    "slow drift": lambda: [row_of_slow_drift(runs=4, windows=400, m=20_000)],
    "seasons": lambda: [row_of_seasons(windows=60, shifted=10, weeks=3)],
    "calibration": lambda: [row_of_calibration(windows=10)],
    "first days": lambda: [row_of_skew(lives=6, rows=(50,)), row_of_anomalies(windows=30, rows=(1000,))],
    "what is said": lambda: [row_of_what_is_said(windows=10)],
    "concept": lambda: [row_of_concept(windows=16, references=1)],
    "estimates": lambda: [row_of_estimates(windows=16, references=1, sizes=(1000,))],
    "recalibrated": lambda: [row_of_recalibration(windows=16, references=1, sizes=(1000,))],
    "own metrics": lambda: [row_of_own_metrics(windows=20, sizes=(1000,))],
    "immature": lambda: [row_of_immature(windows=10)],
    "metrics": lambda: [row_of_metrics(30, 1, ("30 % positive", "numbers"), (200,), (10_000,))],
    "results": lambda: [row_of_results(30, 1, ("three classes", HOURS), (500,), (10_000,))],
    "intervals": lambda: [row_of_intervals(200, (200,), ("30 % positive",))],
    "slices": lambda: [row_of_slices(windows=15, bad=10)],
    "causes": lambda: [row_of_causes(windows=15)],
    "quality": lambda: [row_of_quality(40, 2, ("missing in clusters", "AR(1)"), (200,), (20_000,))],
}


@pytest.mark.parametrize("measured", SHORT.values(), ids=SHORT)
def test_the_rows_of_the_battery_hold(measured: Callable[[], list[Row]]) -> None:
    for row in measured():
        assert row.holds, (row.claim, row.said, row.cells)


@pytest.fixture
def forgetting() -> object:
    """What is worked out once is forgotten before and after a judge is broken."""
    kept = (questions.questions_of, questions.floors_of, judgement._thresholds)
    for each in kept:
        each.cache_clear()
    yield
    for each in kept:
        each.cache_clear()


def test_a_judge_that_knows_nothing_of_time_fails(
    forgetting: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(profile: object, length: int | None, width: int) -> tuple:
        features = len(profile.features)
        return np.zeros((features, 4)), np.zeros((features, width)), np.inf

    monkeypatch.setattr(questions, "_between", nothing)
    monkeypatch.setattr(self_check, "allowed_budget", lambda stretches, budget, floor, features: budget)
    monkeypatch.setattr(judgement, "allowed_budget", lambda stretches, budget, floor, features: budget)
    for stream in ("ar1", "wave"):
        assert not row_of_streams(windows=20, references=1, streams=(stream,), sizes=(200,)).holds


def test_a_judge_without_the_floor_fails(forgetting: object, monkeypatch: pytest.MonkeyPatch) -> None:
    floors_of = questions.floors_of
    monkeypatch.setattr(
        judgement, "floors_of", lambda profile, length, floor: floors_of(profile, length, (0.0,) * len(floor))
    )
    assert not row_of_the_floor(windows=500).holds


def test_a_judge_with_thresholds_too_low_fails(forgetting: object, monkeypatch: pytest.MonkeyPatch) -> None:
    limits_of = evidence.limits_of
    monkeypatch.setattr(judgement, "limits_of", lambda shares, budget: limits_of(shares, 4 * budget))
    assert not row_of_p_values(windows=20_000).holds


def test_a_judge_that_sleeps_fails(forgetting: object, monkeypatch: pytest.MonkeyPatch) -> None:
    limits_of = evidence.limits_of
    monkeypatch.setattr(judgement, "limits_of", lambda shares, budget: limits_of(shares, budget / 1e6))
    assert not all(row.holds for row in rows_of_power(windows=20, m=20_000))


def test_a_judge_of_performance_that_knows_nothing_of_hours_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "variance_for", lambda found, rows: 0.0)
    assert not row_of_results(60, 1, (HOURS,), (2000,), (50_000,)).holds


def test_a_judge_of_performance_that_does_not_wait_for_actuals_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_performance, "state_of", lambda context, rows, least, maturity: "")
    assert not row_of_immature(windows=5).holds


def test_a_judge_of_concept_drift_that_compares_losses_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it expects is one number for all scores, as a comparison of losses does."""

    def of_one_number(calibration: ScoreCalibration, *both: object, **arguments: object) -> object:
        mean = calibration.positives.sum() / calibration.rows.sum()
        return of_scores(replace(calibration, probability=np.full(BINS, mean)), *both, **arguments)

    of_scores = concept_drift.concept_drift
    monkeypatch.setattr(concept_drift, "concept_drift", of_one_number)
    assert not row_of_concept(windows=16, references=1).holds


def test_a_band_that_is_too_narrow_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cbpe, "Z", 0.7)
    assert not row_of_estimates(windows=24, references=1, sizes=(1000,)).holds


def test_a_judge_of_contracts_that_knows_nothing_of_clusters_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality_standing, "clusters_of", lambda contract, profile, seconds: {})
    assert not row_of_quality(60, 2, ("missing in clusters",), (1000,), (20_000,)).holds


def test_a_rate_that_cannot_be_told_from_its_budget_is_not_above_it() -> None:
    assert not Rate(3, 300).is_above(0.01)
    assert Rate(9, 300).is_above(0.01)
    assert Rate(0, 300).interval == pytest.approx((0.0, 0.01751), abs=1e-4)
    assert Rate(300, 300).interval[1] == 1.0


def test_the_page_keeps_what_people_wrote() -> None:
    row = Row("1", "a claim", {"a cell": "0 of 300"}, True, "none")
    page = written([row, replace(row, number="2", holds=False)])
    assert page.startswith(PAGE.read_text(encoding="utf-8").partition("<!-- Made by")[0])
    assert "| 2 | a claim | **no** | none |" in page
