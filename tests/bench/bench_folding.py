"""Folding 10,000 windows anew, as a late window makes the writer do, beside the statistics of it alone."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import numpy as np
import pandas as pd

from modelmon.ledger import profiles
from modelmon.ledger.held_profiles import HeldProfiles
from modelmon.ledger.records import records_at
from modelmon.ledger.slow_drift import fold_sums
from modelmon.ledger.sum_schema import window_sums
from modelmon.model import HOUR_US
from modelmon.stats import Profile, cell_counts, e_detector, profile, profile_to_json
from modelmon.stats.e_detector import bets_of, fold

WINDOWS, BUDGET, FLOOR = 10_000, 1 / 1440, 0.1
PAIR = ("endpoint", "drift")


def measure() -> list[dict[str, Any]]:
    return [entry for features in (20, 100) for entry in _measured(features)]


def _measured(features: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    names = [f"f{number}" for number in range(features)]
    made = profile(pd.DataFrame(random.normal(size=(2000, features)), columns=names))
    drawn = [
        e_detector.window_sums(
            cell_counts(pd.DataFrame(random.normal(size=(200, features)), columns=names), made), made
        )
        for _ in range(50)
    ]
    sums = np.stack([drawn[number % len(drawn)] for number in range(WINDOWS)])
    started = time.perf_counter()
    fold(None, sums, bets_of(made, floor=FLOOR, window_seconds=3600), budget=BUDGET)
    alone = time.perf_counter() - started
    seconds, one = _in_the_ledger(made, sums)
    what = f"{WINDOWS:,} windows of {features} features"
    return [
        _entry(f"folding {what} anew, in the ledger", seconds, alone),
        _entry(f"folding one window more after {what}", one, alone / WINDOWS),
    ]


def _in_the_ledger(made: Profile, sums: np.ndarray) -> tuple[float, float]:
    """Seconds of folding all windows anew, and of folding one more."""
    with tempfile.TemporaryDirectory() as folder:
        records, held = records_at(f"sqlite:///{folder}/records.db", durability="process"), HeldProfiles()
        with records.write() as connection:
            reference = profiles.keep(connection, profile_to_json(made), 1)
            rows = [_row(number, reference, each) for number, each in enumerate(sums)]
            connection.execute(window_sums.insert(), rows[:-1])
            fold_sums(connection, held, PAIR, 0)
        taken = []
        for first, more in ((0, []), ((WINDOWS - 1) * HOUR_US, rows[-1:])):
            started = time.perf_counter()
            with records.write() as connection:
                for row in more:
                    connection.execute(window_sums.insert(), row)
                fold_sums(connection, held, PAIR, first)
            taken.append(time.perf_counter() - started)
        records.close()
    return taken[0], taken[1]


def _row(number: int, reference: str, sums: np.ndarray) -> dict[str, Any]:
    return {
        "endpoint_id": PAIR[0], "application_name": PAIR[1], "start_us": number * HOUR_US,
        "end_us": (number + 1) * HOUR_US, "revision": 1, "reference": reference, "budget": BUDGET,
        "floor": FLOOR, "most": 2, "values": sums.astype("<f8").tobytes(), "status": -1,
    }  # fmt: skip


def _entry(name: str, value: float, limit: float) -> dict[str, Any]:
    return {
        "name": name, "value": value * 1000, "unit": "ms", "limit": limit * 1000, "ratio": value / limit,
    }  # fmt: skip
