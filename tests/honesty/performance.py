"""Windows in which the model is as right as it was in training: how often the performance app alarms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from modelmon.apps import ModelPerformanceApplication
from modelmon.model_task import ModelTask
from modelmon.stats.performance.rows import JUDGED
from tests.honesty.judged_windows import alarms, results, trained
from tests.honesty.models import BINARY, NUMBERS, SEVERAL, binary, numbers, several, timed
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import Rng, seeded

BUDGET = 0.01
PARTS = 3
"""The app gives a third of its budget to the metrics, one to the estimate, one to slices."""
SIZES = (50, 200, 1000, 5000)
TRAININGS = (1000, 50_000)


@dataclass(frozen=True, slots=True)
class Model:
    """A model's task, its rows of a window, and every metric that is judged on its own."""

    task: ModelTask
    rows: Callable[[Rng, int], pd.DataFrame]
    metrics: tuple[str, ...]


_TWO = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "pr_auc",
    "log_loss",
    "brier",
    "calibration_error",
)
_NUMBERS = ("mae", "rmse", "mape", "r2", "bias")
MODELS = {
    "30 % positive": Model(BINARY, binary, _TWO),
    "1 % positive": Model(BINARY, lambda rng, rows: binary(rng, rows, base_rate=0.01), _TWO),
    "three classes": Model(SEVERAL, several, ("accuracy", "macro_f1", "macro_roc_auc", "log_loss")),
    "numbers": Model(NUMBERS, numbers, _NUMBERS),
    "numbers, heavy tails": Model(NUMBERS, lambda rng, rows: numbers(rng, rows, heavy=True), _NUMBERS),
}
STEADY = tuple(MODELS)
HOURS = "hours that differ"


def hard_hours(rng: Rng, rows: int, windows: int, spread: float = 0.5) -> list[pd.DataFrame]:
    """Windows of `binary` whose outcomes have a level of their own each, as hours may."""
    return [binary(rng, rows, logit=rng.normal(0, spread)) for _ in range(windows)]


