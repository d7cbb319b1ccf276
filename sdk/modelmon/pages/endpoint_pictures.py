"""The small pictures of the list of endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from modelmon.charts import bars, bullet, sparkline
from modelmon.charts.markup import Svg
from modelmon.views.drift_over_time import DriftBin
from modelmon.views.endpoint_rows import EndpointRow
from modelmon.views.last_verdicts import LastVerdict


@dataclass(frozen=True, slots=True)
class Pictures:
    """Of one endpoint: its value against the thresholds, its value and its rows over the newest windows;
    `limit` is the highest threshold that the value has reached, and its name."""

    value: Svg | None
    line: Svg | None
    rows: Svg | None
    limit: tuple[str, float] | None


def pictures_of(row: EndpointRow) -> Pictures:
    """Nothing is drawn where there is nothing to see."""
    windows = row.line
    rows = sparkline([each.rows for each in windows], label="rows") if windows else None
    told = row.headline or row.last
    if told is None:
        return Pictures(None, None, rows, None)
    said = told.last if isinstance(told, LastVerdict) else told
    suspected, detected = said.thresholds
    line = sparkline(
        [each.value for each in windows],
        label=told.result_name,
        statuses=[each.status or 0 for each in windows],
        threshold=detected,
    )
    value = bullet(said.value, label=told.result_name, suspected=suspected, detected=detected)
    return Pictures(value, line if windows else None, rows, _reached(said.value, suspected, detected))


def _reached(value: float, suspected: float | None, detected: float | None) -> tuple[str, float] | None:
    for name, limit in (("detected", detected), ("suspected", suspected)):
        if limit is not None and value >= limit:
            return name, limit
    return None


def drift_bars(drift: Sequence[DriftBin], start: datetime, end: datetime) -> Svg | None:
    """Endpoints suspected and detected over the time shown; None where there never were any."""
    if not any(each.suspected or each.detected for each in drift):
        return None
    first = min(start, drift[0].start)
    runs = [next(run) for _, run in groupby(drift, lambda each: (each.suspected, each.detected))]
    stacks = {"detected": [each.detected for each in runs], "suspected": [each.suspected for each in runs]}
    label = "Endpoints suspected and detected"
    return bars([each.start for each in runs], stacks, first, max(end, drift[-1].end), label=label)
