"""Metrics of somebody's own: false alarms where nothing has changed, and a change that is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from modelmon.stats.performance.kept_rows import kept_rows
from modelmon.stats.performance.own_metrics import OwnMetric, own_estimate, own_reference
from modelmon.stats.performance.reference import PerformanceReference, performance_reference
from modelmon.stats.performance.rows import TaskRows
from modelmon.stats.performance.verdict import judge_performance
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import Rng, seeded

BUDGET, WINDOWS_OF_ONE = 0.01, 10
TRAINED = (1_000, 10_000)
CLASSES: Mapping[str, OwnMetric] = {
    "mean profit": lambda rows: float((1 - 3 * rows.loss).mean()),
    "total profit": lambda rows: float((1 - 3 * rows.loss).sum()),
    "right among predicted": lambda rows: float((rows.actual * rows.predicted).sum() / rows.predicted.sum()),
}
NUMBERS: Mapping[str, OwnMetric] = {
    "90th percentile of errors": lambda rows: float(np.quantile(abs(rows.actual - rows.predicted), 0.9)),
    "mean error, heavy tails": lambda rows: float(np.exp(2 * rows.actual - rows.predicted).mean()),
    "largest error": lambda rows: float(abs(rows.actual - rows.predicted).max()),
}
NOT_CLAIMED = ("mean error, heavy tails", "largest error")
"""Not nearly normal, and a maximum: the documents leave them out."""


def answers(rng: Rng, many: int, right: float = 0.7) -> TaskRows:
    """Answers of two classes, so many of them right."""
    came = rng.random(many) < 0.5
    return TaskRows(came * 1.0, (came ^ (rng.random(many) >= right)) * 1.0, None, 2)


def numbers(rng: Rng, many: int) -> TaskRows:
    return TaskRows(rng.standard_normal(many), np.zeros(many), None)


def alarms(metric: OwnMetric, known: PerformanceReference, now: TaskRows) -> bool:
    """Whether the metric, judged alone, alarms: as the app judges it."""
    assert known.kept is not None
    then = own_reference(metric, known.kept, len(now))
    found = own_estimate(metric, now, metric(now))
    if then is None or not found.is_defined:
        return False
    asked = replace(known, metrics={"own": then})
    (verdict,) = judge_performance({"own": found}, asked, ["own"], budget=BUDGET, either_way=["own"])
    return verdict.ratio >= 1


def rate(name: str, trained: int, size: int, windows: int, right: float = 0.7) -> Rate:
    """Alarms in so many windows; a new training set every ten windows."""
    rng, hits = seeded("own metrics", name, trained, size, right), 0
    metric = {**CLASSES, **NUMBERS}[name]
    for number in range(windows):
        if number % WINDOWS_OF_ONE == 0:
            training = answers(rng, trained) if name in CLASSES else numbers(rng, trained)
            kept = kept_rows(training, by_time=False)
            known = replace(performance_reference(training, by_time=False), kept=kept)
        now = answers(rng, size, right) if name in CLASSES else numbers(rng, size)
        hits += alarms(metric, known, now)
    return Rate(hits, windows)


def row_of_own_metrics(windows: int = 300, sizes: Sequence[int] = (50, 200, 1000)) -> Row:
    """Each metric alone at 0.01, and ten points of right answers fewer."""
    cells, over = {}, []
    for name in (*CLASSES, *NUMBERS):
        for trained in TRAINED:
            for size in sizes:
                found = rate(name, trained, size, windows)
                cells[f"{name}, training {trained:,}, {size} rows"] = str(found)
                is_over = name not in NOT_CLAIMED and found.is_above(BUDGET)
                over += [f"{name} {trained} {size}"] if is_over else []
    seen = rate("mean profit", TRAINED[1], sizes[-1], max(windows // 3, 10), right=0.6)
    cells[f"mean profit, ten points of right answers fewer, {sizes[-1]} rows: seen"] = str(seen)
    return Row(
        "own metrics",
        "metrics of somebody's own, a model as right as in training, each judged alone at 0.01: none over "
        f"it; not claimed of {', '.join(NOT_CLAIMED)}; ten points of right answers fewer are seen in 90 % of "
        "windows",
        cells,
        not over and not seen.is_below(0.9),
        f"over: {', '.join(over) or 'none'}; seen: {seen.value:.2f}",
    )
