"""Performance before the truth comes: how often the band of 95 % holds what then comes true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from modelmon.apps import ModelPerformanceApplication
from modelmon.model_task import ModelTask
from tests.honesty.concept import ONE_SIGMA
from tests.honesty.judged_windows import results, trained
from tests.honesty.models import BINARY, NUMBERS, SEVERAL, binary, numbers, several, timed
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import Rng, seeded

TRAINING = 20_000
LEAST, MOST = 0.90, 0.98
Made = Callable[[Rng, int], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class World:
    """A model, what its windows are like, and whether the estimate's assumption holds there."""

    task: ModelTask
    then: Made
    now: Made
    metrics: tuple[str, ...]
    sizes: tuple[int, ...] = (200, 1000, 5000)
    is_claimed: bool = True


_FIVE = ("accuracy", "precision", "recall", "f1", "roc_auc")
WORLDS = {
    "two classes": World(BINARY, binary, binary, _FIVE),
    "two classes, an input moves by 1 sigma": World(
        BINARY, binary, lambda rng, rows: binary(rng, rows, shift=ONE_SIGMA), _FIVE, (1000, 5000)
    ),
    "two classes, the base rate moves by half a logit": World(
        BINARY, binary, lambda rng, rows: binary(rng, rows, logit=-0.5), ("accuracy", "f1"),
        (1000, 5000), is_claimed=False,
    ),
    "1 % positive": World(
        BINARY, lambda rng, rows: binary(rng, rows, base_rate=0.01),
        lambda rng, rows: binary(rng, rows, base_rate=0.01), ("accuracy", "roc_auc"), (1000, 5000),
    ),
    "three classes": World(SEVERAL, several, several, ("accuracy",)),
    "three classes, an input moves by 1 sigma": World(
        SEVERAL, several, lambda rng, rows: several(rng, rows, shift=ONE_SIGMA), ("accuracy",), (1000, 5000)
    ),
    "numbers": World(NUMBERS, numbers, numbers, ("mae",)),
    "numbers, an input moves by 0.5 sigma": World(
        NUMBERS, numbers, lambda rng, rows: numbers(rng, rows, shift=0.5 * ONE_SIGMA), ("mae",), (1000,)
    ),
    "numbers, an input moves by 1 sigma": World(
        NUMBERS, numbers, lambda rng, rows: numbers(rng, rows, shift=ONE_SIGMA), ("mae",), (1000, 5000),
        is_claimed=False,
    ),
    "numbers with heavy tails": World(
        NUMBERS, lambda rng, rows: numbers(rng, rows, heavy=True),
        lambda rng, rows: numbers(rng, rows, heavy=True), ("mae",), (1000, 5000), is_claimed=False,
    ),
}  # fmt: skip


def held(world: World, name: str, rows: int, windows: int, references: int) -> dict[str, Rate]:
    """Windows whose band holds the realised value, by metric."""
    hits, number = dict.fromkeys(world.metrics, 0), dict.fromkeys(world.metrics, 0)
    app = ModelPerformanceApplication(0.03)
    for reference in range(references):
        rng = seeded("estimates", name, rows, reference)
        known = trained(timed(world.then(rng, TRAINING), rows), world.task)
        for _ in range(windows // references):
            found = results(app, world.now(rng, rows), known)["estimated_performance"].extra_data
            for metric in world.metrics:
                one = found.get("realised", {}).get(metric)
                number[metric] += one is not None
                hits[metric] += bool(one and one["within"])
    return {metric: Rate(hits[metric], number[metric]) for metric in world.metrics}


def row_of_estimates(windows: int = 400, references: int = 10, sizes: tuple[int, ...] = ()) -> Row:
    """Row 15, of our own streams; that NannyML has the same numbers is among the tests."""
    cells, wrong = {}, []
    for name, world in WORLDS.items():
        for rows in (each for each in world.sizes if not sizes or each in sizes):
            rates = held(world, name, rows, windows, references)
            claimed = "" if world.is_claimed else " (claimed nowhere)"
            cells[f"{name}, {rows:,} rows{claimed}"] = "; ".join(
                f"{metric} {rate.value:.2f}" for metric, rate in rates.items()
            )
            wrong += [
                f"{name}, {metric}, {rows:,} rows ({rate.value:.2f})"
                for metric, rate in rates.items()
                if world.is_claimed and (rate.is_below(LEAST) or rate.is_above(MOST))
            ]
    return Row(
        "15",
        f"estimates, training {TRAINING:,}: where scores mean what they meant the band "
        f"holds what comes true in {100 * LEAST:.0f} to {100 * MOST:.0f} % of windows",
        cells,
        not wrong,
        f"not so: {'; '.join(wrong) or 'none'}",
    )
