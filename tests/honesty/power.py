"""Windows with one broken feature: how often they alarm, and what the alarm is called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pandas as pd

from modelmon.stats import Judgement, Profile, cell_counts, judge, profile
from tests.honesty.faults import FAULTS
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import kinds, seeded, window_frames

BUDGET = 0.01
SEEN = 0.9
ROW_5 = ("shift 1", "20 % missing", "unit x100 (normal)", "unit x100 (lognormal)", "sign flip (lognormal)")
ROW_6 = ("shift 0.5", "scale 1.5", "lognormal x3", "5 % missing", "5 % unseen category")
ROW_7_NO_FLOOR = ("shift 0.25", "category +10 points", "zeros 95 -> 90 %", "5 % stuck at 0")
ROW_7 = ("category +20 points", "300 texts: two of ten swapped")
ROW_8 = {"shift 0.25": SEEN, "lognormal x1.5": 0.8, "1 % outliers": SEEN}
OUTLIER_ROWS = (50, 200, 1000, 5000)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of windows with a fault."""

    alarms: Rate
    named: Rate
    """Of the alarms, those that name the feature and a right question first."""


def broken_windows(
    fault: str, rows: int, *, windows: int, features: int, m: int, floor: float = 0.1, key: str = "power"
) -> Seen:
    """Windows of `features` mixed features, the first of the fault's kind broken."""
    rng = seeded(key, fault, rows, features, m)
    columns = kinds("mixed", features)
    made = _training(features, m)
    target = next(name for name, kind in columns.items() if kind == FAULTS[fault].kind)
    frames = window_frames(rng, "mixed", features, rows, windows)
    found = [_judged(_broken(frame, fault, target, rng), made, floor) for frame in frames]
    alarms = [judgement for judgement in found if judgement.alarm]
    named = [each for each in alarms if each.findings[0].feature == target]
    rightly = [each for each in named if each.findings[0].question in FAULTS[fault].named]
    return Seen(Rate(len(alarms), windows), Rate(len(rightly), len(alarms)))


def _broken(frame: pd.DataFrame, fault: str, target: str, rng: object) -> pd.DataFrame:
    values = frame[target].to_numpy()
    values = values.astype(str) if values.dtype == object else values
    return frame.assign(**{target: FAULTS[fault].change(rng, values)})


def _judged(frame: pd.DataFrame, made: Profile, floor: float) -> Judgement:
    return judge(cell_counts(frame, made), made, budget=BUDGET, floor=floor)


@cache
def _training(features: int, m: int) -> Profile:
    return profile(window_frames(seeded("training", features, m), "mixed", features, m, 1)[0])


def row_of_faults(
    number: str, rows: int, floors: dict[str, float], least: dict[str, float], windows: int, m: int
) -> Row:
    """One of rows 5 to 8: each fault is seen in at least its share of windows, within binomial error."""
    cells, missed = {}, []
    for fault, floor in floors.items():
        seen = broken_windows(fault, rows, windows=windows, features=20, m=m, floor=floor)
        cells[f"{fault}, floor {floor:g}"] = (
            f"{seen.alarms}; named rightly {seen.named.hits} of {seen.named.windows}"
        )
        if seen.alarms.is_below(least[fault]):
            missed.append(fault)
    claim = f"one of 20 features broken, {rows:,} rows, training {m:,}: seen in at least 90 % of windows"
    return Row(number, claim, cells, not missed, f"not seen often enough: {', '.join(missed) or 'none'}")


def rows_of_power(windows: int = 100, m: int = 50_000) -> list[Row]:
    """Rows 5 to 8."""
    seen = dict.fromkeys(FAULTS, SEEN)
    floors_7 = {**dict.fromkeys(ROW_7_NO_FLOOR, 0.0), **dict.fromkeys(ROW_7, 0.1)}
    return [
        row_of_faults("5", 50, dict.fromkeys(ROW_5, 0.1), seen, windows, m),
        row_of_faults("6", 200, dict.fromkeys(ROW_6, 0.1), seen, windows, m),
        row_of_faults("7", 1000, floors_7, seen, windows, m),
        row_of_faults("8", 5000, dict.fromkeys(ROW_8, 0.1), {**seen, **ROW_8}, windows, m),
    ]


def row_of_outliers(windows: int = 100, m: int = 10_000) -> Row:
    """One per cent of outliers, which Evidently and NannyML saw more of than the prototype did."""
    found = {
        rows: broken_windows("1 % outliers", rows, windows=windows, features=20, m=m) for rows in OUTLIER_ROWS
    }
    cells = {f"{rows:,} rows": str(seen.alarms) for rows, seen in found.items()}
    return Row(
        "1 % outliers",
        f"50 sigma away, floor 0.1, training {m:,}: seen in at least 95 % of windows of 1,000 rows",
        cells,
        not found[1000].alarms.is_below(0.95),
        "; ".join(f"{rows:,} rows {seen.alarms.value:.2f}" for rows, seen in found.items()),
    )
