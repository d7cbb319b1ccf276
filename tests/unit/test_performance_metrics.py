"""Metrics of performance: scikit-learn's values, the laws of their influences, and what is not defined."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from modelmon.errors import ConfigError
from modelmon.stats import performance
from modelmon.stats.performance import METRICS, OF_NUMBERS, OF_PREDICTIONS, OF_SCORES, Estimate, metric
from modelmon.stats.performance.estimate import of_share
from reader import blocks
from repeating import examples

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def expected_calibration_error(actual: Any, score: Any, sample_weight: Any) -> float:
    found, said = calibration_curve(actual, score, n_bins=10)
    rows = np.histogram(np.ceil(np.maximum(score, 1e-12) * 10), np.arange(0.5, 11))[0]
    return float((rows[rows > 0] * np.abs(found - said)).sum() / len(score))


ORACLES: dict[str, Callable[..., float]] = {
    "accuracy": metrics.accuracy_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "f1": metrics.f1_score,
    "roc_auc": metrics.roc_auc_score,
    "pr_auc": metrics.average_precision_score,
    "log_loss": metrics.log_loss,
    "brier": metrics.brier_score_loss,
    "calibration_error": expected_calibration_error,
    "mae": metrics.mean_absolute_error,
    "rmse": metrics.root_mean_squared_error,
    "mape": metrics.mean_absolute_percentage_error,
    "r2": metrics.r2_score,
    "bias": lambda actual, said, sample_weight: float(np.average(said - actual, weights=sample_weight)),
}
UNWEIGHTED = {"calibration_error"}  # scikit-learn's curve takes no weights
SUMS_OF_INFLUENCES = sorted({*METRICS} - {"calibration_error"})


def rows_for(name: str, seed: int, rows: int) -> Arrays:
    """Actuals, what was said of them (with ties) and weights, for a metric of this name."""
    random = np.random.default_rng(seed)
    weights = np.ones(rows) if name in UNWEIGHTED else random.choice([0.0, 0.5, 1.0, 3.0], rows)
    if name in OF_NUMBERS:
        return random.normal(3, 2, rows), random.normal(3, 2, rows).round(1), weights
    actual = random.integers(0, 2, rows).astype(float)
    score = random.choice([0.0, 0.1, 0.25, 0.3, 0.55, 0.7, 0.9, 1.0], rows)
    return actual, (score >= 0.5) * 1.0 if name in OF_PREDICTIONS else score, weights


@pytest.mark.parametrize("name", sorted(METRICS))
@settings(max_examples=examples(50))
@given(seed=st.integers(0, 2**32), rows=st.integers(12, 80))
def test_a_metric_is_scikit_learns(name: str, seed: int, rows: int) -> None:
    actual, said, weights = rows_for(name, seed, rows)
    found = metric(name)(actual, said, weights)
    assume(found.is_defined)
    assert found.value == pytest.approx(
        ORACLES[name](actual, said, sample_weight=weights), rel=1e-9, abs=1e-12
    )
    assert found.low <= found.value <= found.high
    assert found.rows <= np.count_nonzero(weights)


@pytest.mark.parametrize("name", sorted(METRICS))
@settings(max_examples=examples(50))
@given(seed=st.integers(0, 2**32))
def test_a_row_of_weight_two_is_two_rows(name: str, seed: int) -> None:
    actual, said, _ = rows_for(name, seed, 40)
    times = np.random.default_rng(seed).integers(0, 3, 40)
    repeated = metric(name)(np.repeat(actual, times), np.repeat(said, times))
    weighted = metric(name)(actual, said, times)
    assert weighted.value == pytest.approx(repeated.value, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", sorted(METRICS))
@settings(max_examples=examples(50))
@given(seed=st.integers(0, 2**32))
def test_rows_without_an_actual_and_their_order_change_nothing(name: str, seed: int) -> None:
    actual, said, weights = rows_for(name, seed, 40)
    order = np.random.default_rng(seed).permutation(44)
    more = [np.append(actual, [np.nan, np.nan, 1.0, np.nan]), np.append(said, [0, 1, np.nan, np.nan])]
    mixed = metric(name)(*(each[order] for each in (*more, np.append(weights, np.ones(4)))))
    plain = metric(name)(actual, said, weights)
    for part in ("value", "low", "high", "error", "rows"):
        assert getattr(mixed, part) == pytest.approx(getattr(plain, part), rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    "name", ["f1", "roc_auc", "pr_auc", "rmse", "r2", "mae", "log_loss", "brier", "bias"]
)
def test_the_error_is_that_of_leaving_each_row_out(name: str) -> None:
    actual, said, _ = rows_for(name, 5, 600)
    found = metric(name)(actual, said)
    without = [metric(name)(np.delete(actual, row), np.delete(said, row)).value for row in range(600)]
    jackknife = math.sqrt(599 / 600 * np.sum((np.array(without) - np.mean(without)) ** 2))
    assert found.error == pytest.approx(jackknife, rel=0.02)


def three_classes(seed: int, rows: int) -> Arrays:
    random = np.random.default_rng(seed)
    scores = random.dirichlet(np.ones(3), rows).round(2)
    return (
        random.integers(0, 3, rows),
        scores / scores.sum(axis=1, keepdims=True),
        random.uniform(0.5, 2, rows),
    )


@settings(max_examples=examples(50))
@given(seed=st.integers(0, 2**32))
def test_several_classes_are_scikit_learns(seed: int) -> None:
    actual, scores, weights = three_classes(seed, 60)
    assume(len(set(actual.tolist())) == 3)
    said = scores.argmax(axis=1)
    expected = {
        performance.accuracy(actual, said, weights): metrics.accuracy_score(
            actual, said, sample_weight=weights
        ),
        performance.macro_f1(actual, said, weights, classes=3): metrics.f1_score(
            actual, said, average="macro", sample_weight=weights
        ),
        performance.log_loss(actual, scores, weights): metrics.log_loss(
            actual, scores, sample_weight=weights
        ),
        performance.macro_roc_auc(actual, scores, weights): np.mean(
            [
                metrics.roc_auc_score(actual == each, scores[:, each], sample_weight=weights)
                for each in range(3)
            ]
        ),
    }
    for found, value in expected.items():
        assert found.value == pytest.approx(value, rel=1e-9)
        assert found.low <= found.value <= found.high


@pytest.mark.parametrize(
    ("name", "actual", "said"),
    [
        ("roc_auc", [1, 1, 1], [0.1, 0.2, 0.3]),
        ("roc_auc", [0, 0], [0.1, 0.2]),
        ("pr_auc", [0, 0], [0.1, 0.2]),
        ("precision", [1, 0], [0, 0]),
        ("recall", [0, 0], [1, 0]),
        ("f1", [0, 0], [0, 0]),
        ("r2", [2.0, 2.0, 2.0], [1.0, 2.0, 3.0]),
        ("r2", [0.1, 0.1, 0.1], [0.1, 0.1, 0.1]),
        ("r2", [2.0], [1.0]),
        *((name, [], []) for name in METRICS),
        *((name, [math.nan], [1]) for name in METRICS),
        *((name, [1, math.nan], [math.nan, 0]) for name in METRICS),
    ],
)
def test_what_rows_do_not_define_is_nan(name: str, actual: list[float], said: list[float]) -> None:
    found = metric(name)(actual, said)
    assert not found.is_defined
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(found.error)
    assert not metric(name)(actual, said, [0.0] * len(actual)).is_defined


def test_weights_of_nothing_define_nothing() -> None:
    for name in METRICS:
        assert not metric(name)([0, 1], [0, 1], [0, 0]).is_defined, name


@pytest.mark.parametrize("name", sorted({*OF_PREDICTIONS, "roc_auc", "pr_auc"}))
def test_a_perfect_model_is_not_certain_to_stay_so(name: str) -> None:
    found = metric(name)([0, 1] * 10, [0, 1] * 10)
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.6 < found.low < 0.9


def test_one_row_has_a_value_and_no_bound() -> None:
    found = metric("mae")([1.0], [3.0])
    assert (found.value, found.low, found.high) == (2.0, 0.0, math.inf)


@pytest.mark.parametrize("name", sorted(METRICS))
@pytest.mark.parametrize(
    ("actual", "said", "weights", "reason"),
    [
        ([1, 0], [1], None, "go row by row, got 2, 1 and 2 rows"),
        ([1, math.inf], [1, 1], None, "actual: must be finite numbers, or NaN .*got inf"),
        ([1, 0], [1, -math.inf], None, "predicted: must be finite numbers"),
        (["a", "b"], [1, 0], None, "actual: must be numbers"),
        ([1, 0], [1, 0], [1, -1], "weights: must be finite numbers of at least 0"),
        ([1, 0], [1, 0], [1, math.nan], "weights: must be finite"),
        ([[1], [0]], [1, 0], None, "actual: must be an array of 1 dimension"),
    ],
)
def test_what_can_not_be_judged_is_refused(
    name: str, actual: Any, said: Any, weights: Any, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        metric(name)(actual, said, weights)


@pytest.mark.parametrize("name", sorted({*OF_PREDICTIONS, *OF_SCORES} - {"accuracy"}))
def test_an_actual_that_is_no_class_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=r"actual: must be 0 \(negative\) or 1 \(positive\), got 2"):
        metric(name)([0, 2], [0, 1])


@pytest.mark.parametrize("name", ["log_loss", "brier", "calibration_error"])
def test_a_score_that_is_no_probability_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=r"a probability lies in \[0, 1\], got 1.5"):
        metric(name)([0, 1], [0.5, 1.5])


def test_classes_beyond_the_scores_are_named() -> None:
    with pytest.raises(ConfigError, match="numbers of classes, 0 to 1"):
        performance.log_loss([0, 2], [[0.5, 0.5], [0.1, 0.9]])


def test_an_unknown_metric_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="accuracy, bias, brier"):
        metric("auc")


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_shows_an_example_its_range_and_its_source(name: str) -> None:
    text = metric(name).__doc__ or ""
    for part in (">>>", "Source:", "ot defined", "NaN"):
        assert part in text


# --- coverage: how often the interval holds the truth -----------------------------------------------------

WINDOWS = examples(600)


def covered(draw: Callable[[np.random.Generator], Estimate], truth: float) -> float:
    random = np.random.default_rng(41)
    found = [draw(random) for _ in range(WINDOWS)]
    return float(np.mean([each.low <= truth <= each.high for each in found if each.is_defined]))


def scored(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Actuals of a logistic model and its own probabilities."""
    score = 1 / (1 + np.exp(-random.normal(-0.4, 1.5, rows)))
    return (random.random(rows) < score) * 1.0, score


