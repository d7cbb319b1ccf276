"""Runs of actions: at most one an incident and action, asked for in the transaction that reads the news."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    Row,
    Table,
    and_,
    delete,
    exists,
    func,
    select,
    update,
)

from modelmon.alerting.actions import Action
from modelmon.counting import count
from modelmon.ledger.abbreviated import whole_id
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.metadata import NAME, metadata
from modelmon.ledger.schema import endpoints
from modelmon.model import DAY_US
from modelmon.sql.statements import CHUNK, insert_missing
from modelmon.sql.types import BIG, LongText, Name

REQUESTED, STARTED, FAILED, SKIPPED, DRY = "requested", "started", "failed", "skipped", "dry run"
_COUNTED = (REQUESTED, STARTED)
_STATE = 32

action_runs = Table(  # the notifier's
    "action_runs", metadata,
    Column("run_id", Name(64), primary_key=True),
    Column("action", Name(64), nullable=False),
    Column("kind", Name(_STATE), nullable=False),
    Column("rule", Name(_STATE), nullable=False),
    Column("incident_id", BIG, nullable=False),
    Column("endpoint_id", Name(64), nullable=False),
    Column("body", LongText, nullable=False),  # what is said of the incident, as JSON
    Column("state", Name(_STATE), nullable=False),
    Column("why", LongText, nullable=False),  # it was skipped, or what was said of the last try; ""
    Column("answer", Name(NAME), nullable=False),  # where the other side says that it runs; ""
    Column("made_us", BIG, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_us", BIG, nullable=False),
    Column("done_us", BIG),
    Index("action_runs_due", "state", "next_us"),
    Index("action_runs_of_endpoint", "action", "endpoint_id", "made_us"),
    Index("action_runs_by_age", "action", "made_us"),
    Index("action_runs_of_incident", "incident_id"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ActionRun:
    """One run and how it stands."""

    run_id: str
    action: str
    kind: str
    rule: str
    incident_id: int
    endpoint_id: str
    body: str
    made_us: int
    state: str = REQUESTED
    why: str = ""
    answer: str = ""
    tries: int = 0
    next_us: int = 0
    done_us: int | None = None


_COLUMNS = [action_runs.c[name] for name in ActionRun.__slots__]


def run_id_of(incident_id: int, action: str) -> str:
    """The id by which a run is known to whoever is asked: the same however often it is asked."""
    return hashlib.sha256(f"{incident_id}\x1f{action}".encode()).hexdigest()[:32]


def request(connection: Connection, action: Action, run: ActionRun, why_not: str = "") -> None:
    """Ask for a run, once: a second time changes nothing. It is skipped for the reason `why_not`, where the
    action rests for this endpoint, or has run as often as it may in 24 hours."""
    if one_run(connection, run.run_id) is not None:
        return
    why = why_not or _rests(connection, action, run)
    state = SKIPPED if why else DRY if action.dry_run else REQUESTED
    row = {name: getattr(run, name) for name in ActionRun.__slots__}
    done_us = None if state == REQUESTED else run.made_us
    insert_missing(connection, action_runs, [{**row, "state": state, "why": why, "done_us": done_us}])


def due_runs(connection: Connection, now_us: int, limit: int) -> Sequence[ActionRun]:
    """Those to be tried now, in their order."""
    which = action_runs.c.state == REQUESTED, action_runs.c.next_us <= now_us
    query = select(*_COLUMNS).where(*which).order_by(action_runs.c.made_us, action_runs.c.run_id).limit(limit)
    return [_run(row) for row in connection.execute(query)]


def claim(connection: Connection, run: ActionRun, until_us: int) -> bool:
    """Whether it is ours to try now; nobody else's then until that moment."""
    same = (
        action_runs.c.run_id == run.run_id,
        action_runs.c.state == REQUESTED,
        action_runs.c.tries == run.tries,
    )
    values = {"tries": run.tries + 1, "next_us": until_us}
    return connection.execute(update(action_runs).where(*same).values(values)).rowcount == 1