def by_metric(name: str, rows: int, m: int, *, windows: int, references: int) -> dict[str, Rate]:
    """Alarms of every metric of a model on its own, each judged at 0.01 against training sets of `m` rows."""
    model = MODELS[name]
    sides = len(model.metrics) + ("bias" in model.metrics)
    app = ModelPerformanceApplication(BUDGET * PARTS * sides, judged=model.metrics)
    hits, number = dict.fromkeys(model.metrics, 0), dict.fromkeys(model.metrics, 0)
    for reference in range(references):
        rng = seeded("performance", name, rows, m, reference)
        known = trained(timed(model.rows(rng, m), rows), model.task)
        for _ in range(windows // references):
            values = results(app, model.rows(rng, rows), known)["performance"].extra_data["values"]
            for metric in model.metrics:
                found = values.get(metric, {})
                number[metric] += "ratio" in found
                hits[metric] += found.get("ratio", 0) >= 1
    return {metric: Rate(hits[metric], number[metric]) for metric in model.metrics}


def by_result(name: str, rows: int, m: int, *, windows: int, references: int) -> dict[str, Rate]:
    """Alarms of both results as they are judged where nobody says more, each within 0.01."""
    hits = dict.fromkeys(("performance", "estimated_performance"), 0)
    app = ModelPerformanceApplication(BUDGET * PARTS)
    for reference in range(references):
        rng = seeded("performance results", name, rows, m, reference)
        training, frames, task = _windows(rng, name, rows, m, windows // references)
        known = trained(timed(training, rows), task)
        for frame in frames:
            found = results(app, frame, known)
            for result in hits:
                hits[result] += alarms(found, result)
    return {result: Rate(count, windows // references * references) for result, count in hits.items()}


def _windows(
    rng: Rng, name: str, rows: int, m: int, windows: int
) -> tuple[pd.DataFrame, Sequence[pd.DataFrame], ModelTask]:
    if name == HOURS:
        return pd.concat(hard_hours(rng, rows, m // rows)), hard_hours(rng, rows, windows), BINARY
    model = MODELS[name]
    return model.rows(rng, m), [model.rows(rng, rows) for _ in range(windows)], model.task


def row_of_metrics(
    windows: int = 300, references: int = 10, names: Sequence[str] = STEADY,
    sizes: Sequence[int] = SIZES, trainings: Sequence[int] = TRAININGS,
) -> Row:  # fmt: skip
    """Row 19: each metric on its own."""
    cells, over = {}, []
    for name in names:
        for m in trainings:
            for rows in sizes:
                found = by_metric(name, rows, m, windows=windows, references=references)
                for metric, rate in found.items():
                    if rate.is_above(BUDGET):
                        over.append(f"{name}, {metric}, training {m:,}, {rows:,} rows: {rate}")
                worst = max(found, key=lambda metric: found[metric].value)
                cells[f"{name}, training {m:,}, {rows:,} rows"] = f"{worst}: {found[worst]}"
    return Row(
        "19",
        f"model-performance, a model as right as in training, each metric judged alone at {BUDGET}: "
        "none over it",
        cells,
        not over,
        f"over: {'; '.join(over) or 'none'}",
    )


def row_of_results(
    windows: int = 300, references: int = 10, names: Sequence[str] = (*STEADY, HOURS),
    sizes: Sequence[int] = SIZES, trainings: Sequence[int] = TRAININGS,
) -> Row:  # fmt: skip
    """Row 20: both results, as they are judged by default."""
    cells, over = {}, []
    for name in names:
        for m in trainings:
            for rows in (each for each in sizes if name in STEADY or 20 * each <= m):
                found = by_result(name, rows, m, windows=windows, references=references)
                cells[f"{name}, training {m:,}, {rows:,} rows"] = (
                    f"{found['performance']}; estimated {found['estimated_performance']}"
                )
                over += [
                    f"{name}, {result}, training {m:,}, {rows:,} rows"
                    for result, rate in found.items() if rate.is_above(BUDGET)
                ]  # fmt: skip
    judged = "; ".join(", ".join(names) for names in JUDGED.values())
    return Row(
        "20",
        f"the same, {judged} together at {BUDGET}, and the estimate at {BUDGET}: none over it",
        cells,
        not over,
        f"over: {'; '.join(over) or 'none'}",
    )


def row_of_immature(windows: int = 100) -> Row:
    """Row 16: 30 % of the actuals have come, and those of windows that are bad."""
    rng = seeded("immature")
    known = trained(timed(binary(rng, 10_000), 1000), BINARY)
    app = ModelPerformanceApplication(BUDGET * PARTS)
    found = [
        results(app, binary(rng, 1000, mature=0.3, wrong=0.3), known)["performance"] for _ in range(windows)
    ]
    without = sum(each.extra_data.get("state") == "warming up" for each in found)
    mature = [
        results(app, binary(rng, 1000, wrong=0.3), known)["performance"].value >= 1 for _ in range(windows)
    ]
    return Row(
        "16",
        "a third of outcomes turned round, 30 % of actuals have come: no verdict; with all of them an alarm",
        {
            "30 % have come": f"{without} of {windows} without a verdict",
            "all": str(Rate(sum(mature), windows)),
        },
        without == windows and sum(mature) > 0.9 * windows,
        f"{without} of {windows} without a verdict",
    )


def row_of_worse(windows: int = 100, m: int = 50_000) -> Row:
    """Row 21: the accuracy falls by five points."""
    cells, rates = {}, {}
    rng = seeded("worse")
    app = ModelPerformanceApplication(BUDGET * PARTS)
    training = binary(rng, m)
    then = float((training["late"] == training["actual.late"].astype(bool)).mean())
    wrong = 0.05 / (2 * then - 1)
    for rows in (*SIZES, 20_000):
        known = trained(timed(training, rows), BINARY)
        found = [results(app, binary(rng, rows, wrong=wrong), known)["performance"] for _ in range(windows)]
        rates[rows] = Rate(sum(each.value >= 1 for each in found), windows)
        least = np.median([each.extra_data["values"]["accuracy"]["least"] for each in found])
        cells[f"{rows:,} rows"] = f"{rates[rows]}; promised with 90 %: {100 * least:.1f} points"
    return Row(
        "21",
        f"an accuracy of {then:.2f} falls by 5 points, training {m:,}: seen in 90 % of windows of 5,000 rows",
        cells,
        not rates[5000].is_below(0.9),
        "; ".join(f"{rows:,} rows {rate.value:.2f}" for rows, rate in rates.items()),
    )
