"""Runs of jobs: asked for once, started once, and how each ended.

Only who has claimed a run works at it. One whose end nobody has told is over when its time is. What people
are told of its end is written with it: that it failed, or that what it has logged waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Index, Row, Table, select, update

from modelmon.errors import ConfigError
from modelmon.ledger import challengers, outbox
from modelmon.ledger.challengers import AWAITING
from modelmon.ledger.job_facts import challenger_fact, run_fact
from modelmon.ledger.metadata import NAME, metadata
from modelmon.ledger.outbox import Fact
from modelmon.sql.statements import CHUNK, insert_missing
from modelmon.sql.types import BIG, LongText, Name

REQUESTED, RUNNING, DONE, FAILED, TIMED_OUT = "requested", "running", "done", "failed", "timed out"
KILLED = "it was killed half way: nobody told of its end in time"

job_runs = Table(
    "job_runs", metadata,
    Column("run_id", Name(64), primary_key=True),
    Column("job", Name(NAME), nullable=False),
    Column("endpoint_id", Name(64), nullable=False),
    Column("asked", LongText, nullable=False),  # what the job is told, as JSON
    Column("who", Name(NAME), nullable=False),
    Column("state", Name(32), nullable=False),
    Column("why", LongText, nullable=False),  # it failed; ""
    Column("made_us", BIG, nullable=False),
    Column("started_us", BIG),
    Column("deadline_us", BIG),
    Column("done_us", BIG),
    Index("job_runs_by_age", "made_us"),
    Index("job_runs_by_state", "state", "deadline_us"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run and how it stands."""

    run_id: str
    job: str
    endpoint_id: str
    asked: str
    who: str
    made_us: int
    state: str = REQUESTED
    why: str = ""
    started_us: int | None = None
    deadline_us: int | None = None
    done_us: int | None = None


_COLUMNS = [job_runs.c[name] for name in JobRun.__slots__]


def request(connection: Connection, run: JobRun) -> None:
    """Ask for a run; a second time changes nothing."""
    row = {name: getattr(run, name) for name in JobRun.__slots__}
    insert_missing(connection, job_runs, [row])


def start(connection: Connection, run_id: str, now_us: int, deadline_us: int) -> bool:
    """Whether it is ours to work at: it was asked for, and nobody has begun it."""
    values = {"state": RUNNING, "started_us": now_us, "deadline_us": deadline_us}
    return _set(connection, run_id, REQUESTED, values)


def finish(connection: Connection, run_id: str, state: str, why: str, now_us: int) -> bool:
    """How it ended; False where that is known already."""
    if not _set(connection, run_id, RUNNING, {"state": state, "why": why, "done_us": now_us}):
        return False
    outbox.write(connection, _told(connection, run_id), now_us)
    return True


def end_overdue(connection: Connection, now_us: int) -> int:
    """Runs whose time is over and whose end nobody has told have failed; returns how many."""
    which = job_runs.c.state == RUNNING, job_runs.c.deadline_us < now_us
    ids = connection.scalars(select(job_runs.c.run_id).where(*which).limit(CHUNK)).all()
    return sum(finish(connection, each, FAILED, KILLED, now_us) for each in ids)


def one_run(connection: Connection, run_id: str) -> JobRun | None:
    row = connection.execute(select(*_COLUMNS).where(job_runs.c.run_id == run_id)).first()
    return None if row is None else _run(row)


def check_running(connection: Connection, run_id: str) -> None:
    """Raises ConfigError where a run is over, or was never begun: what it still does counts for nothing."""
    run = one_run(connection, run_id)
    if run is None or run.state != RUNNING:
        raise ConfigError(f"run {run_id!r} is {run.state if run else 'not known'}, not {RUNNING}")


def newest_runs(connection: Connection, limit: int) -> Sequence[JobRun]:
    """The newest first."""
    query = select(*_COLUMNS).order_by(job_runs.c.made_us.desc(), job_runs.c.run_id).limit(limit)
    return [_run(row) for row in connection.execute(query)]


def requested_of(connection: Connection, job: str, limit: int) -> Sequence[JobRun]:
    """Those of a job that nobody has begun, the oldest first."""
    which = job_runs.c.job == job, job_runs.c.state == REQUESTED
    query = select(*_COLUMNS).where(*which).order_by(job_runs.c.made_us, job_runs.c.run_id).limit(limit)
    return [_run(row) for row in connection.execute(query)]


def _told(connection: Connection, run_id: str) -> list[Fact]:
    """Nothing of a run that went well and left nobody anything to do."""
    run, logged = one_run(connection, run_id), challengers.of_run(connection, run_id)
    assert run is not None, "it was there"
    if run.state != DONE:
        number = None if logged is None else logged.number
        return [run_fact(connection, run_id, run.job, run.state, run.endpoint_id, run.asked, number)]
    if logged is None or logged.state != AWAITING:
        return []
    return [
        challenger_fact(connection, logged.number, logged.model_key, logged.endpoint_id, run_id, run.asked)
    ]


def _set(connection: Connection, run_id: str, before: str, values: dict[str, Any]) -> bool:
    which = job_runs.c.run_id == run_id, job_runs.c.state == before
    return connection.execute(update(job_runs).where(*which).values(values)).rowcount == 1


def _run(row: Row[Any]) -> JobRun:
    return JobRun(**row._mapping)
