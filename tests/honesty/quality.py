"""Rows as they were in training, in clusters too: how often the data quality app finds something wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa

from modelmon.apps import DataQualityApplication
from modelmon.contracts.suggesting import read_training_rows, suggest
from modelmon.contracts.writing import write_contract
from modelmon.ledger.contracts import SUGGESTED, KeptContract
from modelmon.model import ResultStatusApp
from modelmon.stats import describe
from tests.honesty.judged_windows import CALM, Trained, results, trained
from tests.honesty.models import timed
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import INDEPENDENT, Rng, Values, ar1, seeded

BUDGET = 0.01
SIZES = (50, 200, 1000)
TRAININGS = (1000, 20_000)
SHARE, LENGTH = 0.01, 50
MANY = 20_000
"""Rows of training from which on clusters are claimed to be known."""
NEVER_SEEN = frozenset({"rare categories in clusters"})
"""What training has not had can't be known to come in clusters: it is told, and not claimed to be calm."""


def in_clusters(rng: Rng, rows: int, length: int) -> Values:
    """Which rows are in a cluster of so many in a row: 1 % of them, wherever a window begins."""
    starts = np.flatnonzero(rng.random(rows + length) < SHARE / length)
    found = np.zeros(rows + 2 * length, dtype=bool)
    for start in starts:
        found[start : start + length] = True
    return found[length : length + rows]


def _plain(rng: Rng, rows: int) -> dict[str, Values]:
    return {
        "level": rng.standard_normal(rows), "heavy": np.exp(2 * rng.standard_normal(rows)),
        "city": rng.choice(np.array(["Bern", "Oslo", "Rome", "Wien"]), rows, p=[0.5, 0.3, 0.15, 0.05]),
    }  # fmt: skip


def _gaps(rng: Rng, rows: int, missing: Values) -> pd.DataFrame:
    made = _plain(rng, rows)
    return pd.DataFrame(made | {"level": np.where(missing, np.nan, made["level"])})


def _again(rng: Rng, rows: int, again: Values) -> pd.DataFrame:
    frame = pd.DataFrame(_plain(rng, rows))
    first = np.maximum.accumulate(np.where(again, 0, np.arange(rows)))
    return frame.iloc[first].reset_index(drop=True)


def _new_names(rng: Rng, rows: int, new: Values) -> pd.DataFrame:
    made = _plain(rng, rows)
    names = np.array([f"new {place // LENGTH % 7}" for place in range(rows)])
    return pd.DataFrame(made | {"city": np.where(new, names, made["city"])})


def _mixed(rng: Rng, rows: int) -> pd.DataFrame:
    return pd.DataFrame({name: of(rng, rows) for name, of in INDEPENDENT.items()})


Made = Callable[[Rng, int], pd.DataFrame]
STREAMS: dict[str, Made] = {
    "independent, eight kinds": _mixed,
    "independent, 1 % missing": lambda rng, rows: _gaps(rng, rows, rng.random(rows) < SHARE),
    "independent, 1 % sent twice": lambda rng, rows: _again(rng, rows, rng.random(rows) < SHARE),
    "AR(1)": lambda rng, rows: pd.DataFrame({f"x{place}": ar1(rng, 1, rows)[0] for place in range(5)}),
    "missing in clusters": lambda rng, rows: _gaps(rng, rows, in_clusters(rng, rows, LENGTH)),
    "rare categories in clusters": lambda rng, rows: _new_names(rng, rows, in_clusters(rng, rows, LENGTH)),
    "a client that repeats itself": lambda rng, rows: _again(rng, rows, in_clusters(rng, rows, 2 * LENGTH)),
}


def known_rows(training: pd.DataFrame) -> Trained:
    """What `log_model` keeps: the profile, and the contract that it suggests."""
    found = trained(training)
    table = pa.Table.from_pandas(training.drop(columns="when", errors="ignore"), preserve_index=False)
    text = write_contract(suggest(describe(table), read_training_rows(table, tuple(table.column_names))))
    endpoint = replace(found.endpoint, feature_names=tuple(table.column_names))
    return replace(found, endpoint=endpoint, contract=KeptContract("models/clean", 1, text, SUGGESTED, 0))


def rung(
    name: str, rows: int, m: int, windows: int, references: int, *, with_times: bool
) -> tuple[Rate, Rate]:
    """Windows with any alarm, and those with one that is detected."""
    made, app, alarms, detected = STREAMS[name], DataQualityApplication(alarm_budget=BUDGET), 0, 0
    for reference in range(references):
        rng = seeded("quality", name, rows, m, reference)
        training = made(rng, m)
        known = known_rows(timed(training, rows) if with_times else training)
        for _ in range(windows // references):
            found = [each.status for each in results(app, made(rng, rows), known).values()]
            alarms += any(status not in CALM for status in found)
            detected += ResultStatusApp.detected in found
    number = windows // references * references
    return Rate(alarms, number), Rate(detected, number)


def row_of_quality(
    windows: int = 300, references: int = 10, names: Sequence[str] = tuple(STREAMS),
    sizes: Sequence[int] = SIZES, trainings: Sequence[int] = TRAININGS,
) -> Row:  # fmt: skip
    """Row 25."""
    cells, over = {}, []
    for name in names:
        for m in trainings:
            for rows in sizes:
                rate, detected = rung(name, rows, m, windows, references, with_times=True)
                cells[f"{name}, training {m:,}, {rows:,} rows"] = f"{rate}; detected {detected.hits}"
                is_claimed = name not in NEVER_SEEN and (m >= MANY or name.startswith("independent"))
                if (is_claimed and rate.is_above(BUDGET)) or detected.is_above(BUDGET):
                    over.append(f"{name}, training {m:,}, {rows:,} rows")
    for name in (each for each in names if not each.startswith("independent")):
        rate, detected = rung(name, 200, 20_000, windows, references, with_times=False)
        cells[f"{name}, no times, training 20,000, 200 rows"] = f"{rate}; detected {detected.hits}"
        if detected.hits:
            over.append(f"{name} is detected without times")
    return Row(
        "25",
        f"data-quality, rows as in training, budget {BUDGET}: not over it where rows are independent, nor in "
        f"clusters of what {MANY:,} rows of training with times have had; without them nothing is detected",
        cells,
        not over,
        f"over: {'; '.join(over) or 'none'}",
    )
