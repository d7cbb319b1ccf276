"""Metrics of somebody's own are judged against windows of as many rows of the training set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from modelmon.errors import ConfigError
from modelmon.stats.performance.kept_rows import GROUPS, from_json, kept_rows
from modelmon.stats.performance.own_metrics import own_estimate, own_reference
from modelmon.stats.performance.reference import performance_reference, reference_from_json, reference_to_json
from modelmon.stats.performance.rows import TaskRows
from modelmon.stats.performance.verdict import judge_performance


def rows(seed: int, many: int, *, hit: float = 0.7, waves: int = 0) -> TaskRows:
    """Predictions of which `hit` come true; in `waves` stretches that goes up and down by 0.1."""
    random = np.random.default_rng(seed)
    came = random.random(many) < 0.5
    level = hit + (0.1 * (np.arange(many) * waves // many % 2 * 2 - 1) if waves else 0)
    return TaskRows(came * 1.0, (came ^ (random.random(many) >= level)) * 1.0, None, 2)


def profit(of: TaskRows) -> float:
    return float((1 - 3 * of.loss).mean())


def total(of: TaskRows) -> float:
    return float((1 - 3 * of.loss).sum())


def ratio(now: TaskRows, then: TaskRows, metric: object = profit, *, by_time: bool = False) -> float:
    kept = kept_rows(then, by_time=by_time)
    reference = performance_reference(then, by_time=by_time)
    estimate = own_estimate(metric, now, metric(now))
    known = own_reference(metric, kept, len(now))
    found = replace(reference, metrics={"own": known})
    (verdict,) = judge_performance({"own": estimate}, found, ["own"], budget=0.01, either_way=["own"])
    return verdict.ratio


@pytest.mark.parametrize("metric", [profit, total])
def test_what_is_more_or_less_than_in_training_alarms_and_what_is_not_does_not(metric: object) -> None:
    then = rows(0, 20_000)
    assert all(ratio(rows(seed, 1000), then, metric) < 1 for seed in range(1, 11))
    assert ratio(rows(1, 1000, hit=0.6), then, metric) > 1
    assert ratio(rows(1, 1000, hit=0.8), then, metric) > 1


def test_a_mean_has_the_error_that_a_mean_has() -> None:
    then = rows(0, 20_000)
    known = own_reference(profit, kept_rows(then, by_time=False), 500)
    spread = 3 * np.sqrt(0.7 * 0.3)
    assert known.value == pytest.approx(0.1, abs=0.05)
    assert known.error == pytest.approx(spread / np.sqrt(5000), rel=0.15)
    assert known.scale == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("metric", [profit, total])
def test_what_goes_up_and_down_in_training_is_no_alarm_where_times_are_known(metric: object) -> None:
    then, now = rows(0, 50_000, waves=GROUPS), rows(1, 2000, hit=0.6)
    assert ratio(now, then, metric) > 1
    assert ratio(now, then, metric, by_time=True) < 1


def test_a_metric_that_few_windows_define_is_not_judged() -> None:
    def of_misses(of: TaskRows) -> float:
        if not of.loss.any():
            raise ZeroDivisionError
        return 1.0

    kept = kept_rows(rows(0, 5000, hit=0.999), by_time=False)
    assert own_reference(of_misses, kept, 20) is None
    assert own_reference(lambda of: float("nan"), kept, 20) is None
    assert not own_estimate(lambda of: float("nan"), rows(0, 100), 1.0).is_defined


def test_kept_rows_are_from_everywhere_and_come_back_as_they_were() -> None:
    many = rows(0, 20_000)
    kept = kept_rows(many, by_time=True)
    assert (len(kept.rows), kept.groups, len(kept.group(99))) == (5000, GROUPS, 50)
    reference = performance_reference(many, by_time=True)
    read = reference_from_json(reference_to_json(reference)).kept
    assert read.groups == GROUPS
    assert np.array_equal(read.rows.actual, reference.kept.rows.actual)
    assert kept_rows(rows(0, 99), by_time=True) is None
    several = TaskRows(np.zeros(9000), np.zeros(9000), np.full((9000, 3), 0.25), 3)
    again = from_json(kept_rows(several, by_time=False).to_json())
    assert again.rows.score.shape == (3000, 3)


@pytest.mark.parametrize(
    "damage", [{"rows": "!"}, {"rows": ""}, {"columns": 7}, {"groups": 3}, {"classes": None}]
)
def test_damaged_rows_are_refused(damage: dict[str, object]) -> None:
    kept = kept_rows(rows(0, 500), by_time=True).to_json()
    with pytest.raises(ConfigError, match="kept rows"):
        from_json({**kept, **damage})
