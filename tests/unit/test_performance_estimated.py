"""Performance before the truth comes: the calibration, the estimate, and how often its band holds."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression

from modelmon.errors import ConfigError
from modelmon.stats.performance import accuracy, f1, precision, recall, roc_auc
from modelmon.stats.performance.cbpe import EXPECTED, estimate_performance, score_counts
from modelmon.stats.performance.isotonic import isotonic
from modelmon.stats.performance.score_calibration import (
    BINS,
    ScoreCalibration,
    calibrate,
    from_json,
    of_counts,
)
from reader import blocks
from repeating import examples

METRICS = {"accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1, "roc_auc": roc_auc}
WEIGHTS = np.array([1.5, -1.0, 0.5, 0.0])


def window(
    random: np.random.Generator, rows: int, *, shift: float = 0.0, base: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Actuals and the scores of a model that is right but not calibrated."""
    features = random.standard_normal((rows, 4))
    features[:, 0] += shift
    logit = features @ WEIGHTS
    actual = random.random(rows) < 1 / (1 + np.exp(-logit - base))
    return actual * 1.0, 1 / (1 + np.exp(-0.7 * logit))


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9)), min_size=1, max_size=40))
def test_isotonic_regression_is_scikit_learns(rows: list[tuple[float, int]]) -> None:
    means, weights = np.array([each[0] for each in rows]), np.array([float(each[1]) for each in rows])
    found, blocks = isotonic(means, weights)
    assert found == pytest.approx(isotonic_regression(means, sample_weight=weights), abs=1e-12)
    assert np.unique(blocks).tolist() == list(range(blocks.max() + 1))
    assert all(len(set(found[blocks == each].tolist())) == 1 for each in range(blocks.max() + 1))


def test_no_values_are_isotonic() -> None:
    found, blocks = isotonic(np.array([]), np.array([]))
    assert (found.size, blocks.size) == (0, 0)


def test_a_calibration_is_kept_as_json() -> None:
    actual, score = window(np.random.default_rng(1), 5000)
    made = calibrate(actual, score)
    kept = from_json(json.loads(json.dumps(made.to_json())))
    for name in ScoreCalibration.__slots__:
        assert np.array_equal(getattr(kept, name), getattr(made, name)), name
    assert made.reference_rows == 5000
    assert len(json.dumps(made.to_json())) < 25_000


@pytest.mark.parametrize(
    "damage",
    [
        {"at": [1, 1]}, {"at": [0, 1000]}, {"at": [-1, 5]}, {"rows": [1]}, {"positives": [3, 0]},
        {"positives": [-1, 0]}, {"rows": [math.nan, 1]}, {"bins": 10}, {"at": "x"}, {"rows": None},
    ],
)  # fmt: skip
def test_a_damaged_calibration_is_refused(damage: dict[str, Any]) -> None:
    whole = {"bins": BINS, "at": [1, 5], "rows": [2, 2], "positives": [1, 1]}
    assert from_json(whole).reference_rows == 4
    with pytest.raises(ConfigError, match="a calibration has"):
        from_json({**whole, **damage})


def test_a_calibration_without_rows_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is none"):
        calibrate([math.nan], [0.5])


def small(seed: int) -> tuple[ScoreCalibration, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    rows = np.zeros(BINS)
    rows[[100, 300, 600, 900]] = 10
    calibration = of_counts(rows, np.where(rows > 0, np.arange(BINS) / 100, 0))
    score = random.choice([0.1, 0.3, 0.6, 0.9], 8)
    return calibration, score, (score > 0.5) * 1.0


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_is_the_mean_over_all_outcomes_there_can_be(seed: int) -> None:
    calibration, score, predicted = small(seed)
    likely = calibration.probability[(score * BINS).astype(int)]
    mean = sum(
        np.prod(np.where(actual, likely, 1 - likely)) * (np.array(actual) == predicted).mean()
        for actual in itertools.product([0, 1], repeat=len(score))
    )
    assert estimate_performance(calibration, score_counts(score, predicted))[
        "accuracy"
    ].value == pytest.approx(mean)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_derivative_by_an_outcome_is_that_of_the_probability(name: str) -> None:
    calibration, score, predicted = small(3)
    counts, step = score_counts(score, predicted), 1e-6
    for place, called in ((100, 0), (900, 1)):
        moved = calibration.probability.copy()
        moved[place] += step
        found, other = EXPECTED[name](counts, calibration.probability), EXPECTED[name](counts, moved)
        assert found is not None
        assert other is not None
        expected = counts[place, called] * found[1][place, called]
        assert (other[0] - found[0]) / step == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_many_rows_whose_scores_are_true_give_what_is_measured() -> None:
    actual, score = window(np.random.default_rng(2), 200_000)
    predicted = (score >= 0.5) * 1.0
    found = estimate_performance(calibrate(actual, score), score_counts(score, predicted))
    for name, measure in METRICS.items():
        said = score if name == "roc_auc" else predicted
        assert found[name].value == pytest.approx(measure(actual, said).value, abs=0.003), name


def test_what_a_window_does_not_define_is_nan() -> None:
    calibration, _, _ = small(0)
    empty = estimate_performance(calibration, score_counts([], []))
    assert not any(each.is_defined for each in empty.values())
    negative = estimate_performance(calibration, score_counts([0.1, math.nan], [0, 1]))
    assert {name for name, each in negative.items() if not each.is_defined} == {"precision"}
    nothing = estimate_performance(of_counts(np.eye(1, BINS, 5)[0], np.zeros(BINS)), score_counts([0.2], [0]))
    assert {name for name, each in nothing.items() if each.is_defined} == {"accuracy"}


def test_scores_and_classes_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"a probability lies in \[0, 1\], got 2"):
        score_counts([2.0], [1])
    with pytest.raises(ConfigError, match="must be 0"):
        score_counts([0.5], [3])


def test_the_pages_example_runs() -> None:
    page = Path(__file__).parents[2] / "docs/explanation/performance-before-the-truth.md"
    (block,) = [each for each in blocks(page.read_text(encoding="utf-8")) if each.language == "python"]
    exec(block.text, {})


COVERED = {
    (200, "none"): (0.90, 0.99), (1000, "none"): (0.90, 0.98), (5000, "none"): (0.88, 0.98),
    (1000, "shift"): (0.85, 0.99), (5000, "concept"): (0.0, 0.05),
}  # fmt: skip
MOVES: dict[str, dict[str, float]] = {"none": {}, "shift": {"shift": 1.0}, "concept": {"base": -1.0}}


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "move"), sorted(COVERED))
@pytest.mark.parametrize("name", sorted(METRICS))
def test_the_band_holds_what_comes_true_unless_the_concept_drifts(name: str, rows: int, move: str) -> None:
    random = np.random.default_rng(31)
    held = []
    for _ in range(10):  # references
        calibration = calibrate(*window(random, 20_000))
        for _ in range(examples(40)):
            actual, score = window(random, rows, **MOVES[move])
            predicted = (score >= 0.5) * 1.0
            found = estimate_performance(calibration, score_counts(score, predicted))[name]
            true = METRICS[name](actual, score if name == "roc_auc" else predicted).value
            held.append(found.low <= true <= found.high)
    least, most = COVERED[rows, move]
    if move == "concept" and name == "roc_auc":
        most = 1.0  # a base rate does not change the order of scores
    assert least <= np.mean(held) <= most
