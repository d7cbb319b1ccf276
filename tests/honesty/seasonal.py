"""Hourly windows with waves of the day and the week, judged against each reference of the drift app."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from modelmon.apps import DriftApplication
from modelmon.stats import Profile, profile
from tests.honesty.judging_app import HOUR, JudgingApp, judging
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import WEEK_HOURS, Rng, ar1, seeded

WEEKS = 8
"""Of training."""
FIRST_WEEKS = 6
"""In which the app learns what weeks are like, and has its first verdicts."""
FEATURES = 20
BUDGET = 1 / 720
"""Of one window; the other half of the app's budget is for slow drift, where it has that."""
TREND = 0.004
"""Sigma a day that a stream may move on."""


def waves(hour: int) -> float:
    """Of 1 sigma over the day and of half a sigma over the week."""
    return float(np.sin(2 * np.pi * hour / 24) + 0.5 * np.sin(2 * np.pi * hour / WEEK_HOURS))


def hour_frame(rng: Rng, hour: int, rows: int, shift: float = 0.0, stream: str = "waves") -> pd.DataFrame:
    """The rows of one hour; the first feature is shifted."""
    if stream == "ar1":
        values = ar1(rng, FEATURES, rows).T
    else:
        trend = TREND * hour / 24 if stream == "trend" else 0.0
        mean = 0.5 * np.sin(2 * np.pi * hour / WEEK_HOURS) if stream != "waves" else waves(hour)
        values = rng.standard_normal((rows, FEATURES)) + mean + trend
    values[:, 0] += shift
    return pd.DataFrame(values, columns=[f"x{place}" for place in range(FEATURES)])


def training_hours(rng: Rng, rows: int, stream: str = "waves") -> pd.DataFrame:
    hours = range(WEEKS * WEEK_HOURS)
    frames = [hour_frame(rng, hour, rows, stream=stream).assign(when=float(hour * HOUR)) for hour in hours]
    return pd.concat(frames, ignore_index=True)


def trained(rng: Rng, rows: int, stream: str = "waves") -> Profile:
    return profile(training_hours(rng, rows, stream), time_column="when", window_seconds=(HOUR,))


def rates(
    reference: str,
    made: Profile,
    rng: Rng,
    *,
    rows: int,
    windows: int,
    shifts: dict[float, int],
    stream: str,
    weeks: int = FIRST_WEEKS,
) -> tuple[dict[float, Rate], int]:
    """Alarms of so many windows in a row without drift, and of the last of them once more with each shift;
    and how many of the windows of the first weeks alarmed."""
    budget = BUDGET if reference == "recent" else 2 * BUDGET
    first = (WEEKS + (weeks if reference != "training" else 0)) * WEEK_HOURS
    with judging(DriftApplication(budget, reference=reference), made) as app:
        early = [
            _alarms(app, hour_frame(rng, hour, rows, stream=stream), hour, 2)
            for hour in range(WEEKS * WEEK_HOURS, first)
        ]
        clean = [
            _alarms(app, hour_frame(rng, hour, rows, stream=stream), hour, 2)
            for hour in range(first, first + windows)
        ]
        found = {0.0: Rate(sum(clean), windows)}
        for shift, number in shifts.items():
            hits = [
                _alarms(app, hour_frame(rng, hour, rows, shift, stream), hour, 1)
                for hour in range(first + windows - number, first + windows)
            ]
            found[shift] = Rate(sum(hits), number)
    return found, sum(early)


def _alarms(app: JudgingApp, frame: pd.DataFrame, hour: int, revision: int) -> bool:
    return app.drift(frame, hour, revision=revision).status.value >= 1


def row_of_seasons(windows: int = 500, shifted: int = 100, rows: int = 200, weeks: int = FIRST_WEEKS) -> Row:
    """Row 12, with the whole training set beside it."""
    shifts = {0.5: shifted, 1.0: shifted, 2.0: shifted}
    cells: dict[str, str] = {}
    rng = seeded("seasons", windows)
    made = trained(rng, rows)
    (season, early), (training, _) = (
        rates(name, made, rng, rows=rows, windows=windows, shifts=shifts, stream="waves", weeks=weeks)
        for name in ("season", "training")
    )
    for name, found in (("season", season), ("training", training)):
        cells |= {f"{name}, shift {shift:g}": str(rate) for shift, rate in found.items()}
    first = Rate(early, weeks * WEEK_HOURS)
    cells[f"season, its first {weeks} weeks"] = str(first)
    holds = not any(rate.is_above(BUDGET) for rate in (season[0.0], first)) and not season[1.0].is_below(0.95)
    return Row(
        "12",
        f"the app itself, hourly windows of {rows} rows with waves, the same hour of the last 4 weeks: "
        "within the budget, a shift of 1 sigma seen in at least 95 %",
        cells,
        holds,
        f"season: {season[0.0].value:.3f} without drift, {season[1.0].value:.2f} at 1",
    )


def row_of_recent(
    windows: int = 500,
    shifted: int = 100,
    sizes: Sequence[int] = (50, 200),
    streams: Sequence[str] = ("wave", "ar1", "trend"),
) -> Row:
    """The moving stretch: a wave, rows that remember, and a trend that is below the floor."""
    cells, over = {}, []
    for stream in streams:
        for rows in sizes:
            rng = seeded("recent", stream, rows, windows)
            made = trained(rng, rows, stream)
            found, early = rates(
                "recent", made, rng, rows=rows, windows=windows, shifts={1.0: shifted}, stream=stream
            )
            cells |= {f"{stream}, {rows} rows, shift {shift:g}": str(rate) for shift, rate in found.items()}
            first = Rate(early, FIRST_WEEKS * WEEK_HOURS)
            cells[f"{stream}, {rows} rows, its first {FIRST_WEEKS} weeks"] = str(first)
            if found[0.0].is_above(BUDGET) or first.is_above(BUDGET):
                over.append(f"{stream} {rows}")
    return Row(
        "recent",
        f"the app itself, hourly windows against the four weeks that ended a week ago, budget 1/720: within "
        f"it, also where all moves by {TREND:g} sigma a day",
        cells,
        not over,
        f"over: {', '.join(over) or 'none'}",
    )
