"""The newest word of each app on each result, and how far it may be believed now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from modelmon.ledger.schema import apps, verdicts, windows
from modelmon.model import ResultKindApp, ResultStatusApp
from modelmon.windows import DONE, PARTIAL, Span, is_stale
from modelmon.wire import write_moment

NO_DATA, WARMING_UP, INCOMPLETE, PARTLY = "no data", "warming up", "incomplete", "partial"
_CALM, _UNKNOWN = int(ResultStatusApp.no_detection), int(ResultStatusApp.irrelevant)


@dataclass(frozen=True, slots=True)
class Belief:
    """What decides whether a verdict still holds: the clock, how long an app's windows are (`periods_us`,
    else `project_us`), and the start of the newest window that each (endpoint, app) came to an end with."""

    now_us: int
    grace_us: int
    min_rows: int
    project_us: int
    periods_us: Mapping[str, int]
    newest_us: Mapping[tuple[str, str], int]

    def is_stale(self, verdict: Row[Any]) -> bool:
        period_us = self.periods_us.get(verdict.application_name, self.project_us)
        span = Span(verdict.start_us, verdict.end_us)
        newest_us = self.newest_us.get((verdict.endpoint_id, verdict.application_name), verdict.start_us)
        return newest_us > verdict.start_us or is_stale(span, period_us, self.now_us, self.grace_us)


def states_of_rows(rows: int, incomplete: int, min_rows: int) -> set[str]:
    """What stands beside the verdict on a window with so many rows: nothing when it is a plain one."""
    states = set()
    if incomplete:
        states.add(PARTLY if incomplete & PARTIAL and rows >= min_rows else INCOMPLETE)
    if rows < min_rows:
        states.add(WARMING_UP if rows else NO_DATA)
    return states


def shown_verdicts(
    connection: Connection, belief: Belief, silent: Collection[str]
) -> dict[str, list[dict[str, Any]]]:
    """Endpoint to its newest verdicts, by app and name, of apps that are still there.

    Nothing is believed any more of endpoints that are `silent` now.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(_query()):
        stale = row.endpoint_id in silent or belief.is_stale(row)
        found.setdefault(row.endpoint_id, []).append(_verdict(row, belief, stale))
    return found


def worst_per_kind(found: list[dict[str, Any]], unknown: bool) -> dict[str, int]:
    """Kind to the worst status of these verdicts; calm is not known where one of the kind is stale, or
    where everything is `unknown`, as when an app failed."""
    worst: dict[str, int] = {}
    unsure = set()
    for verdict in found:
        kind = ResultKindApp(verdict["result_kind"]).name
        worst[kind] = max(worst.get(kind, _UNKNOWN), verdict["result_status"])
        if verdict["stale"]:
            unsure.add(kind)
    return {
        kind: _UNKNOWN if status == _CALM and (unknown or kind in unsure) else status
        for kind, status in worst.items()
    }


def _query() -> Any:
    """Verdicts of apps that were not removed, each with its window where the ledger has it."""
    gone = select(apps.c.name).where(apps.c.active.is_(False))
    same = and_(*(verdicts.c[name] == windows.c[name] for name in windows.primary_key.columns.keys()))  # noqa: SIM118
    return (
        select(verdicts, windows.c.rows, windows.c.incomplete, windows.c.outcome)
        .outerjoin(windows, same)
        .where(verdicts.c.application_name.not_in(gone))
        .order_by(verdicts.c.endpoint_id, verdicts.c.application_name, verdicts.c.name)
    )


def _verdict(row: Row[Any], belief: Belief, stale: bool) -> dict[str, Any]:
    is_done = row.outcome == DONE
    states = states_of_rows(row.rows, row.incomplete, belief.min_rows) if is_done else set()
    return {
        "application_name": row.application_name,
        "result_name": row.name,
        "result_value": row.value,
        "result_kind": row.kind,
        "result_status": row.status,
        "result_extra_data": row.extra_data,
        "start_infer_time": write_moment(row.start_us),
        "end_infer_time": write_moment(row.end_us),
        "window_revision": row.revision,
        "states": sorted(states),
        "age_seconds": max(0, belief.now_us - row.end_us) // 1_000_000,
        "stale": stale,
        "shown_status": _UNKNOWN if stale and row.status == _CALM else row.status,
    }
