"""Runs of the actions that rules start: listed, and started after all."""

from __future__ import annotations

from modelmon.errors import ConfigError
from modelmon.ledger import action_runs as ledger
from modelmon.ledger.access import Deed, note
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.false_alarms import check_mark
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.whoever import whoever
from modelmon.settings import Settings
from modelmon.views.action_runs import ShownRun, shown_run, shown_runs

MOST = 500


def list_runs(settings: Settings, incident_id: int | None = None, limit: int = 100) -> list[ShownRun]:
    """The newest runs, of one incident or of all."""
    check_mark(1 if incident_id is None else incident_id, "", undo=False)
    check_limit(limit)
    with opened(settings) as database, database.read() as connection:
        return shown_runs(connection, limit, incident_id)


def check_limit(limit: object) -> None:
    """Raises ConfigError for what is no length of a list."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST:
        raise ConfigError(f"limit: must be a number from 1 to {MOST}, got {limit!r}")


def retry_run(settings: Settings, run_id: str, who: str = "") -> ShownRun:
    """Have one that failed, was skipped or was dry started after all; cooldown and limits do not count then.
    The first letters of its id will do.

    Raises ConfigError for one that is not there, and for one that runs or has run.
    """
    now_us = wall_clock_us()
    with opened(settings) as database, database.write() as connection:
        run_id = ledger.whole(connection, run_id)
        found = ledger.one_run(connection, run_id) if isinstance(run_id, str) else None
        if found is None:
            raise ConfigError(f"run: there is no {run_id!r}; `modelmon alerts runs` lists them")
        if not ledger.retry(connection, run_id, now_us):
            raise ConfigError(f"run: {run_id!r} is {found.state}; only one that did not start goes again")
        what = f"{found.action} for incident {found.incident_id}"
        note(connection, Deed(now_us, who or whoever(), "started an action again", run_id, what))
        again = ledger.one_run(connection, run_id)
    assert again is not None, "it was there"
    return shown_run(again)
