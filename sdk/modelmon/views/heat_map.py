"""How some endpoints were over time, in few enough cells for one picture: endpoints by bins of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, func, select

from modelmon.ledger import registry
from modelmon.ledger.schema import windows
from modelmon.model import from_us, to_us
from modelmon.settings import Settings
from modelmon.views.buckets import bucket_us
from modelmon.views.drift_over_time import DETECTED, bad_spans
from modelmon.views.endpoint_states import DETECTED as IS_DETECTED
from modelmon.views.endpoint_states import NO_DETECTION
from modelmon.views.endpoint_states import SUSPECTED as IS_SUSPECTED
from modelmon.views.selection import of_endpoints
from modelmon.views.verdicts import INCOMPLETE, WARMING_UP
from modelmon.windows import DONE, FAILED

BINS = 100
"""A map has at most so many columns."""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """`cells` of each endpoint by its id: the worst state in each bin, "" where it has no window.

    `starts` of the bins, of `minutes` each. States: detected and suspected as incidents have them, failed,
    no detection, and where no window of the bin has a whole verdict incomplete or warming up.
    """

    starts: tuple[datetime, ...]
    minutes: int
    cells: Mapping[str, tuple[str, ...]]


def read_heat_map(
    connection: Connection,
    settings: Settings,
    endpoint_ids: Collection[str],
    start: datetime,
    end: datetime,
    most: int = BINS,
) -> HeatMap:
    """These endpoints in [start, end), in their order; at most `most` bins, none shorter than a window.

    The database counts the windows of these endpoints in this time; nothing before it is looked at.
    """
    start_us, end_us = to_us(start), to_us(end)
    length_us = bucket_us(start_us, end_us, most, settings.base_period * 60_000_000)
    first_us = start_us // length_us * length_us
    many = -(-(end_us - first_us) // length_us)
    found: dict[str, list[str]] = {each: [""] * many for each in endpoint_ids}
    counted = _counted(connection, settings, endpoint_ids, (first_us, first_us + many * length_us), length_us)
    for (endpoint_id, place), row in counted.items():
        found[endpoint_id][place - first_us // length_us] = _state(row)
    spans = bad_spans(connection, first_us, first_us + many * length_us, endpoint_ids)
    for span in sorted(spans, key=lambda each: each.detected_us is not None):
        for place, level in span.levels(first_us, length_us, many):
            cells = found[span.endpoint_id]
            if cells[place] and not (level < DETECTED and cells[place] == IS_DETECTED):
                cells[place] = IS_DETECTED if level == DETECTED else IS_SUSPECTED
    starts = range(first_us, first_us + many * length_us, length_us)
    cells_of = {each: tuple(cells) for each, cells in found.items()}
    return HeatMap(tuple(map(from_us, starts)), length_us // 60_000_000, cells_of)


def _counted(
    connection: Connection,
    settings: Settings,
    endpoint_ids: Collection[str],
    span: tuple[int, int],
    length_us: int,
) -> dict[tuple[str, int], dict[str, int]]:
    columns = windows.c
    whole = (columns.outcome == DONE) & (columns.incomplete == 0) & (columns.rows >= settings.app_min_rows)
    judging = [app.name for app in registry.active_apps(connection)]
    flags = {FAILED: columns.outcome == FAILED, "whole": whole, INCOMPLETE: columns.incomplete > 0}
    query = select(
        columns.endpoint_id,
        ((columns.start_us - columns.start_us % length_us) / length_us).label("place"),
        *(case((flag, 1), else_=0).label(name) for name, flag in flags.items()),
    ).where(columns.start_us >= span[0], columns.start_us < span[1], columns.application_name.in_(judging))
    found: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    for part in of_endpoints(query, columns.endpoint_id, endpoint_ids):
        each = part.subquery().c
        key = each.endpoint_id, each.place
        sums = [func.sum(each[name]).label(name) for name in flags]
        for row in connection.execute(select(*key, *sums).group_by(*key)):
            found[row.endpoint_id, int(row.place)] = _numbers(row)
    return found


def _numbers(row: Row[Any]) -> dict[str, int]:
    return {name: int(row._mapping[name]) for name in (FAILED, "whole", INCOMPLETE)}


def _state(row: Mapping[str, int]) -> str:
    if row[FAILED]:
        return FAILED
    if row["whole"]:
        return NO_DETECTION
    return INCOMPLETE if row[INCOMPLETE] else WARMING_UP
