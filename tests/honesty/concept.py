"""Inputs that move, and a world that changes: does the concept drift app tell one from the other?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from modelmon.apps import ConceptDriftApplication
from modelmon.model_task import ModelTask
from tests.honesty.judged_windows import alarms, results, trained
from tests.honesty.models import BINARY, NUMBERS, SEVERAL, binary, numbers, several, timed
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import Rng, seeded

BUDGET = 0.01
ROWS, TRAINING = 2000, 20_000
ONE_SIGMA = np.array([1.0, 0, 0, 0, 0, 0])
Made = Callable[[Rng, int], pd.DataFrame]

CALM: dict[str, tuple[ModelTask, Made, Made]] = {
    "nothing": (BINARY, binary, binary),
    "the strongest input moves by 1 sigma": (
        BINARY, binary, lambda rng, rows: binary(rng, rows, shift=ONE_SIGMA),
    ),
    "all inputs move by 0.5 sigma": (BINARY, binary, lambda rng, rows: binary(rng, rows, shift=0.5)),
    "1 % positive, an input moves by 1 sigma": (
        BINARY,
        lambda rng, rows: binary(rng, rows, base_rate=0.01),
        lambda rng, rows: binary(rng, rows, base_rate=0.01, shift=ONE_SIGMA),
    ),
    "three classes, an input moves by 1 sigma": (
        SEVERAL, several, lambda rng, rows: several(rng, rows, shift=ONE_SIGMA),
    ),
    "numbers, an input moves by 1 sigma": (
        NUMBERS, numbers, lambda rng, rows: numbers(rng, rows, shift=ONE_SIGMA),
    ),
    "numbers with heavy tails, nothing": (
        NUMBERS, lambda rng, rows: numbers(rng, rows, heavy=True),
        lambda rng, rows: numbers(rng, rows, heavy=True),
    ),
}  # fmt: skip
CHANGED: dict[str, tuple[ModelTask, Made, Made]] = {
    "the base rate moves by half a logit": (BINARY, binary, lambda rng, rows: binary(rng, rows, logit=-0.5)),
    "base rate and inputs move": (
        BINARY, binary, lambda rng, rows: binary(rng, rows, logit=-0.5, shift=ONE_SIGMA),
    ),
    "numbers, a bias of 0.4 of an error": (NUMBERS, numbers, lambda rng, rows: numbers(rng, rows, bias=0.8)),
}  # fmt: skip
TOLD: dict[str, tuple[ModelTask, Made, Made]] = {  # below what some of the training sets promise to show
    "three classes, a fifth of outcomes are any": (
        SEVERAL, several, lambda rng, rows: several(rng, rows, wrong=0.2),
    ),
}  # fmt: skip


def rung(task: ModelTask, then: Made, now: Made, name: str, windows: int, references: int) -> Rate:
    """Windows in which the app says that the concept has drifted, without a floor."""
    app, hits = ConceptDriftApplication(BUDGET, floor=0.0), 0
    for reference in range(references):
        rng = seeded("concept", name, reference)
        known = trained(timed(then(rng, TRAINING), ROWS), task)
        for _ in range(windows // references):
            hits += alarms(results(app, now(rng, ROWS), known), "concept_drift")
    return Rate(hits, windows // references * references)


def leaking(rng: Rng, rows: int, shift: float) -> pd.DataFrame:
    """Two inputs act together, which the model's score does not know: no right model."""
    frame = binary(rng, rows, shift=np.array([shift, shift, 0, 0, 0, 0]))
    score = np.log(frame["chance"] / (1 - frame["chance"])) + 0.8 * frame["x0"] * frame["x1"]
    came = rng.random(rows) < 1 / (1 + np.exp(-score))
    return frame.assign(**{"actual.late": came})


def row_of_concept(windows: int = 400, references: int = 8) -> Row:
    """Row 14."""
    cells, wrong = {}, []
    for name, (task, then, now) in CALM.items():
        rate = rung(task, then, now, name, windows, references)
        cells[name] = str(rate)
        if rate.is_above(BUDGET) or rate.value > 0.03:
            wrong.append(name)
    for name, (task, then, now) in CHANGED.items():
        rate = rung(task, then, now, name, windows // 4, references)
        cells[f"changed: {name}"] = str(rate)
        if rate.is_below(0.95):
            wrong.append(name)
    for name, (task, then, now) in TOLD.items():
        cells[f"changed: {name} (claimed nowhere)"] = str(
            rung(task, then, now, name, windows // 4, references)
        )
    for shift in (0.0, 0.5, 1.0):
        rate = rung(
            BINARY, lambda rng, rows: leaking(rng, rows, 0.0),
            lambda rng, rows, by=shift: leaking(rng, rows, by), f"leak {shift}", windows // 4, references,
        )  # fmt: skip
        cells[f"a wrong model, inputs move by {shift:g} sigma (claimed nowhere)"] = str(rate)
    return Row(
        "14",
        f"concept-drift, windows of {ROWS:,} rows, budget {BUDGET}, no floor, a right model: at most 0.03 "
        "where inputs move, at least 0.95 where the world has changed",
        cells,
        not wrong,
        f"not so: {'; '.join(wrong) or 'none'}",
    )
