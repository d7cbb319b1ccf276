"""A version of alerts.yaml that this ModelMon can't read leaves the one before it in force, for everybody."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from modelmon.errors import UnavailableError
from modelmon.ledger.alert_files import HeldAlerts
from modelmon.ledger.delivery_schema import alert_files
from modelmon.stages.notifier import Notifier
from unit.timed_support import START, Clocked

LATER = "format: 99\nsomething: of a later ModelMon\n"
SILENT = "  - {name: quiet, when: {silent: 20m}}\n"


def unreadable(of: Clocked, *versions: int) -> None:
    """These versions are of a later ModelMon."""
    row = {"text": LATER, "who": "ann", "set_us": START}
    with of.database.write() as connection:
        connection.execute(delete(alert_files).where(alert_files.c.version.in_(versions)))
        connection.execute(insert(alert_files), [{"version": each, **row} for each in versions])


def starts_anew(of: Clocked) -> None:
    of.notifier = Notifier(of.settings, of.database, of._send)


@pytest.mark.slow
def test_a_process_that_starts_works_by_the_newest_version_that_it_can_read(tmp_path: Path) -> None:
    of = Clocked(tmp_path, SILENT)
    of.served("endpoint-1", at=START)
    of.wait(30)
    assert of.open() == [("quiet", "endpoint-1")]
    unreadable(of, 2, 3)
    starts_anew(of)
    of.tick()
    assert (of.open(), of.ended()) == ([("quiet", "endpoint-1")], [])
    of.served("endpoint-1")
    of.tick()
    assert of.ended() == [("quiet", "calm")]
    assert [what for what, _, _ in of.said()] == ["raised", "resolved"], "its channel is known"


def test_who_runs_on_and_who_starts_work_by_the_same_version(tmp_path: Path) -> None:
    of, runs_on = Clocked(tmp_path, SILENT), HeldAlerts()
    with of.database.read() as connection:
        assert runs_on.newest(connection).rule("quiet") is not None
    of.rules("  - {name: still, when: {silent: 30m}}\n")  # nobody looked before the next one came
    unreadable(of, 3)
    with of.database.read() as connection:
        for each in (runs_on, HeldAlerts()):
            assert each.newest(connection).rule("still") is not None


def test_where_none_can_be_read_nothing_is_done_and_nothing_given_up(tmp_path: Path) -> None:
    of = Clocked(tmp_path, SILENT)
    of.served("endpoint-1", at=START)
    of.wait(30)
    unreadable(of, 1, 2)
    starts_anew(of)
    for _ in range(2):
        with pytest.raises(
            UnavailableError, match=r"(?s)alerts.yaml of version 2 can't be read.*set one, or"
        ):
            of.tick()
    assert of.ended() == []
    of.rules(SILENT)
    of.served("endpoint-1")
    of.tick()
    assert of.ended() == [("quiet", "calm")]
