"""Silences as they are shown, what one would hit, and incidents with what people did about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from modelmon.alerting.rules import Match
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.incident_subjects import subject_of, with_subjects
from modelmon.ledger.silences import Silence, newest_silences, silenced_by, silences_at, words_of
from modelmon.model import from_us
from modelmon.settings import Settings
from modelmon.sql.statements import chunks
from modelmon.views.incidents import Incident, as_shown

MOST_READ, MOST_SHOWN = 10_000, 20


@dataclass(frozen=True, slots=True)
class ShownSilence:
    """`hits` in words what it hits, of `match`; `holds` whether it does so now; `ended` when somebody ended
    it before its time."""

    silence_id: int
    hits: str
    match: Match
    who: str
    note: str
    made: datetime
    until: datetime
    ended: datetime | None
    holds: bool


@dataclass(frozen=True, slots=True)
class SilencePreview:
    """What a silence hits, or would hit: how many incidents that are open now, of which the newest are
    shown. `complete`: all that are open were looked at."""

    hits: str
    match: Match
    open_incidents: int
    incidents: tuple[Incident, ...]
    complete: bool


def shown_silence(silence: Silence, now_us: int) -> ShownSilence:
    """As it is at that moment."""
    ended = None if silence.ended_us is None else from_us(silence.ended_us)
    return ShownSilence(
        silence.silence_id, words_of(silence.match), silence.match, silence.who, silence.note,
        from_us(silence.made_us), from_us(silence.until_us), ended, silence.holds(now_us),
    )  # fmt: skip


def list_silences(connection: Connection, now_us: int, limit: int) -> list[ShownSilence]:
    """Those that hold and those that are over, the newest first."""
    return [shown_silence(each, now_us) for each in newest_silences(connection, limit)]


def preview_silence(connection: Connection, settings: Settings, match: Match) -> SilencePreview:
    """What of that which is open now a silence like this would hit."""
    newest = incidents.c.incident_id.desc()
    query = with_subjects().where(incidents.c.resolved_us.is_(None)).order_by(newest).limit(MOST_READ)
    rows = connection.execute(query).all()
    hit = [row for row in rows if match.fits(subject_of(row))]
    shown = tuple(as_shown(settings, row) for row in hit[:MOST_SHOWN])
    return SilencePreview(words_of(match), match, len(hit), shown, len(rows) < MOST_READ)


def as_handled(connection: Connection, found: Iterable[Incident], now_us: int) -> tuple[Incident, ...]:
    """These incidents with what holds at that moment: who has silenced them, and who is at them."""
    found = tuple(found)
    held = silences_at(connection, now_us)
    hit = _silenced(connection, held, [each for each in found if each.resolved is None]) if held else {}
    return tuple(_as_handled(each, hit.get(each.incident_id, ""), now_us) for each in found)


def one_handled(connection: Connection, incident: Incident, now_us: int) -> Incident:
    """As `as_handled`, of one."""
    return as_handled(connection, [incident], now_us)[0]


def _as_handled(incident: Incident, silenced: str, now_us: int) -> Incident:
    acknowledged = incident.acknowledged
    until = None if acknowledged is None else acknowledged.until
    is_past = until is not None and until <= from_us(now_us)
    return replace(incident, silenced=silenced, acknowledged=None if is_past else acknowledged)


def _silenced(connection: Connection, held: Sequence[Silence], found: Iterable[Incident]) -> dict[int, str]:
    said: dict[int, str] = {}
    for some in chunks([each.incident_id for each in found]):
        for row in connection.execute(with_subjects().where(incidents.c.incident_id.in_(some))):
            silence = silenced_by(held, subject_of(row))
            if silence is not None:
                until = f"{from_us(silence.until_us):%Y-%m-%d %H:%M}"
                said[row.incident_id] = f"by {silence.who} until {until} UTC ({words_of(silence.match)})"
    return said
