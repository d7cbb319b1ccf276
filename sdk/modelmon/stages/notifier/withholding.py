"""What is not told now, and why: it is silenced, inhibited, it is a quiet hour, or somebody is at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from modelmon.alerting import Alerts
from modelmon.ledger import notices
from modelmon.ledger.handling import is_acknowledged
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.incident_subjects import subject_of, with_subjects
from modelmon.ledger.silences import Silence, silenced_by, silences_at, words_of
from modelmon.model import from_us
from modelmon.sql.database import Database
from modelmon.sql.statements import chunks
from modelmon.stages.notifier.inhibiting import inhibited

MOST = 1_000
QUIET = "it is a quiet hour"


@dataclass(frozen=True, slots=True)
class Withheld:
    """Incident to why nobody is told of it now. What is `silenced`, `inhibited` or `muted` by the hour is
    told later; `acknowledged` is not, but for its end."""

    silenced: Mapping[int, str] = field(default_factory=dict)
    inhibited: Mapping[int, str] = field(default_factory=dict)
    muted: Mapping[int, str] = field(default_factory=dict)
    acknowledged: Mapping[int, str] = field(default_factory=dict)

    @property
    def later(self) -> Mapping[int, str]:
        """What is told once that is over, if it is open then."""
        return {**self.muted, **self.inhibited, **self.silenced}


def withheld(connection: Connection, alerts: Alerts, incident_ids: Iterable[int], now_us: int) -> Withheld:
    """Of these incidents."""
    held, now = silences_at(connection, now_us), from_us(now_us)
    silenced: dict[int, str] = {}
    less: dict[int, str] = {}
    muted: dict[int, str] = {}
    acknowledged: dict[int, str] = {}
    for some in chunks(each for each in dict.fromkeys(incident_ids) if each):
        rows = connection.execute(with_subjects().where(incidents.c.incident_id.in_(some))).all()
        less |= inhibited(connection, alerts, rows)
        muted |= {row.incident_id: QUIET for row in rows if alerts.hours_of(row.rule).is_muted(now)}
        for row in rows:
            hit = silenced_by(held, subject_of(row))
            if hit is not None:
                silenced[row.incident_id] = _why(hit)
            if is_acknowledged(row, now_us):
                acknowledged[row.incident_id] = f"acknowledged by {row.acked_by}"
    return Withheld(silenced, less, muted, acknowledged)


def release(database: Database, alerts: Alerts, now_us: int) -> int:
    """Have what was withheld and is so no more wait to be told; returns of how many incidents."""
    free: list[int] = []
    with database.read() as connection:
        ids: Sequence[int] = [0]
        while ids := notices.withheld_incidents(connection, ids[-1], MOST):
            still = withheld(connection, alerts, ids, now_us).later
            free += [each for each in ids if each not in still]
    if free:
        with database.write() as connection:
            notices.release(connection, free, now_us)
    return len(free)


def _why(silence: Silence) -> str:
    return f"silenced by {silence.who} ({words_of(silence.match)})"
