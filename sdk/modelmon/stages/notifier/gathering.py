"""Facts of the outbox become news for channels, each once, in one transaction with how far we have read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from modelmon.alerting import Alerts
from modelmon.ledger import notices, outbox
from modelmon.ledger.delivery_schema import GROUP
from modelmon.ledger.historical import historical
from modelmon.ledger.incident_schema import incident_windows
from modelmon.ledger.notices import Notice
from modelmon.ledger.outbox import Entry
from modelmon.model import DAY_US, to_us
from modelmon.notify import Line
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.notifier import job_news
from modelmon.stages.notifier.acting import request
from modelmon.stages.notifier.endings import why_over
from modelmon.stages.notifier.lines import GOES_ON, RESOLVED, WHAT, incident_link, line_of, trouble, what_of

READER = "notifier"
MOST = 500
TOO_OLD_US = DAY_US
"""Facts that nobody read for so long are no news any more: what is still open is told as such."""


def gather(database: Database, settings: Settings, alerts: Alerts, page_url: str, now_us: int) -> int:
    """Note the next facts for all who are told of them; returns how many facts were read."""
    with database.write() as connection:
        outbox.join(connection, READER)
        entries = outbox.read(connection, READER, MOST)
        if entries:
            told = _of_now(connection, settings, entries)
            for entry in told:
                if entry.fact.kind in WHAT and entry.at_us >= now_us - TOO_OLD_US:
                    link = incident_link(page_url, settings.project, entry.fact.body["incident_id"])
                    request(connection, entry, alerts, settings.project, link, now_us)
            news = list(_news(connection, told, settings, alerts, page_url, now_us))
            notices.add(connection, news)
            outbox.settle(connection, READER, entries[-1].number)
    return len(entries)


def _of_now(connection: Connection, settings: Settings, entries: Sequence[Entry]) -> list[Entry]:
    """Without what is of the past; that it is over is told to whoever was told of it before it was."""
    of_incident = (*WHAT, *job_news.FACTS)
    numbers = {
        each.number: each.fact.body["incident_id"] for each in entries if each.fact.kind in of_incident
    }
    past = historical(connection, settings, numbers.values())
    return [
        each
        for each in entries
        if each.fact.kind == outbox.INCIDENT_RESOLVED or numbers.get(each.number) not in past
    ]


def group_key(line: Line, by: Iterable[str]) -> str:
    """What news has in common that one message may tell.

    >>> line = Line("raised", "high", "a", "drift", "", kind="data-drift-detected")
    >>> group_key(line, ["kind", "application"])
    'data drift, drift'
    """
    parts = {
        "kind": trouble(line.kind), "application": line.application, "endpoint": line.endpoint,
        "rule": line.rule,
    }  # fmt: skip
    key = ", ".join(parts.get(each, "") for each in by)
    if len(key) <= GROUP:
        return key
    return f"{key[:180]}…{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _news(
    connection: Connection,
    entries: Iterable[Entry],
    settings: Settings,
    alerts: Alerts,
    page_url: str,
    now_us: int,
) -> Iterator[Notice]:
    for entry in entries:
        if entry.fact.kind in job_news.FACTS:
            yield from _of_job(connection, entry, settings, alerts, page_url, now_us)
            continue
        what = what_of(entry.fact)
        is_told = what in (RESOLVED, GOES_ON) or (what and entry.at_us >= now_us - TOO_OLD_US)
        channels = _told(connection, alerts, entry.fact.body, what) if is_told else ()
        if not channels:
            continue
        rule = alerts.rule(entry.fact.body["rule"])
        over = why_over(connection, entry.fact.body) if what == RESOLVED else ""
        line = line_of(
            entry.fact.body, what, settings.project, page_url, _rows(connection, entry), rule, over
        )
        for channel in channels:
            if what == RESOLVED and not alerts.sending.resolved:
                continue
            yield Notice(
                channel, _event(entry), entry.number, group_key(line, alerts.sending.group_by),
                line.incident_id, entry.fact.subject, line.what, msgspec.json.encode(line).decode(),
                entry.at_us, now_us + alerts.sending.group_wait_us,
            )  # fmt: skip


def _of_job(
    connection: Connection, entry: Entry, settings: Settings, alerts: Alerts, page_url: str, now_us: int
) -> Iterator[Notice]:
    """What still waits is told however old it is; that a run failed is no news after a day."""
    if entry.fact.kind == outbox.JOB_RUN_FAILED and entry.at_us < now_us - TOO_OLD_US:
        return
    line = job_news.line_of_job(connection, settings, entry, page_url)
    if line is None:
        return
    for channel in alerts.told_of(entry.fact.body["rule"]):
        yield Notice(
            channel, job_news.event_of(entry), entry.number, group_key(line, alerts.sending.group_by), 0,
            entry.fact.subject, line.what, msgspec.json.encode(line).decode(), entry.at_us,
            now_us + alerts.sending.group_wait_us,
        )  # fmt: skip


def _event(entry: Entry) -> str:
    """By what it is one piece of news: that an incident flaps is told once, though late data had it stop."""
    if entry.fact.kind == outbox.INCIDENT_FLAPPING:
        return f"flapping:{entry.fact.body['incident_id']}"
    return f"fact:{entry.number}"


def _told(connection: Connection, alerts: Alerts, body: Mapping[str, Any], what: str) -> Sequence[str]:
    """That it is over, or goes on after all, is for all who heard of it, too: others may hear of the rule by
    now."""
    channels = alerts.told_of(body["rule"])
    if what not in (RESOLVED, GOES_ON):
        return channels
    heard = notices.channels_that_heard(connection, body["incident_id"])
    return list(dict.fromkeys([*channels, *(each for each in heard if each in alerts.channels)]))


def _rows(connection: Connection, entry: Entry) -> int | None:
    """How many rows the window had that the fact is about."""
    body = entry.fact.body
    if not body["start_infer_time"]:
        return None
    key = ("rule", "endpoint_id", "application_name", "result_name")
    same = [incident_windows.c[name] == body[name] for name in key]
    start_us = to_us(datetime.fromisoformat(body["start_infer_time"]))
    return connection.scalar(
        select(incident_windows.c.rows).where(*same, incident_windows.c.start_us == start_us)
    )
