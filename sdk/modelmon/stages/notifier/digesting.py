"""The weekly digest: what is worst, what changed, what was false, in one message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from modelmon.alerting import Alerts
from modelmon.counting import count
from modelmon.incidents import IncidentState
from modelmon.ledger import messages
from modelmon.ledger.deployments import deployments
from modelmon.ledger.historical import is_of_now
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.messages import KeptMessage
from modelmon.ledger.registry import get_value, set_value
from modelmon.ledger.schema import endpoints
from modelmon.model import DAY_US, from_us
from modelmon.notify import Line, Message, message_id
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.notifier.lines import incident_link, span_of
from modelmon.views.deployments import Deployment
from modelmon.views.incidents import Incident, as_shown, is_worst, joined
from modelmon.wire import write_moment

WEEK_US = 7 * DAY_US
GROUP = "digest"
MOST_WORST, MOST_FALSE, MOST_CHANGES, MOST_READ = 5, 3, 5, 1_000
_SEVERITIES = {"high": 0, "medium": 1, "low": 2}

_RANK = case(
    (incidents.c.severity == "high", 0), (incidents.c.severity == "medium", 1),
    (incidents.c.severity == "low", 2), (is_worst(2), 0), else_=1,
)  # fmt: skip
"""The worst first, by the rule's word or else by what was found."""


@dataclass(frozen=True, slots=True)
class Week:
    """What there is to say of the seven days before a moment."""

    endpoints: int = 0
    open: int = 0
    raised: int = 0
    before: int = 0
    ended: int = 0
    false: int = 0
    worst: tuple[Incident, ...] = ()
    false_ones: tuple[Incident, ...] = ()
    changes: tuple[str, ...] = field(default=())


def tell_digest(database: Database, settings: Settings, alerts: Alerts, page_url: str, now_us: int) -> int:
    """Make the digest if it is due and nobody has; returns to how many channels. One that was due while
    nobody looked for a day is left out, and so is the one before somebody asked for any."""
    if not alerts.digest.channels:
        return 0
    due_us = alerts.digest.last_due_us(now_us)
    with database.read() as connection:
        last_us = get_value(connection, GROUP)
    was_ahead = last_us is not None and last_us > now_us  # the clock: the next week is told of all the same
    if last_us is not None and due_us <= last_us and not was_ahead:
        return 0
    with database.write() as connection:
        set_value(connection, GROUP, due_us)
        if last_us is None or was_ahead or now_us - due_us > DAY_US:
            return 0
        return add_digest(connection, settings, alerts, page_url, due_us, str(due_us), now_us)


def add_digest(
    connection: Connection, settings: Settings, alerts: Alerts, page_url: str, until_us: int, event: str,
    now_us: int,
) -> int:  # fmt: skip
    """Have the digest sent to whom it goes; returns to how many."""
    week = read_week(connection, settings, until_us)
    for channel in alerts.digest.channels:
        said = digest_message(settings, week, page_url, channel, event, until_us)
        body = msgspec.json.encode(said).decode()
        kept = KeptMessage(said.message_id, 0, channel, GROUP, body, now_us, next_us=now_us)
        messages.add_message(connection, kept)
    return len(alerts.digest.channels)


def digest_message(
    settings: Settings, week: Week, page_url: str, channel: str, event: str, until_us: int
) -> Message:
    """What the channel gets."""
    said = [f"{week.open:,} open", f"{week.raised:,} new", f"{week.ended:,} over"]
    title = f"Week until {from_us(until_us):%Y-%m-%d}: {', '.join(said)}"
    severity = min((each.severity for each in week.worst), key=_worst_first, default="low")
    more = max(0, week.open - len(week.worst))
    link = f"{page_url.rstrip('/')}/projects/{settings.project}/incidents" if page_url else ""
    lines = tuple(_lines(settings, week, page_url))
    identity = message_id(channel, GROUP, [event])
    return Message(
        identity, settings.project, title, severity, lines, write_moment(until_us), more, link, GROUP
    )  # fmt: skip


