"""The newest word of each app on each result, and how far it may be believed now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    func,
    literal_column,
    select,
)

from modelmon.ledger.schema import apps, verdicts, windows
from modelmon.model import ResultKindApp, ResultStatusApp, from_us
from modelmon.views.selection import of_endpoints
from modelmon.windows import DONE, PARTIAL, Span, is_stale

NO_DATA, WARMING_UP, INCOMPLETE, PARTLY = "no data", "warming up", "incomplete", "partial"
_CALM, _UNKNOWN = int(ResultStatusApp.no_detection), int(ResultStatusApp.irrelevant)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an app said last of a result, and how far it holds: `states` of its window, whether it is `stale`,
    and the status to show, in which calm that is stale is not calm."""

    application_name: str
    result_name: str
    result_value: float
    result_kind: int
    result_status: int
    result_extra_data: str
    start_infer_time: datetime
    end_infer_time: datetime
    window_revision: int
    states: tuple[str, ...]
    age_seconds: int
    stale: bool
    shown_status: int


class VerdictSketch(NamedTuple):
    """As much of a verdict as it takes to say in which state an endpoint is, and how bad that is: each that
    is bad, and of the others the highest of an app, kind and status on one window. What it lacks of a
    `Verdict` is empty."""

    application_name: str
    result_value: float
    result_kind: int
    result_status: int
    stale: bool
    shown_status: int
    start_infer_time: datetime
    result_name: str = ""
    result_extra_data: str = ""
    states: tuple[str, ...] = ()
    end_infer_time: datetime | None = None


AnyVerdict = Verdict | VerdictSketch


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


def read_verdicts(
    connection: Connection, belief: Belief, silent: Collection[str], endpoint_ids: Collection[str]
) -> dict[str, list[AnyVerdict]]:
    """Of each of these endpoints the newest verdicts, by app and name, of apps that are still there.

    Nothing is believed any more of endpoints that are `silent` now.
    """
    found: dict[str, list[AnyVerdict]] = {}
    for query in of_endpoints(_whole(), verdicts.c.endpoint_id, endpoint_ids):
        for row in connection.execute(query):
            stale = row.endpoint_id in silent or belief.is_stale(row)
            found.setdefault(row.endpoint_id, []).append(_verdict(row, belief, stale))
    return found


def sketch_verdicts(
    connection: Connection, belief: Belief, silent: Collection[str], endpoint_ids: Collection[str] | None
) -> dict[str, list[AnyVerdict]]:
    """As `read_verdicts`, with one verdict for all of an app, window, kind and status that are not bad; of
    None all endpoints."""
    found: dict[str, list[AnyVerdict]] = {}
    for query in of_endpoints(_sketched(), verdicts.c.endpoint_id, endpoint_ids):
        for row in connection.execute(query):
            stale = row.endpoint_id in silent or belief.is_stale(row)
            sketch = VerdictSketch(
                row.application_name, row.value, row.kind, row.status, stale, _shown(row.status, stale),
                from_us(row.start_us), row.bad_name, row.bad_extra,
            )  # fmt: skip
            found.setdefault(row.endpoint_id, []).append(sketch)
    return found


def worst_per_kind(found: Iterable[Verdict], unknown: bool) -> dict[str, int]:
    """Kind to the worst status of these verdicts; calm is not known where one of the kind is stale, or
    where everything is `unknown`, as when an app failed."""
    worst: dict[str, int] = {}
    unsure = set()
    for verdict in found:
        kind = ResultKindApp(verdict.result_kind).name
        worst[kind] = max(worst.get(kind, _UNKNOWN), verdict.result_status)
        if verdict.stale:
            unsure.add(kind)
    return {
        kind: _UNKNOWN if status == _CALM and (unknown or kind in unsure) else status
        for kind, status in worst.items()
    }


def _whole() -> Select[Any]:
    """Verdicts, each with its window where the ledger has it."""
    same = and_(*(verdicts.c[name] == windows.c[name] for name in windows.primary_key.columns.keys()))  # noqa: SIM118
    return (
        _still(select(verdicts, windows.c.rows, windows.c.incomplete, windows.c.outcome))
        .outerjoin(windows, same)
        .order_by(verdicts.c.endpoint_id, verdicts.c.application_name, verdicts.c.name)
    )


def _sketched() -> Select[Any]:
    names = ("endpoint_id", "application_name", "start_us", "end_us", "kind", "status")
    # The name alone tells those that are bad apart, so that of each there is one row with its extra data.
    name, extra = (_of_bad(verdicts.c[each]) for each in ("name", "extra_data"))
    key = [*(verdicts.c[each] for each in names), name.label("bad_name")]
    values = func.max(verdicts.c.value).label("value"), func.max(extra).label("bad_extra")
    return _still(select(*key, *values)).group_by(*key[:-1], name)


def _of_bad(column: ColumnElement[str]) -> ColumnElement[str]:
    """Written without parameters, since servers take an expression with other ones for another."""
    is_bad = verdicts.c.status > literal_column("0")
    return case((is_bad, column), else_=literal_column("''", column.type))


def _still(query: Select[Any]) -> Select[Any]:
    """Of apps that were not removed."""
    gone = select(apps.c.name).where(apps.c.active.is_(False))
    return query.select_from(verdicts).where(verdicts.c.application_name.not_in(gone))


def _verdict(row: Row[Any], belief: Belief, stale: bool) -> Verdict:
    is_done = row.outcome == DONE
    states: Sequence[str] = ()
    if is_done:
        states = sorted(states_of_rows(row.rows, row.incomplete, belief.min_rows))
    return Verdict(
        row.application_name, row.name, row.value, row.kind, row.status, row.extra_data,
        from_us(row.start_us), from_us(row.end_us), row.revision, tuple(states),
        max(0, belief.now_us - row.end_us) // 1_000_000, stale, _shown(row.status, stale),
    )  # fmt: skip


def _shown(status: int, stale: bool) -> int:
    return _UNKNOWN if stale and status == _CALM else status
