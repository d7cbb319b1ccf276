"""The e-detector: windows between false alarms, and windows until a small shift is found."""

from __future__ import annotations

import numpy as np
import pandas as pd

from modelmon.stats import Bets, Profile, bets_of, cell_counts, fold, profile, window_sums
from tests.honesty.rates import Row
from tests.honesty.streams import Rng, ar1, cell_chances, drawn_counts, kinds, seeded, window_frames

BUDGET = 1 / 720
FEATURES = 20
NEVER = 10_000


def drawn_sums(made: Profile, chances: list[np.ndarray], rng: Rng, rows: int, windows: int) -> np.ndarray:
    counts = drawn_counts(made, chances, rng, rows, windows)
    return np.array([window_sums(window, made) for window in counts])


def first_alarm(sums: np.ndarray, bets: Bets) -> int:
    alarms = fold(None, sums, bets, budget=BUDGET).alarms
    return int(alarms.argmax()) + 1 if alarms.any() else NEVER


def row_of_slow_drift(runs: int = 20, windows: int = 2000, m: int = 50_000) -> Row:
    """Row 11."""
    columns = kinds("normal", FEATURES)
    made = profile(window_frames(seeded("slow drift", m), "normal", FEATURES, m, 1)[0])
    clean = [cell_chances(feature, columns[feature.name]) for feature in made.features]
    cells: dict[str, str] = {}
    medians: dict[tuple[float, float], float] = {}
    false: dict[float, int] = {}
    for floor in (0.0, 0.1):
        bets = bets_of(made, floor=floor)
        firsts = [
            first_alarm(drawn_sums(made, clean, seeded("clean", run), 100, windows), bets)
            for run in range(runs)
        ]
        false[floor] = sum(first < NEVER for first in firsts)
        cells[f"no drift, floor {floor:g}: runs of {windows:,} windows with an alarm"] = (
            f"{false[floor]} of {runs}"
        )
        for shift in (0.15, 0.2, 0.3, 0.5):
            moved = [cell_chances(made.features[0], "normal", shift), *clean[1:]]
            found = [
                first_alarm(drawn_sums(made, moved, seeded("moved", shift, run), 100, 400), bets)
                for run in range(runs)
            ]
            medians[shift, floor] = float(np.median(found))
            cells[f"shift {shift:g}, 100 rows, floor {floor:g}: median windows to the alarm"] = (
                "never" if medians[shift, floor] >= NEVER else f"{medians[shift, floor]:g}"
            )
    median = medians[0.2, 0.0]
    over_time = alarms_over_time(3000)
    cells["AR(1), 200 rows, calibrated by time: alarms in 3,000 windows"] = f"{over_time}"
    return Row(
        "11",
        "e-detector, A = 720: alarms in at most 6 of 20 clean runs; 0.2 sigma at 100 rows in at most 12 "
        "windows; AR(1) at most 4 in 3,000",
        cells,
        max(false.values()) <= 0.3 * runs and median <= 12 and over_time <= 4,
        f"{false[0.0]} of {runs} clean runs; 0.2 sigma after {median:g} windows; AR(1) {over_time}",
    )


def alarms_over_time(windows: int, rows: int = 200, m: int = 50_000) -> int:
    """Alarms over windows of rows that remember, against a training set with a time column."""
    rng = seeded("slow drift over time", windows)
    when = np.arange(m) * 3600.0 / rows
    frame = pd.DataFrame({"when": when, "x": ar1(rng, 1, m)[0]})
    made = profile(frame, time_column="when", window_seconds=(3600.0,))
    frames = (pd.DataFrame({"x": values}) for values in ar1(rng, windows, rows))
    sums = np.array([window_sums(cell_counts(frame, made), made) for frame in frames])
    bets = bets_of(made, floor=0.0, window_seconds=3600.0)
    return int(fold(None, sums, bets, budget=BUDGET).alarms.sum())
