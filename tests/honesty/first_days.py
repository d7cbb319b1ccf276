"""The apps data-skew and anomalies: false alarms of the reference's own process, and what is seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from modelmon.apps.anomaly_reference import cut_reference
from modelmon.apps.skew_looks import Look, look_of
from modelmon.model import Window
from modelmon.stats import cell_counts, judge, profile
from modelmon.stats.beta_binomial import predicted_hits
from modelmon.stats.oddness import OddnessModel, learn_oddness
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import Rng, seeded, training_frame, window_frames

HOUR = 3600.0
STREAMS = ("mixed", "ar1", "wave")
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
BROKEN = 0.1


def looks(days: int) -> list[Look]:
    """All looks at hourly windows."""
    starts = [BEGIN + timedelta(hours=hour) for hour in range(24 * days)]
    found = [look_of(BEGIN, Window(start, start + timedelta(hours=1)), days) for start in starts]
    return list({look.end: look for look in found if look}.values())


def skew_alarms(
    stream: str, rows: int, lives: int, shift: float = 0.0, *, days: int = 7, hourly: float = 0.001
) -> tuple[Rate, Rate]:
    """First days of so many models in which any look alarmed, and those whose look at one day did."""
    ever, at_a_day = 0, 0
    rng = seeded("skew", stream, rows, shift)
    made = profile(training_frame(rng, stream, 20, 50_000, rows), time_column="when", window_seconds=(HOUR,))
    for _ in range(lives):
        frames = window_frames(rng, stream, 20, rows, 24 * days)
        for frame in frames if shift else ():
            frame[frame.columns[0]] += shift
        reached = np.cumsum([cell_counts(frame, made) for frame in frames], axis=0)
        alarms = {}
        for look in looks(days):
            hours = int((look.end - BEGIN) / timedelta(hours=1))
            found = judge(reached[hours - 1], made, budget=look.budget(hourly), window_seconds=hours * HOUR)
            alarms[hours] = found.alarm
        ever += any(alarms.values())
        at_a_day += alarms[24]
    return Rate(ever, lives), Rate(at_a_day, lives)


def row_of_skew(lives: int = 60, rows: Sequence[int] = (50, 200)) -> Row:
    """False alarms over all looks of a week against what its hours may spend, and what a day shows."""
    cells, over = {}, []
    for stream in STREAMS:
        for size in rows:
            ever, _ = skew_alarms(stream, size, lives)
            cells[f"{stream}, {size} rows an hour: any false alarm"] = str(ever)
            over += [f"{stream} {size}"] if ever.is_above(168 * 0.001) else []
    seen = skew_alarms("normal", rows[0], max(lives // 3, 1), shift=0.5)[1]
    cells[f"normal, {rows[0]} rows an hour, shift of 0.5 sigma: seen at a day"] = str(seen)
    return Row(
        "data-skew",
        "20 features, 0.001 an hour: a week of looks alarms falsely with 0.168 at most; one feature moved by "
        "0.5 sigma is seen at a day",
        cells,
        not over and not seen.is_below(0.9),
        f"over: {', '.join(over) or 'none'}; seen at a day: {seen.value:.2f}",
    )


def related(rng: Rng, rows: int, broken: float = 0.0) -> pd.DataFrame:
    """20 features that are correlated by 0.8; of a share of the rows one has the other sign: its distribution
    is the same as ever."""
    common = rng.standard_normal((rows, 1))
    values = np.sqrt(0.8) * common + np.sqrt(0.2) * rng.standard_normal((rows, 20))
    values[rng.random(rows) < broken, 0] *= -1
    return pd.DataFrame(values, columns=[f"x{place}" for place in range(20)])


def learned(frame: pd.DataFrame) -> OddnessModel:
    timed = frame.assign(when=pd.to_datetime(frame["when"], unit="s"))
    return learn_oddness(cut_reference(timed, HOUR)[0], [name for name in frame if name != "when"])


def alarms_of(model: OddnessModel, frames: Sequence[pd.DataFrame], floor: float = 0.01) -> Rate:
    hits = 0
    for frame in frames:
        odd = model.look(frame).hits
        found = predicted_hits(
            odd, len(frame), model.hits, model.rows, alpha=0.01, between=model.between, floor=floor
        )
        hits += found.tail <= 0.01
    return Rate(hits, len(frames))


def row_of_anomalies(windows: int = 150, rows: Sequence[int] = (50, 200, 1000)) -> Row:
    """False alarms with the default floor and without, and rows whose values do not belong together."""
    cells, over = {}, []
    for stream in STREAMS:
        for size in rows:
            rng = seeded("anomalies", stream, size)
            model = learned(training_frame(rng, stream, 20, 50_000, size))
            frames = window_frames(rng, stream, 20, size, windows)
            for floor in (0.01, 0.0):
                rate = alarms_of(model, frames, floor)
                cells[f"{stream}, {size} rows, floor {floor:g}"] = str(rate)
                over += [f"{stream} {size}"] if floor and rate.is_above(0.01) else []
    rng = seeded("anomalies", "related")
    model = learned(related(rng, 50_000).assign(when=np.arange(50_000) * HOUR / 200))
    for size in rows:
        seen = alarms_of(model, [related(rng, size, BROKEN) for _ in range(windows // 3)])
        cells[f"one of 20 related features unlike the others in 10 % of {size} rows: seen"] = str(seen)
    return Row(
        "anomalies",
        "20 features, budget 0.01: no cell over it at the default floor; 10 % of rows that only jointly are "
        f"odd are seen at {rows[-1]:,} rows",
        cells,
        not over and not seen.is_below(0.9),
        f"over: {', '.join(over) or 'none'}; seen: {seen.value:.2f}",
    )
