"""Versions of `alerts.yaml`: every one is kept, the newest counts. Read it anew to see a change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from modelmon.alerting import Alerts, read_alerts
from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger.access import Deed, note
from modelmon.ledger.delivery_schema import alert_files
from modelmon.sql.statements import insert_missing

logger = logging.getLogger(__name__)
_VERSION = select(func.max(alert_files.c.version))
_NEWEST = select(alert_files).order_by(alert_files.c.version.desc())


@dataclass(frozen=True, slots=True)
class AlertFile:
    """One version, "" as text where it was taken back; `who` set it."""

    version: int
    text: str
    who: str
    set_us: int

    @property
    def alerts(self) -> Alerts:
        """What it says. Raises ConfigError for one that this version of ModelMon can't read."""
        return read_alerts(self.text) if self.text else Alerts()


NOTHING = AlertFile(0, "", "", 0)


class HeldAlerts:
    """What the newest version says that can be read, looked for once a version."""

    def __init__(self) -> None:
        self._version = 0
        self._alerts = Alerts()

    def newest(self, connection: Connection) -> Alerts:
        """As `alerts_in_force`."""
        version = connection.scalar(_VERSION) or 0
        if version != self._version:
            self._alerts = alerts_in_force(connection)
            self._version = version
        return self._alerts


def alerts_in_force(connection: Connection) -> Alerts:
    """A version that can't be read, as one of a later ModelMon, leaves the one before it in force.

    Raises UnavailableError where none can be read: without its rules and channels, what is on its way would
    be given up.
    """
    file, first = newest_file(connection), ""
    while True:
        try:
            alerts = file.alerts
        except ConfigError as error:
            first = first or f"alerts.yaml of version {file.version} can't be read: {error}"
        else:
            if first:
                logger.error("%s; version %d counts instead", first, file.version)
            return alerts
        row = connection.execute(_NEWEST.where(alert_files.c.version < file.version).limit(1)).first()
        if row is None:
            raise UnavailableError(f"{first}; nor can any before it: set one, or upgrade ModelMon")
        file = _file(row)


def newest_file(connection: Connection) -> AlertFile:
    """The newest version; one that says nothing where none was ever set."""
    row = connection.execute(_NEWEST.limit(1)).first()
    return NOTHING if row is None else _file(row)


def file_versions(connection: Connection, limit: int) -> Sequence[AlertFile]:
    """The newest `limit` versions, the newest first."""
    return [_file(row) for row in connection.execute(_NEWEST.limit(limit))]


def set_file(connection: Connection, text: str, who: str, now_us: int) -> AlertFile:
    """Keep a new version, and in the audit who set it; the same text again is the version that is there.

    Raises ConfigError for a text that has mistakes.
    """
    what = "set the alerts" if text else "took the alerts back"
    return edit_file(connection, lambda _: text, who, now_us, what)


def edit_file(
    connection: Connection, edit: Callable[[str], str], who: str, now_us: int, what: str
) -> AlertFile:
    """Keep what is made of the newest text as a new version, as `set_file` does; `what` is for the audit.

    What somebody else sets meanwhile is not lost: then `edit` is asked again, with their text.
    """
    while True:
        before = newest_file(connection)
        text = edit(before.text)
        if before.text == text:
            return before
        if text:
            read_alerts(text)
        made = AlertFile(before.version + 1, text, who, now_us)
        row = {"version": made.version, "text": text, "who": who, "set_us": now_us}
        insert_missing(connection, alert_files, [row])
        if newest_file(connection) == made:
            break
    note(connection, Deed(now_us, who, what, "alerts.yaml", f"version {made.version}"))
    return made


def _file(row: Row[Any]) -> AlertFile:
    return AlertFile(row.version, row.text, row.who, row.set_us)
