"""How often the interval of 95 % of a metric holds the value that endless rows would give."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from modelmon.column_names import ACTUAL_PREFIX
from modelmon.model_task import ModelTask
from modelmon.stats.performance import Estimate
from modelmon.stats.performance.reading import read_rows
from modelmon.stats.performance.rows import measured
from tests.honesty.performance import MODELS
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import seeded

SIZES = (50, 200, 1000, 5000)
FEW = 10
"""Rows of the rarer class that are expected at least, where an interval is claimed."""
SHARE = {"1 % positive": 0.01}
TRUTH_ROWS = 1_000_000
LEAST = 0.90
"""What is asked of an interval of 95 % from 200 rows on; beyond is told, and is not claimed."""
NOT_CLAIMED = frozenset({"rmse", "mape", "r2", "calibration_error", "pr_auc"})
"""Heavy tails, ratios, and a metric whose value of few rows is not that of many."""


def values_of(frame: pd.DataFrame, task: ModelTask) -> dict[str, Estimate]:
    """Every metric of a window, as the app has it."""
    return measured(read_rows(frame, task, ACTUAL_PREFIX + task.actual).rows)


@cache
def truth(name: str) -> dict[str, float]:
    """What endless rows would give: a million in ten parts."""
    model, parts = MODELS[name], 10
    rng = seeded("truth", name)
    found = [values_of(model.rows(rng, TRUTH_ROWS // parts), model.task) for _ in range(parts)]
    return {metric: float(np.mean([each[metric].value for each in found])) for metric in found[0]}


def covered(name: str, rows: int, windows: int) -> dict[str, Rate]:
    """Per metric the windows whose interval holds the truth, among those in which it is defined."""
    model, true, rng = MODELS[name], truth(name), seeded("intervals", name, rows)
    found = [values_of(model.rows(rng, rows), model.task) for _ in range(windows)]
    rates = {}
    for metric, value in true.items():
        known = [each[metric] for each in found if each[metric].is_defined]
        rates[metric] = Rate(sum(each.low <= value <= each.high for each in known), len(known))
    return rates


def row_of_intervals(
    windows: int = 500, sizes: tuple[int, ...] = SIZES, names: Sequence[str] = tuple(MODELS)
) -> Row:
    """Row 22."""
    cells, narrow = {}, []
    for name in names:
        for rows in sizes:
            rates = covered(name, rows, windows)
            cells[f"{name}, {rows:,} rows"] = "; ".join(
                f"{metric} {rate.value:.2f}" for metric, rate in rates.items() if rate.windows
            )
            is_claimed = rows >= 200 and rows * SHARE.get(name, 1) >= FEW
            narrow += [
                f"{name}, {metric}, {rows:,} rows ({rate.value:.2f})"
                for metric, rate in rates.items()
                if is_claimed and metric not in NOT_CLAIMED and rate.windows and rate.is_below(LEAST)
            ]
    return Row(
        "22",
        f"each metric's interval of 95 % holds the truth in {100 * LEAST:.0f} % of windows from 200 rows and "
        f"{FEW} of the rarer class on; not claimed of {', '.join(sorted(NOT_CLAIMED))}",
        cells,
        not narrow,
        f"too narrow: {'; '.join(narrow) or 'none'}",
    )
