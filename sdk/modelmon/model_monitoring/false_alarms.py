"""Incidents of a project that a person calls false alarms, or takes that back."""

from __future__ import annotations

from modelmon.errors import ConfigError
from modelmon.ledger import false_alarms, outbox
from modelmon.ledger.facts import incident_fact
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.whoever import whoever
from modelmon.settings import Settings
from modelmon.views.incidents import Incident, history_of


def mark_false_alarm(
    settings: Settings, incident_id: int, note: str = "", *, undo: bool = False, who: str = ""
) -> Incident:
    """Mark an incident as a false alarm, which ends it if it is open; with `undo` take that back. Who did it
    is kept, with the note: `who`, else the user of this machine.

    Raises ConfigError for an incident that is not there or is no alarm, and where there is nothing to undo.
    """
    check_mark(incident_id, note, undo=undo)
    now_us, by = wall_clock_us(), who or whoever()
    with opened(settings) as database, database.write() as connection:
        if undo:
            told = false_alarms.unmark(connection, incident_id, by, now_us)
        else:
            told = false_alarms.mark(connection, incident_id, by, note, now_us)
        outbox.write(connection, [incident_fact(settings, each) for each in told], now_us)
        history = history_of(connection, settings, incident_id, 1)
    assert history is not None, "it was marked"
    return history.incident


def check_mark(incident_id: object, note: object, *, undo: bool) -> None:
    """Raises ConfigError for what can be no mark, wherever the incident is."""
    if not isinstance(incident_id, int) or isinstance(incident_id, bool):
        raise ConfigError(f"incident_id: must be the number of an incident, got {incident_id!r}")
    if not 0 < incident_id < 2**63:
        raise ConfigError(f"there is no incident {incident_id}")
    if not isinstance(note, str) or "\x00" in note:
        raise ConfigError(f"note: must be a text without zero bytes, got {note!r}")
    if undo and note:
        raise ConfigError(f"note: is for a mark, not for taking one back, got {note!r}")
