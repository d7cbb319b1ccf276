"""Runs of actions as they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from modelmon.ledger.action_runs import ActionRun, newest_runs
from modelmon.model import from_us


@dataclass(frozen=True, slots=True)
class ShownRun:
    """One run of an action and how it stands: requested, started, failed, skipped or dry run. `why` it was
    skipped, or what was said of the last try; `answer` where the other side says that it runs; `done` when
    it was started or given up."""

    run_id: str
    action: str
    kind: str
    rule: str
    incident_id: int
    endpoint_id: str
    state: str
    why: str
    answer: str
    tries: int
    made: datetime
    done: datetime | None


def shown_run(run: ActionRun) -> ShownRun:
    """Without its body."""
    return ShownRun(
        run.run_id, run.action, run.kind, run.rule, run.incident_id, run.endpoint_id, run.state, run.why,
        run.answer, run.tries, from_us(run.made_us), None if run.done_us is None else from_us(run.done_us),
    )  # fmt: skip


def shown_runs(connection: Connection, limit: int, incident_id: int | None = None) -> list[ShownRun]:
    """The newest runs, of one incident or of all."""
    return [shown_run(each) for each in newest_runs(connection, limit, incident_id)]
