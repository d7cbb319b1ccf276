"""An incident is marked as a false alarm, which ends it, and the mark is taken back; with who did it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, exists, select, update

from modelmon.errors import ConfigError
from modelmon.incidents import IncidentKey, IncidentState, Reason, take_back
from modelmon.ledger.access import Deed, note
from modelmon.ledger.alert_files import alerts_in_force
from modelmon.ledger.incident_rows import KEY, incident_values, key_of, read_incident, watch_values
from modelmon.ledger.incident_schema import incidents, watches
from modelmon.ledger.incidents import Told, end_by_hand, lock_watch, note_events
from modelmon.ledger.rules_in_force import policy_of
from modelmon.sql.statements import upsert

MOST_NOTE = 2_000
_NONE = {"marked_us": None, "marked_by": None, "marked_note": None, "marked_state": None}


def mark(connection: Connection, incident_id: int, who: str, words: str, now_us: int) -> list[Told]:
    """Say that an incident was a false alarm: if it is open that ends it. Returns what there is to tell.

    Marked again, newer words stand in place of the old ones; without any those stay. Raises ConfigError for
    one that is not there, and for one that is no alarm: an app that failed, what is pending, what was
    withdrawn.
    """
    if len(words) > MOST_NOTE:
        raise ConfigError(f"note: has {len(words):,} characters; at most {MOST_NOTE:,} are kept")
    row = _locked(connection, incident_id)
    _check_alarm(row)
    is_open = row.state != IncidentState.RESOLVED.value
    told = end_by_hand(connection, row, Reason.FALSE_ALARM, now_us) if is_open else []
    before = row.state if is_open else row.marked_state or ""
    kept = words or row.marked_note or ""
    values = {"marked_us": now_us, "marked_by": who, "marked_note": kept, "marked_state": before}
    _update(connection, incident_id, values)
    note(connection, Deed(now_us, who, "marked a false alarm", f"incident {incident_id}", words))
    return told


def unmark(connection: Connection, incident_id: int, who: str, now_us: int) -> list[Told]:
    """Take the mark back, with all that it did. Raises ConfigError where there is no mark."""
    row = _locked(connection, incident_id)
    if row.marked_us is None:
        raise ConfigError(f"incident {incident_id} is not marked as a false alarm: there is nothing to undo")
    told = _go_on(connection, row, now_us) if row.reason == Reason.FALSE_ALARM.value else []
    _update(connection, incident_id, _NONE)
    note(connection, Deed(now_us, who, "took a false alarm back", f"incident {incident_id}", ""))
    return told


def _locked(connection: Connection, incident_id: int) -> Row[Any]:
    """The incident, which nobody changes until the transaction ends."""
    one = select(incidents).where(incidents.c.incident_id == incident_id)
    found = connection.execute(one).one_or_none()
    if found is None:
        raise ConfigError(
            f"there is no incident {incident_id}; `modelmon incidents list` shows which there are"
        )
    lock_watch(connection, key_of(found))
    return connection.execute(one.with_for_update()).one()


def _check_alarm(row: Row[Any]) -> None:
    said = f"incident {row.incident_id}"
    if key_of(row).is_failure:
        raise ConfigError(
            f"{said} is of an app that failed, which is no alarm about data; "
            f"`modelmon incidents resolve {row.incident_id}` ends it"
        )
    if row.reason == Reason.WITHDRAWN.value:
        raise ConfigError(f"{said} was withdrawn: judged again, its windows found nothing; it counts nowhere")


def _go_on(connection: Connection, row: Row[Any], now_us: int) -> list[Told]:
    key, incident = key_of(row), read_incident(row)
    watch = lock_watch(connection, key)
    before = IncidentState(row.marked_state)
    policy = policy_of(alerts_in_force(connection), key.rule)
    followed = _is_followed(connection, row, key)
    changed, change = take_back(watch, incident, before, policy, followed=followed)
    assert change.after is not None, "it was read"
    is_open = change.after.state is not IncidentState.RESOLVED
    resolved_us = None if is_open else row.resolved_us
    values = {**incident_values(change.after), "changed_us": now_us, "resolved_us": resolved_us}
    _update(connection, row.incident_id, values)
    if changed is not None and changed is not watch:
        upsert(connection, watches, [watch_values(key, changed)])
    return note_events(connection, row, change.events, now_us)


def _is_followed(connection: Connection, row: Row[Any], key: IncidentKey) -> bool:
    same = (incidents.c[name] == getattr(key, name) for name in KEY)
    newer = exists().where(*same, incidents.c.incident_id > row.incident_id)
    return bool(connection.scalar(select(newer)))


def _update(connection: Connection, incident_id: int, values: dict[str, Any]) -> None:
    connection.execute(update(incidents).where(incidents.c.incident_id == incident_id).values(values))
