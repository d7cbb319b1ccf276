"""Actions that rules ask for: requested with the news that raises an incident, then started."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from modelmon.alerting import Alerts
from modelmon.alerting.actions import Action, ActionKind
from modelmon.counting import count
from modelmon.ledger import action_runs, outbox
from modelmon.ledger.action_runs import FAILED, REQUESTED, STARTED, ActionRun, run_id_of
from modelmon.ledger.messages import KeptMessage
from modelmon.ledger.outbox import Entry
from modelmon.model import DAY_US
from modelmon.notify import LaterError, RefusedError
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.notifier.delivering import CLAIM_US, wait_seconds
from modelmon.stages.notifier.retraining import has_job, request_run, with_address
from modelmon.stages.notifier.withholding import withheld

logger = logging.getLogger(__name__)

MOST = 100
GONE = "the action is in no version of the alerts any more"
Start = Callable[[Action, str, Mapping[str, Any]], str]
_SAID = (
    "incident_id", "rule", "kind", "severity", "endpoint_id", "endpoint_name", "function_name",
    "application_name", "result_name", "result_value", "start_infer_time", "end_infer_time", "first",
    "windows",
)  # fmt: skip
_MOMENTS = ("start_infer_time", "end_infer_time", "first")


def request(
    connection: Connection, entry: Entry, alerts: Alerts, project: str, link: str, now_us: int
) -> None:
    """Ask for the action of the rule that has raised an incident, if it has one."""
    body = entry.fact.body
    rule = alerts.rule(body["rule"])
    action = alerts.actions.get(rule.action) if rule is not None else None
    if entry.fact.kind != outbox.INCIDENT_RAISED or action is None:
        return
    said = {"project": project, **{name: _told(name, body.get(name)) for name in _SAID}, "link": link}
    run = ActionRun(
        run_id_of(body["incident_id"], action.name), action.name, action.kind.value, body["rule"],
        body["incident_id"], entry.fact.subject, msgspec.json.encode(said).decode(), now_us, next_us=now_us,
    )  # fmt: skip
    held = withheld(connection, alerts, [run.incident_id], now_us)
    why_not = {**held.inhibited, **held.silenced}  # what is muted by the hour starts all the same
    action_runs.request(connection, action, run, why_not.get(run.incident_id, ""))


def _told(name: str, value: Any) -> Any:
    """Moments as ISO 8601 has them: not every pipeline reads a blank in place of the T."""
    return datetime.fromisoformat(value).isoformat() if name in _MOMENTS and value else value


def act(
    database: Database, alerts: Alerts, start: Start, settings: Settings, now_us: int, seconds: float
) -> int:
    """Start what is due, for about so many seconds; returns how many were started."""
    with database.read() as connection:
        due = action_runs.due_runs(connection, now_us, MOST)
    began, started = time.monotonic(), 0
    for run in due:
        passed = time.monotonic() - began
        if passed > seconds:
            break
        started += _try(database, alerts, start, settings, run, now_us + round(1e6 * passed))
    if started:
        logger.info("%s started", count(started, "action"))
    return started


def _try(
    database: Database, alerts: Alerts, start: Start, settings: Settings, run: ActionRun, now_us: int
) -> bool:
    action = alerts.actions.get(run.action)
    with database.write() as connection:
        if not action_runs.claim(connection, run, now_us + CLAIM_US):
            return False
    state, why, answer, next_us = FAILED, GONE, "", 0
    if action is not None and action.kind is ActionKind.RETRAIN and not has_job(database, action.job):
        why = f"there is no job {action.job!r}; `project.set_job(…)` makes one"
    elif action is not None:
        if action.kind is ActionKind.RETRAIN:
            request_run(database, action, run, now_us)
            action = with_address(action, settings)
        try:
            state, answer, why = STARTED, start(action, run.run_id, msgspec.json.decode(run.body)), ""
        except LaterError as error:
            why = str(error)
            next_us = now_us + round(1e6 * max(error.after_seconds, _wait(run)))
            state = REQUESTED if next_us - run.made_us <= DAY_US else FAILED
        except RefusedError as error:
            why = str(error)
    if state != STARTED:
        logger.warning("action %s for incident %d: %s: %s", run.action, run.incident_id, state, why)
    with database.write() as connection:
        action_runs.mark(connection, run.run_id, state, why, now_us, answer=answer, next_us=next_us)
    return state == STARTED


def _wait(run: ActionRun) -> float:
    return wait_seconds(KeptMessage(run.run_id, 0, "", "", "", 0, tries=run.tries))
