"""News of one group becomes one message: each incident once, the worst first, the rest counted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Connection

from modelmon.alerting import Alerts
from modelmon.counting import count
from modelmon.incidents import FLAPPING
from modelmon.ledger import messages, notices
from modelmon.ledger.messages import KeptMessage
from modelmon.ledger.notices import DROPPED, TOLD, WITHHELD, Notice
from modelmon.notify import TEST, Line, Message, message_id
from modelmon.notify.message import MOST_LINES
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.notifier import job_news, taken_back
from modelmon.stages.notifier.lines import GOES_ON, RESOLVED, trouble
from modelmon.stages.notifier.withholding import withheld
from modelmon.wire import write_moment

OVER = "it was over before anybody was told of it"
KNOWN = "that it is over was told already"
WENT_ON = "it goes on, and that it was over was told to nobody"
_COUNTED = (
    "raised", "worse", FLAPPING, GOES_ON, "still open", "nobody is at it", *job_news.WHAT, RESOLVED,
)  # fmt: skip
_WORST_FIRST = {"high": 0, "medium": 1, "low": 2}


@dataclass(frozen=True, slots=True)
class _Told:
    """An incident in a message: its newest line, and all the news that it stands for."""

    line: Line
    news: tuple[Notice, ...]


def compose(database: Database, settings: Settings, alerts: Alerts, page_url: str, now_us: int) -> int:
    """Make the messages that are due; returns how many."""
    with database.read() as connection:
        groups = notices.due_groups(connection, now_us, alerts.sending.group_interval_us)
    made = 0
    for channel, group in groups:
        with database.write() as connection:
            made += _compose(connection, settings, alerts, page_url, channel, group, now_us)
    return made


def _compose(
    connection: Connection,
    settings: Settings,
    alerts: Alerts,
    page_url: str,
    channel: str,
    group: str,
    now_us: int,
) -> int:
    news = notices.waiting_of(connection, channel, group)
    told_last = notices.last_told(connection, channel, (each.incident_id for each in news))
    timely = job_news.in_time(connection, alerts, news, now_us)
    is_news, none = taken_back.sorted_out(timely, told_last)
    notices.settle(connection, none, DROPPED, why=WENT_ON)
    kept = _not_withheld(connection, alerts, is_news, told_last, now_us)
    told, dropped = _sorted_out(kept, told_last)
    for each in dropped:
        notices.settle(connection, [each], DROPPED, why=KNOWN if each.incident_id in told_last else OVER)
    if not told:
        return 0
    events = [each.event for one in told for each in one.news]
    identity = message_id(channel, group, events)
    lines = [one.line for one in told]
    page = "incidents" if any(line.incident_id for line in lines) else "challengers"
    link = f"{page_url.rstrip('/')}/projects/{settings.project}/{page}" if page_url and len(lines) > 1 else ""
    message = Message(
        identity, settings.project, title(lines), _severity(lines), tuple(lines[:MOST_LINES]),
        write_moment(now_us), max(0, len(lines) - MOST_LINES), link, _thread(channel, group),
    )  # fmt: skip
    number = max(each.number for one in told for each in one.news)
    body = msgspec.json.encode(message).decode()
    messages.add_message(
        connection, KeptMessage(identity, number, channel, group, body, now_us, next_us=now_us)
    )
    notices.settle(connection, (each for one in told for each in one.news), TOLD, identity)
    return 1


def _not_withheld(
    connection: Connection,
    alerts: Alerts,
    news: Sequence[Notice],
    told_last: Mapping[int, str],
    now_us: int,
) -> list[Notice]:
    """The news that may be told now; what is silenced, inhibited or muted waits for the end of that."""
    held = withheld(connection, alerts, (each.incident_id for each in news), now_us)
    later, kept = held.later, []
    for each in news:
        if (why := later.get(each.incident_id)) is not None:
            notices.settle(connection, [each], WITHHELD, why=why)
        elif each.what == RESOLVED or (each.what == GOES_ON and told_last.get(each.incident_id) == RESOLVED):
            kept.append(each)
        elif (why := held.acknowledged.get(each.incident_id)) is not None:
            notices.settle(connection, [each], DROPPED, why=why)
        else:
            kept.append(each)
    return kept


def title(lines: Sequence[Line]) -> str:
    """What a message is about, in a few words.

    >>> line = Line("raised", "high", "delay", "drift", "", kind="data-drift-detected")
    >>> title([line]), title([line, replace(line, endpoint="b", what="resolved")])
    ('delay: data drift detected', 'data drift: 1 raised, 1 resolved')
    """
    if len(lines) == 1:
        (line,) = lines
        what = line.kind.removeprefix("mm-").replace("-", " ")
        if line.what == RESOLVED:
            return f"{line.endpoint}: {trouble(line.kind)} resolved"
        if not line.application and line.found:  # what a rule by the clock has found is said in few words
            what = line.found.splitlines()[0]
        is_said = line.what in ("raised", *job_news.WHAT)
        return f"{line.endpoint}: {what}" + ("" if is_said else f", {line.what}")
    kinds = dict.fromkeys(trouble(line.kind) for line in lines)
    counts = {what: sum(line.what == what for line in lines) for what in _COUNTED}
    said = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)
    endpoints = {line.endpoint for line in lines}
    are_endpoints = all(line.endpoint_id for line in lines)
    if len([number for number in counts.values() if number]) == 1 and len(endpoints) > 1 and are_endpoints:
        said = f"{count(len(endpoints), 'endpoint')}, {said}"
    return f"{' and '.join(list(kinds)[:2])}: {said}"


def _sorted_out(news: Sequence[Notice], told_last: Mapping[int, str]) -> tuple[list[_Told], list[Notice]]:
    """What is told, worst first, and what is not: what came and went before anybody was told of it, or since
    it was told that it is over."""
    of_incident: dict[object, list[Notice]] = {}
    for each in news:
        of_incident.setdefault(each.incident_id or each.event, []).append(each)
    told, dropped = [], []
    for some in of_incident.values():
        lines = [msgspec.json.decode(each.line, type=Line) for each in some]
        last = told_last.get(some[0].incident_id, "")
        if lines[-1].what == RESOLVED and last in ("", RESOLVED):
            dropped += some
            continue
        told.append(_Told(replace(lines[-1], what=_what(lines, last)), tuple(some)))
    told.sort(key=lambda one: (one.line.what == RESOLVED, _WORST_FIRST.get(one.line.severity, 3)))
    return told, dropped


def _what(lines: Sequence[Line], last: str) -> str:
    """What the newest line is to a channel that was told this last: of what it takes to be over, or never
    heard of, nothing gets worse."""
    newest = lines[-1].what
    if last == RESOLVED and any(line.what == GOES_ON for line in lines):
        return GOES_ON
    return "raised" if last in ("", RESOLVED) and newest in ("worse", GOES_ON) else newest


def _severity(lines: Sequence[Line]) -> str:
    open_ones = [line.severity for line in lines if line.what != RESOLVED]
    return min(open_ones, key=lambda each: _WORST_FIRST.get(each, 3), default="resolved")


def _thread(channel: str, group: str) -> str:
    return hashlib.sha256(f"{channel}\x1f{group}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def fallback_of(alerts: Alerts, message: KeptMessage, problem: str, now_us: int) -> KeptMessage | None:
    """The same message for whoever is told where a channel takes none; None where that is nobody else, and of
    one that was to try that channel."""
    to = alerts.sending.fallback
    said = msgspec.json.decode(message.body, type=Message)
    is_test = any(line.what == TEST for line in said.lines)
    if is_test or not to or to == message.channel or to not in alerts.channels:
        return None
    identity = message_id(to, "fallback", [message.message_id])
    heading = f"{said.title} (channel {message.channel} did not take this: {problem})"
    body = msgspec.json.encode(replace(said, message_id=identity, title=heading)).decode()
    return KeptMessage(
        identity, message.number, to, f"fallback {message.channel}", body, now_us, next_us=now_us
    )
