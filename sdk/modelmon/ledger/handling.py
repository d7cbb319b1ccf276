"""What people do with an incident that goes on: they acknowledge it, or note something. With who did it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select, update

from modelmon.errors import ConfigError
from modelmon.incidents import IncidentState
from modelmon.ledger.access import Deed, note
from modelmon.ledger.incident_schema import incident_events, incidents

ACKNOWLEDGED, NOTED, GIVEN_BACK, ENDED = "acknowledged", "noted", "given back", "ended by hand"
_IN_THE_AUDIT = {
    ACKNOWLEDGED: "acknowledged an incident", NOTED: "noted something of an incident",
    GIVEN_BACK: "gave an incident back", ENDED: "ended an incident by hand",
}  # fmt: skip
MOST_NOTE = 2_000
NOT_ACKNOWLEDGED: dict[str, Any] = {
    "acked_us": None,
    "acked_by": None,
    "acked_note": None,
    "acked_until_us": None,
}


def acknowledge(
    connection: Connection, incident_id: int, who: str, words: str, until_us: int | None, now_us: int
) -> None:
    """Say that somebody is at it: it is told no more until it gets worse, or until that moment.

    Acknowledged again, the newer word stands. Raises ConfigError for one that is not there or not open.
    """
    row = _open(connection, incident_id)
    if until_us is not None and until_us <= now_us:
        raise ConfigError("until: must be a moment to come")
    values = {"acked_us": now_us, "acked_by": who, "acked_note": _checked(words), "acked_until_us": until_us}
    _update(connection, incident_id, values)
    _note(connection, row, ACKNOWLEDGED, who, words, now_us)


def give_back(connection: Connection, incident_id: int, who: str, now_us: int) -> None:
    """Nobody is at it any more. Raises ConfigError for one that is not acknowledged."""
    row = _open(connection, incident_id)
    if row.acked_us is None:
        raise ConfigError(f"incident {incident_id} is not acknowledged: there is nothing to give back")
    _update(connection, incident_id, NOT_ACKNOWLEDGED)
    _note(connection, row, GIVEN_BACK, who, "", now_us)


def add_note(connection: Connection, incident_id: int, who: str, words: str, now_us: int) -> None:
    """Write something into its history, open or over. Raises ConfigError for a note that says nothing."""
    if not words.strip():
        raise ConfigError("note: is empty; say something")
    _note(connection, _locked(connection, incident_id), NOTED, who, _checked(words), now_us)


def note_end(connection: Connection, incident_id: int, who: str, words: str, now_us: int) -> None:
    """Write down who ends it, and why; `ledger.incidents.reset` ends it. Raises ConfigError for one that is
    not there or not open."""
    _note(connection, _open(connection, incident_id), ENDED, who, _checked(words), now_us)


def is_acknowledged(row: Row[Any], now_us: int) -> bool:
    """Whether somebody is at it now."""
    return row.acked_us is not None and (row.acked_until_us is None or now_us < row.acked_until_us)


def _open(connection: Connection, incident_id: int) -> Row[Any]:
    row = _locked(connection, incident_id)
    if row.state in (IncidentState.RESOLVED.value, IncidentState.PENDING.value):
        why = f" ({row.reason})" if row.reason else ""
        raise ConfigError(f"incident {incident_id} is {row.state}{why}: only one that is open can be handled")
    return row


def _locked(connection: Connection, incident_id: int) -> Row[Any]:
    query = select(incidents).where(incidents.c.incident_id == incident_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise ConfigError(
            f"there is no incident {incident_id}; `modelmon incidents list` shows which there are"
        )
    return row


def _checked(words: str) -> str:
    if len(words) > MOST_NOTE:
        raise ConfigError(f"note: has {len(words):,} characters; at most {MOST_NOTE:,} are kept")
    return words


def _update(connection: Connection, incident_id: int, values: dict[str, Any]) -> None:
    connection.execute(update(incidents).where(incidents.c.incident_id == incident_id).values(values))


def _note(connection: Connection, row: Row[Any], what: str, who: str, words: str, now_us: int) -> None:
    """Into the incident's history, and into the audit."""
    event = {
        "incident_id": row.incident_id, "at_us": now_us, "before": row.state, "after": what,
        "status": row.status, "window_us": row.last_us, "why": f"{who}: {words}" if words else who,
    }  # fmt: skip
    connection.execute(incident_events.insert(), [event])
    note(connection, Deed(now_us, who, _IN_THE_AUDIT[what], f"incident {row.incident_id}", words))