def mark(
    connection: Connection,
    run_id: str,
    state: str,
    why: str,
    now_us: int,
    *,
    answer: str = "",
    next_us: int = 0,
) -> None:
    """What became of a try."""
    values: dict[str, Any] = {"state": state, "why": why, "answer": answer[:NAME], "next_us": next_us}
    if state != REQUESTED:
        values["done_us"] = now_us
    which = action_runs.c.run_id == run_id, action_runs.c.state == REQUESTED
    connection.execute(update(action_runs).where(*which).values(values))


def retry(connection: Connection, run_id: str, now_us: int) -> bool:
    """Have one that failed or was skipped started after all; False where there is none such."""
    which = action_runs.c.run_id == run_id, action_runs.c.state.in_((FAILED, SKIPPED, DRY))
    again = {"state": REQUESTED, "tries": 0, "next_us": now_us, "made_us": now_us, "done_us": None, "why": ""}
    return connection.execute(update(action_runs).where(*which).values(again)).rowcount == 1


def whole(connection: Connection, said: str) -> str:
    """The id that begins so, where there is one alone. Raises ConfigError where there are several."""
    return whole_id(connection, action_runs.c.run_id, said, "run")


def one_run(connection: Connection, run_id: str) -> ActionRun | None:
    row = connection.execute(select(*_COLUMNS).where(action_runs.c.run_id == run_id)).first()
    return None if row is None else _run(row)


def newest_runs(connection: Connection, limit: int, incident_id: int | None = None) -> Sequence[ActionRun]:
    """The newest runs, of one incident or of all."""
    query = select(*_COLUMNS).order_by(action_runs.c.made_us.desc(), action_runs.c.run_id).limit(limit)
    if incident_id is not None:
        query = query.where(action_runs.c.incident_id == incident_id)
    return [_run(row) for row in connection.execute(query)]


def prune_some(connection: Connection, before_us: int) -> int:
    """Delete some of the runs that are older than this; returns how many. What is not settled stays, what is
    of an incident that is open, and the newest start for each endpoint: cooldowns count from it."""
    is_open = exists().where(
        incidents.c.incident_id == action_runs.c.incident_id, incidents.c.resolved_us.is_(None)
    )
    newer = action_runs.alias("newer_runs")
    is_followed = exists().where(
        newer.c.action == action_runs.c.action, newer.c.endpoint_id == action_runs.c.endpoint_id,
        newer.c.state == STARTED, newer.c.made_us > action_runs.c.made_us,
    )  # fmt: skip
    is_known = exists().where(endpoints.c.endpoint_id == action_runs.c.endpoint_id)
    counts = and_(action_runs.c.state == STARTED, is_known, ~is_followed)
    old = (
        select(action_runs.c.run_id)
        .where(action_runs.c.made_us < before_us, action_runs.c.state != REQUESTED, ~is_open, ~counts)
        .limit(CHUNK)
    )
    ids = connection.scalars(old).all()
    connection.execute(delete(action_runs).where(action_runs.c.run_id.in_(ids)))
    return len(ids)


def _rests(connection: Connection, action: Action, run: ActionRun) -> str:
    """Why it is not started now; "" where it may be."""
    same = action_runs.c.action == action.name, action_runs.c.state.in_(_COUNTED)
    if action.cooldown_us:
        since = action_runs.c.made_us > run.made_us - action.cooldown_us
        mine = (*same, action_runs.c.endpoint_id == run.endpoint_id, since)
        if connection.execute(select(action_runs.c.run_id).where(*mine).limit(1)).first():
            return f"it ran for this endpoint within its cooldown of {action.cooldown_us / 3.6e9:g} h"
    if action.max_per_day:
        today = (*same, action_runs.c.made_us > run.made_us - DAY_US)
        ran = connection.scalar(select(func.count()).select_from(action_runs).where(*today)) or 0
        if ran >= action.max_per_day:
            return f"it ran {count(ran, 'time')} in 24 hours, as often as it may"
    return ""


def _run(row: Row[Any]) -> ActionRun:
    return ActionRun(**row._mapping)
