"""What people do about an incident: they are at it, hand it back, note something, say that it is over."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from modelmon.errors import ConfigError
from modelmon.ledger import handling, incidents, outbox
from modelmon.ledger.facts import incident_fact
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.false_alarms import check_mark
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.until import Until, until_us
from modelmon.model_monitoring.whoever import whoever
from modelmon.settings import Settings
from modelmon.views.incidents import Incident, history_of
from modelmon.views.silences import one_handled

Do = Callable[[Connection, str, int], object]


def acknowledge(
    settings: Settings, incident_id: int, note: str = "", *, until: Until = None, who: str = ""
) -> Incident:
    """Say that somebody is at it: `who`, else the user of this machine.

    Raises ConfigError for one that is not there or not open, and for an `until` that is no moment to come.
    """

    def do(connection: Connection, by: str, now_us: int) -> None:
        handling.acknowledge(connection, incident_id, by, note, until_us(until, now_us), now_us)

    return _done(settings, incident_id, note, who, do)


def give_back(settings: Settings, incident_id: int, who: str = "") -> Incident:
    """Nobody is at it any more. Raises ConfigError for one that is not acknowledged."""
    return _done(
        settings, incident_id, "", who, lambda *given: handling.give_back(given[0], incident_id, *given[1:])
    )


def add_note(settings: Settings, incident_id: int, note: str, who: str = "") -> Incident:
    """Write something into its history. Raises ConfigError for a note that says nothing."""

    def do(connection: Connection, by: str, now_us: int) -> None:
        handling.add_note(connection, incident_id, by, note, now_us)

    return _done(settings, incident_id, note, who, do)


def resolve(settings: Settings, incident_id: int, note: str = "", who: str = "") -> Incident:
    """End an open one: what was found until now is done with, the next bad window raises a new one.

    Raises ConfigError for one that is not there or not open.
    """

    def do(connection: Connection, by: str, now_us: int) -> None:
        handling.note_end(connection, incident_id, by, note, now_us)
        told = incidents.reset(connection, incident_id, now_us)
        outbox.write(connection, [incident_fact(settings, each) for each in told], now_us)

    return _done(settings, incident_id, note, who, do)


def _done(settings: Settings, incident_id: int, note: str, who: str, do: Do) -> Incident:
    check_mark(incident_id, note, undo=False)
    now_us = wall_clock_us()
    with opened(settings) as database, database.write() as connection:
        do(connection, who or whoever(), now_us)
        history = history_of(connection, settings, incident_id, 1)
        if history is None:
            raise ConfigError(f"there is no incident {incident_id}")
        return one_handled(connection, history.incident, now_us)
