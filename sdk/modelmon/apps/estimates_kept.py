"""What the performance app keeps of its windows: what it let expect, what came true, what scores meant.

A window keeps the map of scores that its first estimate stood on. So an estimate never knows what came true
after it was made, however often its window is judged again.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelmon.apps.no_verdict import is_incomplete
from modelmon.ledger.past_windows import KeptWindow
from modelmon.model import from_us, to_us

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats.performance import Estimate
    from modelmon.stats.performance.recalibration import Recalibrated
    from modelmon.stats.performance.rows import TaskRows
    from modelmon.stats.performance.score_calibration import ScoreCalibration, ScoreMap

MOST_WINDOWS, ENOUGH_ROWS, SHOWN = 50, 5_000, 10
"""Of past windows with actuals the newest are read, until so many rows are together; so many are shown."""
KNOWN, WAITING = "known", "waiting"


@dataclass(frozen=True, slots=True)
class Past:
    """`map` is what the estimate of this window stands on, None without scores; `windows` are those before it
    whose actuals have come, the newest first; `rows` of them say what scores mean now."""

    map: ScoreMap | None = None
    windows: Sequence[Mapping[str, Any]] = ()
    rows: int = 0
    cells: str = ""


def read_past(context: MonitoringApplicationContext, base: ScoreCalibration | None) -> Past:
    """What windows before this one say of its estimate. Raises UnavailableError."""
    cells = context.model_endpoint.performance_hash[:50]
    start_us = to_us(context.window.start)
    past = context.past_windows
    found = past.newest(f"{cells} {KNOWN}", start_us, MOST_WINDOWS)
    windows = [{"start_us": each.start_us, **_unpacked(each.counts)} for each in found]
    if base is None:
        return Past(None, windows, 0, cells)
    before = [past.at(f"{cells} {state}", start_us) for state in (KNOWN, WAITING)]
    first = next((each for each in before if each is not None), None)
    rows, moved = _moved(base, windows) if first is None else _then(base, _unpacked(first.counts))
    return Past(moved or base, windows, rows, cells)


def keep_estimate(
    context: MonitoringApplicationContext,
    past: Past,
    rows: TaskRows,
    estimated: Mapping[str, Estimate],
    found: Mapping[str, Estimate],
    *,
    is_known: bool,
) -> None:
    """Keep the window for those after it; with `is_known` its actuals have come. Raises UnavailableError."""
    if not estimated or is_incomplete(context) or context.window_is_partial:
        return
    kept: dict[str, Any] = {"moved": _moved_json(past.map), "rows_of_map": past.rows}
    if is_known:
        kept |= {"values": _values(estimated, found), "blocks": _blocks(past.map, rows)}
    packed = zlib.compress(json.dumps(kept, separators=(",", ":")).encode())
    start_us, end_us = to_us(context.window.start), to_us(context.window.end)
    cells = f"{past.cells} {KNOWN if is_known else WAITING}"
    window = KeptWindow(start_us, end_us, cells, False, None, 0.0, packed)
    context.past_windows.keep(window, context.window_revision)


def record_of(windows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of each metric how estimates of the last windows fared against what came true, the newest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for window in windows[:SHOWN]:
        start = from_us(window["start_us"]).isoformat()
        for name, values in window.get("values", {}).items():
            keys = ("estimated", "low", "high", "realised")
            found.setdefault(name, []).append({"start": start, **dict(zip(keys, values, strict=True))})
    return {name: _record(each) for name, each in found.items()}


def _record(last: list[dict[str, Any]]) -> dict[str, Any]:
    off = [each["estimated"] - each["realised"] for each in last]
    within = sum(each["low"] <= each["realised"] <= each["high"] for each in last)
    typical = math.sqrt(sum(each**2 for each in off) / len(off))
    mean = sum(off) / len(off)
    return {"windows": len(last), "within": within, "off": mean, "error": typical, "last": last}


def _moved(base: ScoreCalibration, windows: Sequence[Mapping[str, Any]]) -> tuple[int, Recalibrated | None]:
    import numpy as np

    from modelmon.stats.performance.recalibration import recalibrated

    rows, positives = np.zeros(base.block_rows.size), np.zeros(base.block_rows.size)
    for window in windows:
        if rows.sum() >= ENOUGH_ROWS:
            break
        places, of_each, hits = window.get("blocks") or ((), (), ())
        rows[list(places)] += of_each
        positives[list(places)] += hits
    return int(rows.sum()), recalibrated(base, rows, positives)


def _then(base: ScoreCalibration, kept: Mapping[str, Any]) -> tuple[int, Recalibrated | None]:
    """The map that the first estimate of a window stood on."""
    import numpy as np

    from modelmon.stats.performance.recalibration import Recalibrated

    moved, rows = kept["moved"], int(kept["rows_of_map"])
    if moved is None:
        return rows, None
    return rows, Recalibrated(base, moved["intercept"], moved["slope"], np.array(moved["covariance"]), rows)


def _moved_json(of: ScoreMap | None) -> dict[str, Any] | None:
    from modelmon.stats.performance.recalibration import Recalibrated

    if not isinstance(of, Recalibrated):
        return None
    return {"intercept": of.intercept, "slope": of.slope, "covariance": of.covariance.tolist()}


def _values(estimated: Mapping[str, Estimate], found: Mapping[str, Estimate]) -> dict[str, list[float]]:
    return {
        name: [each.value, each.low, each.high, found[name].value]
        for name, each in estimated.items()
        if name in found and math.isfinite(found[name].value)
    }


def _blocks(of: ScoreMap | None, rows: TaskRows) -> list[list[float]]:
    """Blocks of the reference's map that have rows, how many, and how many of them were positive."""
    import numpy as np

    from modelmon.stats.performance.recalibration import Recalibrated
    from modelmon.stats.performance.rows import outcomes
    from modelmon.stats.performance.score_calibration import ScoreCalibration, bins_of

    base = of.base if isinstance(of, Recalibrated) else of
    both = outcomes(rows)
    if both is None or not isinstance(base, ScoreCalibration):
        return [[], [], []]
    known = np.isfinite(both[0]) & np.isfinite(both[1])
    place = base.block[bins_of(both[1][known])]
    count = np.bincount(place, minlength=base.block_rows.size)
    hits = np.bincount(place, both[0][known], minlength=base.block_rows.size)
    at = np.flatnonzero(count)
    return [at.tolist(), count[at].tolist(), hits[at].astype(int).tolist()]


def _unpacked(packed: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(packed))
    return found
