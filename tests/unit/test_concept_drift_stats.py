"""Concept drift: the same score with other outcomes, told apart from inputs that have moved."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from modelmon.errors import ConfigError
from modelmon.stats.performance.concept_drift import concept_drift
from modelmon.stats.performance.residuals import from_json, residual_drift, residual_reference
from modelmon.stats.performance.score_calibration import calibrate
from repeating import examples

WEIGHTS = np.array([1.2, -1.0, 0.6, 0.4, 0.0])
WINDOWS = examples(300)


def window(
    random: np.random.Generator, rows: int, *, shift: float = 0.0, base: float = 0.0, flips: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Actuals, and the scores of a model that has the right form."""
    features = random.standard_normal((rows, 5))
    features[:, 0] += shift
    now = WEIGHTS * np.array([1, 1, -1 if flips else 1, 1, 1])
    actual = random.random(rows) < 1 / (1 + np.exp(-features @ now - base + 0.5))
    return actual * 1.0, 1 / (1 + np.exp(-features @ WEIGHTS + 0.5))


def rate(floor: float = 0.05, rows: int = 2000, budget: float = 0.01, **move: Any) -> float:
    """Share of windows with an alarm, over several references."""
    random, alarms = np.random.default_rng(12), 0
    for place in range(WINDOWS):
        if place % 30 == 0:
            calibration = calibrate(*window(random, 20_000))
        found = concept_drift(calibration, *window(random, rows, **move), budget=budget, floor=floor)
        alarms += found.p <= budget
    return alarms / WINDOWS


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("floor", [0.0, 0.05])
def test_inputs_that_move_are_no_concept_drift(shift: float, floor: float) -> None:
    assert rate(floor, shift=shift) <= 0.03


@pytest.mark.slow
def test_another_base_rate_or_coefficient_is_concept_drift() -> None:
    assert rate(base=-0.5) >= 0.95
    assert rate(flips=True) >= 0.95
    assert rate(base=-0.5, shift=0.5) >= 0.95


@pytest.mark.slow
def test_the_least_excess_is_seen_in_nine_of_ten_windows() -> None:
    random, seen = np.random.default_rng(5), []
    calibration = calibrate(*window(random, 50_000))
    for _ in range(WINDOWS):
        _, score = window(random, 2000)
        likely = calibration.probability[np.minimum((score * 1000).astype(int), 999)]
        least = concept_drift(
            calibration, (random.random(2000) < likely) * 1.0, score, budget=0.01
        ).least_excess
        found = concept_drift(
            calibration, (random.random(2000) < np.clip(likely + least, 0, 1)) * 1.0, score, budget=0.01
        )
        seen.append(found.p <= 0.01)
    assert np.mean(seen) > 0.8


def test_the_excess_and_where_it_lies_are_told() -> None:
    random = np.random.default_rng(3)
    calibration = calibrate(*window(random, 20_000))
    actual, score = window(random, 5000)
    everywhere = concept_drift(
        calibration, np.where(random.random(5000) < 0.2, 1.0, actual), score, budget=0.01
    )
    assert everywhere.direction == "level"
    assert everywhere.excess == pytest.approx(0.2 * (1 - actual.mean()), abs=0.03)
    turned = concept_drift(
        calibration, np.where(score > np.median(score), 1 - actual, actual), score, budget=0.01
    )
    assert turned.p < 1e-6
    assert concept_drift(calibration, actual, score, budget=0.01).p > 0.01


def test_a_window_without_actuals_says_nothing() -> None:
    calibration = calibrate(*window(np.random.default_rng(3), 1000))
    found = concept_drift(calibration, [math.nan, math.nan], [0.1, 0.2], budget=0.01)
    assert (found.p, found.rows, found.least_excess) == (1.0, 0, math.inf)


def numbers(
    random: np.random.Generator, rows: int, *, shift: float = 0.0, bias: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    predicted = random.normal(shift, 1, rows)
    noise = random.standard_t(5, rows) * (1 + 0.5 * (predicted > 0))
    return predicted + 0.3 * np.sin(predicted) + noise + bias, predicted


@pytest.mark.slow
def test_a_regression_is_judged_by_its_residuals() -> None:
    random = np.random.default_rng(8)

    def alarms(**move: float) -> float:
        found = []
        for place in range(WINDOWS):
            if place % 30 == 0:
                reference = residual_reference(*numbers(random, 20_000))
            found.append(residual_drift(reference, *numbers(random, 1000, **move), budget=0.01).p <= 0.01)
        return float(np.mean(found))

    assert alarms() <= 0.03
    assert alarms(shift=0.5) <= 0.03
    assert alarms(bias=0.5) >= 0.95


def test_a_reference_of_residuals_is_kept_as_json() -> None:
    made = residual_reference(*numbers(np.random.default_rng(1), 500))
    kept = from_json(json.loads(json.dumps(made.to_json())))
    for name in ("edges", "rows", "mean", "variance"):
        assert np.array_equal(getattr(kept, name), getattr(made, name))


@pytest.mark.parametrize(
    "damage",
    [{"rows": [1.0]}, {"rows": [0.0, 1.0]}, {"mean": [math.nan, 1]}, {"variance": [-1, 1]}, {"edges": "x"}],
)
def test_a_damaged_reference_of_residuals_is_refused(damage: dict[str, Any]) -> None:
    whole = {"edges": [0.0], "rows": [20.0, 20.0], "mean": [0.0, 0.0], "variance": [1.0, 1.0]}
    assert from_json(whole).rows.tolist() == [20, 20]
    with pytest.raises(ConfigError, match="residuals have"):
        from_json({**whole, **damage})


@pytest.mark.parametrize("predicted", [np.zeros(100), np.arange(100.0), np.repeat([1.0, 2.0], 50)])
def test_predictions_of_any_kind_have_bins(predicted: np.ndarray) -> None:
    reference = residual_reference(predicted, predicted)
    assert reference.rows.sum() == 100
    assert (reference.rows > 0).all()
    assert residual_drift(reference, predicted, predicted, budget=0.01).p == 1.0


def test_too_few_rows_are_no_reference() -> None:
    with pytest.raises(ConfigError, match="at least 20 rows with an actual, got 1"):
        residual_reference([1.0, math.nan], [1.0, 2.0])