def read_week(connection: Connection, settings: Settings, until_us: int) -> Week:
    """Of the seven days before."""
    since_us = until_us - WEEK_US
    is_raised = and_(incidents.c.state != IncidentState.PENDING.value, is_of_now(settings))
    is_open = incidents.c.resolved_us.is_(None)
    found = _shown(connection, settings, is_raised, is_open)
    marked = _shown(connection, settings, incidents.c.marked_us.between(since_us, until_us - 1))
    return Week(
        connection.scalar(select(func.count()).select_from(endpoints)) or 0,
        _count(connection, is_raised, is_open),
        _count(connection, is_raised, incidents.c.raised_us.between(since_us, until_us - 1)),
        _count(connection, is_raised, incidents.c.raised_us.between(since_us - WEEK_US, since_us - 1)),
        _count(connection, is_raised, incidents.c.resolved_us.between(since_us, until_us - 1)),
        _count(connection, incidents.c.marked_us.between(since_us, until_us - 1)),
        tuple(sorted(found, key=lambda each: (_worst_first(each.severity), each.first))[:MOST_WORST]),
        tuple(marked[:MOST_FALSE]),
        tuple(_changes(connection, since_us, until_us)),
    )


def _lines(settings: Settings, week: Week, page_url: str) -> Iterator[Line]:
    raised = f"{count(week.raised, 'incident')} raised, {week.before:,} the week before"
    found = f"{count(week.endpoints, 'endpoint')}; {raised}; {week.ended:,} over"
    yield Line("in numbers", "", "The week", "", f"{found}; {count(week.false, 'false alarm')}")
    if not week.worst:
        yield Line("is open", "", "Nothing", "", "No incident is open now.")
    for each in week.worst:
        yield _line(settings, "still open", each, page_url)
    for each in week.false_ones:
        yield _line(settings, "false alarm", each, page_url)
    if week.changes:
        yield Line("in what runs", "", "Changes", "", "\n".join(week.changes))


def _line(settings: Settings, what: str, each: Incident, page_url: str) -> Line:
    facts = [
        ("since", f"{each.since:%Y-%m-%d %H:%M}"),
        (f"bad {span_of(each.application_name)}s", f"{each.windows:,}"),
    ]
    if each.false_alarm is not None:
        facts.append(("said by", ": ".join(filter(None, (each.false_alarm.who, each.false_alarm.note)))))
    return Line(
        what, "" if what == "false alarm" else each.severity, each.endpoint_name, each.application_name,
        each.words, tuple(facts), "", incident_link(page_url, settings.project, each.incident_id),
        each.incident_id, each.kind, each.rule,
    )  # fmt: skip


def _shown(connection: Connection, settings: Settings, *which: ColumnElement[bool]) -> list[Incident]:
    query = joined().where(*which).order_by(_RANK, incidents.c.incident_id.desc()).limit(MOST_READ)
    return [as_shown(settings, row) for row in connection.execute(query)]


def _count(connection: Connection, *which: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(incidents).where(*which)) or 0


def _changes(connection: Connection, since_us: int, until_us: int) -> Iterator[str]:
    """What was deployed, the newest first, the rest counted."""
    columns = deployments.c
    same = endpoints.c.endpoint_id == columns.endpoint_id
    which = columns.at_us >= since_us, columns.at_us < until_us
    query = select(deployments, endpoints.c.name).outerjoin(endpoints, same).where(*which)
    ordered = query.order_by(columns.at_us.desc(), columns.deployment_id.desc())
    for row in connection.execute(ordered.limit(MOST_CHANGES)):
        one = Deployment(from_us(row.at_us), row.kind, row.function_name, row.before, row.after)
        yield f"{row.name}: {one.short}" if row.name else one.short
    every = connection.scalar(select(func.count()).select_from(deployments).where(*which)) or 0
    if every > MOST_CHANGES:
        yield f"{every - MOST_CHANGES:,} more"


def _worst_first(severity: Any) -> int:
    return _SEVERITIES.get(severity, 3)