@pytest.mark.slow
@pytest.mark.parametrize("rows", [50, 200, 1000])
@pytest.mark.parametrize("name", sorted({*OF_PREDICTIONS, *OF_SCORES}))
def test_the_interval_of_a_class_metric_holds_what_it_says(name: str, rows: int) -> None:
    def measured(random: np.random.Generator, rows: int = rows) -> Estimate:
        actual, score = scored(random, rows)
        return metric(name)(actual, (score >= 0.5) * 1.0 if name in OF_PREDICTIONS else score)

    truth = measured(np.random.default_rng(7), 2_000_000).value
    truth = 0.0 if name == "calibration_error" else truth  # the scores are the probabilities
    share = covered(measured, truth)
    assert share > (0.91 if rows == 50 else 0.925)
    assert share < 0.985 or name == "calibration_error"  # which allows for more than it must


ERRORS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda random, rows: random.normal(0.5, 1, rows),
    "heavy": lambda random, rows: np.exp(0.8 * random.standard_normal(rows)) - 1.3,
}
LEAST_COVERED = {
    ("mae", "heavy"): 0.85, ("mape", "heavy"): 0.85, ("bias", "heavy"): 0.88, ("rmse", "heavy"): 0.68,
    ("r2", "heavy"): 0.69,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("rows", [50, 200, 1000])
@pytest.mark.parametrize("errors", sorted(ERRORS))
@pytest.mark.parametrize("name", sorted(OF_NUMBERS))
def test_the_interval_of_a_number_metric_holds_what_it_says(name: str, errors: str, rows: int) -> None:
    def measured(random: np.random.Generator, rows: int = rows) -> Estimate:
        actual = random.normal(20, 3, rows)
        return metric(name)(actual, actual + ERRORS[errors](random, rows))

    truth = measured(np.random.default_rng(7), 4_000_000).value
    assert covered(measured, truth) > LEAST_COVERED.get((name, errors), 0.915)


def test_wilsons_interval_is_exact_arithmetic() -> None:
    found = of_share(0.8, 50, 50)  # Brown, Cai, DasGupta, Statistical Science 16, 2001: the formula by hand
    assert (found.low, found.high) == pytest.approx((0.669629, 0.887555), abs=1e-5)


def test_the_page_names_every_metric_and_its_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/performance-metrics.md").read_text(encoding="utf-8")
    assert {name for name in METRICS if f"`{name}`" not in page} == set()
    (block,) = [each for each in blocks(page) if each.language == "python"]
    exec(block.text, {})
    assert capsys.readouterr().out.strip() == block.text.partition("  # ")[2].partition("\n")[0]
