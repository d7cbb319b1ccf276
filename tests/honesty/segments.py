"""Segments and weights: within the budget over all of them, and a fault in one of ten segments is found.

Through the drift app's own code, with a drift file.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pandas as pd

from modelmon.apps import DriftApplication
from modelmon.apps.base import judge as judged_by
from modelmon.apps.offline import offline_context
from modelmon.model import ResultStatusApp
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import INDEPENDENT, Rng, kinds, seeded

START = datetime(2025, 3, 1, tzinfo=UTC)
NAMES = [f"country {place}" for place in range(10)]
FEATURES, TRAINED, ROWS = 20, 50_000, 1_000
SEGMENTS = "    segments: [country]\n"
WEIGHTS = "    weights: {normal_0: 5, cat5_4: 0.2, zeros95_7: 0}\n"


def frame(rng: Rng, rows: int, shift: float = 0.0) -> pd.DataFrame:
    """Mixed features; the level of one is another in each country, and moves by `shift` in one of them."""
    country = rng.choice(NAMES, rows)
    made = {name: INDEPENDENT[kind](rng, rows) for name, kind in kinds("mixed", FEATURES).items()}
    place = np.searchsorted(NAMES, country)
    made["normal_0"] = made["normal_0"] + place + np.where(place == 3, shift, 0.0)
    return pd.DataFrame({**made, "country": country})


def _rate(app: DriftApplication, training: pd.DataFrame, windows: list[pd.DataFrame]) -> tuple[Rate, int]:
    """Alarms, and how many of them name the country that was moved."""
    context = partial(
        offline_context, "drift", reference=training, start=START, end=START + timedelta(hours=1),
        segments=["country"],
    )  # fmt: skip
    made = context(windows[0]).profile
    alarms = named = 0
    for window in windows:
        asked = context(window)
        asked._profile = lambda: made  # the training set is profiled once
        found = judged_by(app, asked)[0]
        is_alarm = found.status >= ResultStatusApp.potential_detection
        alarms += is_alarm
        named += is_alarm and found.extra_data.get("segment") == {"country": NAMES[3]}
    return Rate(alarms, len(windows)), named


def row_of_segments(windows: int = 300, faults: int = 50, budget: float = 0.04) -> Row:
    """Budget 0.04 for the app, so 0.02 for what a window shows, over 10 segments and 21 features."""
    cells, holds = {}, True
    for name, lines in (("segments", SEGMENTS), ("weights", WEIGHTS), ("both", SEGMENTS + WEIGHTS)):
        rng = seeded("segments", name)
        when = pd.date_range("2025-01-01", periods=TRAINED, freq="29s")
        training = frame(rng, TRAINED).assign(when=when)
        app = DriftApplication(budget, choices=f"format: 1\nendpoints:\n  '*':\n{lines}")
        rate, _ = _rate(app, training, [frame(rng, ROWS) for _ in range(windows)])
        cells[f"{name}, nothing moved"] = str(rate)
        holds &= not rate.is_above(budget / 2)
        if name == "both":
            moved = [frame(rng, ROWS, 1.3) for _ in range(faults)]
            found, named = _rate(app, training, moved)
            plain, _ = _rate(DriftApplication(budget), training, moved)
            cells["a move of 1.3 sigma in one of ten segments, with them"] = f"{found}; named in {named}"
            cells["the same, all rows together"] = str(plain)
            holds &= found.value >= 0.9 and named >= 0.95 * found.hits and plain.value <= 0.2
    return Row(
        "segments",
        "10 segments and weights, 20 features, windows of 1,000 rows: alarms within the budget; a move in "
        "one segment is seen in 90 % of windows and named, where all rows together see it in at most 20 %",
        cells,
        bool(holds),
        cells["a move of 1.3 sigma in one of ten segments, with them"],
    )
