"""What is still open is told again, and what nobody is at is told to others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from modelmon.alerting import Alerts
from modelmon.incidents import IncidentState, Transition
from modelmon.ledger import notices, outbox
from modelmon.ledger.delivery_schema import notices as noticed
from modelmon.ledger.facts import incident_fact
from modelmon.ledger.historical import is_of_now
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.incidents import Told
from modelmon.ledger.notices import Notice
from modelmon.ledger.rules_in_force import BUILT_IN
from modelmon.ledger.schema import endpoints
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.notifier.gathering import READER, group_key
from modelmon.stages.notifier.lines import line_of

STILL_OPEN, NOBODY_AT_IT = "still open", "nobody is at it"
MOST = 1_000
_OPEN = [IncidentState.RAISED.value, IncidentState.ESCALATED.value, IncidentState.EASED.value]
_NAMED = select(incidents, endpoints.c.name.label("endpoint_name")).outerjoin(
    endpoints, endpoints.c.endpoint_id == incidents.c.endpoint_id
)


def remind(database: Database, settings: Settings, alerts: Alerts, page_url: str, now_us: int) -> int:
    """Note what has to be told again, or to others; returns how many pieces of news. A channel that is new is
    told of everything that is open."""
    with database.write() as connection:
        news = [
            *_still_open(connection, settings, alerts, page_url, now_us),
            *_nobody_at_it(connection, settings, alerts, page_url, now_us),
        ]
        notices.add(connection, news)
    return len(news)


def _still_open(
    connection: Connection, settings: Settings, alerts: Alerts, page_url: str, now_us: int
) -> Iterator[Notice]:
    number = outbox.last_number(connection)
    if not outbox.is_read(connection, READER):
        return  # what was raised meanwhile is news still, and is told as such
    for channel in alerts.channels:
        of_length: dict[int, list[str]] = {}
        for name in rule_names(alerts):
            if channel in alerts.told_of(name) and (length := alerts.repeat_us(name)):
                of_length.setdefault(length, []).append(name)
        for length, names in of_length.items():
            last = (
                select(noticed.c.incident_id, func.max(noticed.c.at_us).label("at_us"))
                .where(noticed.c.channel == channel, noticed.c.incident_id > 0)
                .group_by(noticed.c.incident_id)
                .subquery()
            )
            query = (
                _NAMED.add_columns(last.c.at_us)
                .outerjoin(last, last.c.incident_id == incidents.c.incident_id)
                .where(
                    *_unattended(settings, names, now_us),
                    or_(last.c.at_us.is_(None), last.c.at_us <= now_us - length),
                )
                .order_by(incidents.c.incident_id)
                .limit(MOST)
            )
            for row in connection.execute(query):
                event = f"open:{row.incident_id}:{row.at_us or 0}"
                yield _notice(settings, alerts, page_url, channel, event, row, STILL_OPEN, now_us, number)


def _nobody_at_it(
    connection: Connection, settings: Settings, alerts: Alerts, page_url: str, now_us: int
) -> Iterator[Notice]:
    number = outbox.last_number(connection)
    for rule in alerts.rules:
        if not rule.escalate_us:
            continue
        for channel in rule.escalate_to:
            was_told = select(noticed.c.number).where(
                noticed.c.channel == channel, noticed.c.incident_id == incidents.c.incident_id,
                noticed.c.what == NOBODY_AT_IT, noticed.c.at_us >= incidents.c.raised_us,
            )  # fmt: skip
            query = (
                _NAMED.where(
                    *_unattended(settings, [rule.name], now_us),
                    incidents.c.raised_us <= now_us - rule.escalate_us, ~was_told.exists(),
                )
                .order_by(incidents.c.incident_id)
                .limit(MOST)
            )  # fmt: skip
            for row in connection.execute(query):
                event = f"escalated:{row.incident_id}:{row.raised_us}"
                yield _notice(settings, alerts, page_url, channel, event, row, NOBODY_AT_IT, now_us, number)


def rule_names(alerts: Alerts) -> Sequence[str]:
    """Of all rules, the built-in ones included."""
    return list(dict.fromkeys([*(each.name for each in alerts.rules), *(each.name for each in BUILT_IN)]))


def _unattended(settings: Settings, names: Sequence[str], now_us: int) -> tuple[ColumnElement[bool], ...]:
    nobody = or_(incidents.c.acked_us.is_(None), incidents.c.acked_until_us <= now_us)
    return incidents.c.rule.in_(names), incidents.c.state.in_(_OPEN), nobody, is_of_now(settings)


def _notice(
    settings: Settings, alerts: Alerts, page_url: str, channel: str, event: str, row: Row[Any], what: str,
    now_us: int, number: int,
) -> Notice:  # fmt: skip
    told = Told(
        Transition(None, IncidentState(row.state), row.status, row.last_us), row, row.endpoint_name or ""
    )
    body = incident_fact(settings, told).body
    line = line_of(body, what, settings.project, page_url, None, alerts.rule(row.rule))
    return Notice(
        channel, event, number, group_key(line, alerts.sending.group_by), row.incident_id,
        row.endpoint_id, what, msgspec.json.encode(line).decode(), now_us, now_us,
    )  # fmt: skip
