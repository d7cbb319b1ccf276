"""Slices and causes: what is named where nothing is bad, and whether what did it comes first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from modelmon.apps import ModelPerformanceApplication
from tests.honesty.judged_windows import results, trained
from tests.honesty.models import BINARY, binary, timed
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import Rng, seeded

BUDGET = 0.01
PARTS = 3
TRAINING = 20_000


def evenly_wrong(rng: Rng, rows: int, share: float, bad: float = 0.0) -> pd.DataFrame:
    """A model that is wrong in a share of rows, whatever the inputs; in `bad` more of those of one city."""
    frame = binary(rng, rows)
    city = rng.choice(np.array(["Bern", "Oslo", "Rome"]), rows, p=[0.6, 0.3, 0.1])
    wrong = rng.random(rows) < share + bad * (city == "Rome")
    return frame.assign(city=city, **{"actual.late": frame["late"].to_numpy() ^ wrong})


def _told(frames: list[pd.DataFrame], training: pd.DataFrame, rows: int) -> list[dict[str, Any]]:
    known, app = trained(timed(training, rows), BINARY), ModelPerformanceApplication(BUDGET * PARTS)
    return [results(app, frame, known)["performance"].extra_data for frame in frames]


def row_of_slices(windows: int = 1000, bad: int = 100) -> Row:
    """Row 23."""
    cells, wrong = {}, []
    for share in (0.02, 0.1, 0.3):
        for rows in (500, 2000):
            rng = seeded("slices", share, rows)
            frames = [evenly_wrong(rng, rows, share) for _ in range(windows)]
            told = _told(frames, evenly_wrong(rng, TRAINING, share), rows)
            rate = Rate(sum(bool(each["slices"]) for each in told), windows)
            cells[f"no slice is bad, {100 * share:.0f} % wrong, {rows:,} rows"] = str(rate)
            if rate.is_above(BUDGET):
                wrong.append(f"{share} wrong, {rows:,} rows")
    rng = seeded("bad slice")
    frames = [evenly_wrong(rng, 4000, 0.1, 0.25) for _ in range(bad)]
    told = _told(frames, evenly_wrong(rng, TRAINING, 0.1), 4000)
    first = Rate(sum(next(iter(each["slices"]), "") == "city" for each in told), bad)
    cells["one city of ten rows in a hundred is wrong in 35 % instead of 10, 4,000 rows: it comes first"] = (
        str(first)
    )
    if first.is_below(0.9):
        wrong.append("the bad slice comes first")
    return Row(
        "23",
        f"slices found on one half and judged on the other: named falsely in at most {BUDGET} of windows, "
        "a bad one comes first in 90 %",
        cells,
        not wrong,
        f"not so: {'; '.join(wrong) or 'none'}",
    )


def row_of_causes(windows: int = 100) -> Row:
    """Row 24: the cause is x0, towards where the model is less sure; x5 the model ignores."""
    cells, wrong = {}, []
    cases = {
        "the cause moves by 1 sigma": ([1.0, 0, 0, 0, 0, 0], "x0"),
        "the cause moves by 0.6 sigma": ([0.6, 0, 0, 0, 0, 0], "x0"),
        "the cause by 1 sigma, an ignored one by 1.5": ([1.0, 0, 0, 0, 0, 1.5], "x0"),
        "only the ignored one moves, by 1.5 sigma": ([0, 0, 0, 0, 0, 1.5], ""),
    }
    for name, (shift, cause) in cases.items():
        rng = seeded("causes", name)
        frames = [binary(rng, 2000, shift=np.array(shift)) for _ in range(windows)]
        causes = [each["causes"] for each in _told(frames, binary(rng, TRAINING), 2000)]
        blamed = [next((key for key, one in each.items() if one["harmful"]), "") for each in causes]
        first = [next(iter(each), "") for each in causes] if cause else blamed
        right = Rate(sum(one == cause for one in first), windows)
        if cause:
            cells[f"{name}: called harmful (claimed nowhere)"] = str(Rate(sum(map(bool, blamed)), windows))
        cells[f"{name}: " + ("it comes first" if cause else "none is blamed")] = str(right)
        if right.is_below(0.9):
            wrong.append(name)
        if shift[5]:
            harmless = Rate(sum("x5" in each and not each["x5"]["harmful"] for each in causes), windows)
            cells[f"{name}: called harmless"] = str(harmless)
            if harmless.is_below(0.9):
                wrong.append(f"{name}: harmless")
    return Row(
        "24",
        "causes, windows of 2,000 rows: what did it comes first in 90 % of windows, what the model "
        "ignores is called harmless",
        cells,
        not wrong,
        f"not so: {'; '.join(wrong) or 'none'}",
    )
