"""Due windows are published to the streams of their apps, then recorded as sent, in that order: a crash
in between repeats a message and never loses one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from modelmon import wire
from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger import due_windows as ledger
from modelmon.ledger.due_windows import DueWindow, Sending
from modelmon.model import Window, from_us
from modelmon.sql.database import Database
from modelmon.stages.controller.decide import Decision, LookAgain, Rules, Send, Wait, Want, decide
from modelmon.stages.controller.streams import ProjectStreams
from modelmon.windows import Clocks

logger = logging.getLogger(__name__)

PAGE = 1_000  # windows that are published before they are recorded


@dataclass(slots=True)
class Sent:
    """What was sent: of so many windows looked at new revisions, revisions sent again, and per app that could
    not be reached the reason."""

    looked_at: int = 0
    new: int = 0
    again: int = 0
    unavailable: dict[str, str] = field(default_factory=dict)


def send_due(database: Database, streams: ProjectStreams, rules: Rules) -> Sent:
    """Send every window that is due now; an app whose stream is down is left to the next tick."""
    sent = Sent()
    for page in _due_pages(database, rules.clocks):
        decisions = [decide(window, rules) for window in page]
        sent.looked_at += len(page)
        published = _publish(streams, [each for each in decisions if isinstance(each, Send)], sent)
        _record(database, rules, published, decisions)
    return sent


def _due_pages(database: Database, clocks: Clocks) -> Iterator[Sequence[DueWindow]]:
    for read, until_us in (
        (ledger.due, clocks.now_us),
        (ledger.due_by_watermark, clocks.watermark_us),
    ):
        last: DueWindow | None = None
        while True:
            with database.read() as connection:
                page = read(connection, until_us, PAGE, last)
            if page:
                yield page
            if len(page) < PAGE:
                break
            last = page[-1]


def _publish(streams: ProjectStreams, sends: Sequence[Send], sent: Sent) -> list[Send]:
    """Publish per app; returns what is certain to be on the streams."""
    published = []
    for name, mine in _by_app(sends).items():
        if name in sent.unavailable or not _publish_to(streams, name, mine, sent):
            continue
        published += mine
        sent.again += sum(each.again for each in mine)
        sent.new += sum(not each.again for each in mine)
    return published


def _publish_to(streams: ProjectStreams, name: str, sends: Sequence[Send], sent: Sent) -> bool:
    records = [(each.window.key.endpoint_id, _app_event(each)) for each in sends]
    try:
        stream = streams.app(name)
    except (ConfigError, UnavailableError) as error:
        return _unreachable(name, error, sent)
    try:
        stream.publish(records)
    except (ConfigError, UnavailableError) as error:
        streams.forget(stream)
        return _unreachable(name, error, sent)
    return True


def _unreachable(name: str, error: Exception, sent: Sent) -> bool:
    logger.warning("app %s is sent nothing in this tick: %s", name, error)
    sent.unavailable[name] = str(error)
    return False


def _by_app(sends: Sequence[Send]) -> Mapping[str, list[Send]]:
    groups: dict[str, list[Send]] = {}
    for each in sends:
        groups.setdefault(each.window.key.application_name, []).append(each)
    return groups


def _app_event(send: Send) -> bytes:
    window = send.window
    assert window.endpoint_name is not None
    return wire.write_app_event(
        wire.AppEvent(
            endpoint_id=window.key.endpoint_id,
            endpoint_name=window.endpoint_name,
            application_name=window.key.application_name,
            window=Window(from_us(window.span.start_us), from_us(window.span.end_us)),
            endpoint_updated=wire.write_moment(window.updated_us),
            project=window.project,
            window_revision=send.revision,
            window_incomplete=send.incomplete,
        )
    )


def _record(
    database: Database, rules: Rules, published: Sequence[Send], decisions: Sequence[Decision]
) -> None:
    again = [(each.window, each.at_us) for each in decisions if isinstance(each, LookAgain)]
    settled = [each.window for each in decisions if isinstance(each, Want)]
    waits = [(each.window, each.watermark_us) for each in decisions if isinstance(each, Wait)]
    if not published and not again and not settled and not waits:
        return
    now_us = rules.clocks.now_us
    sendings = [
        Sending(each.window.key, each.revision, each.incomplete, now_us + each.wait_us) for each in published
    ]
    with database.write() as connection:
        ledger.record_sent(connection, sendings, now_us, rules.min_rows)
        ledger.look_again(connection, again, rules.min_rows)
        ledger.want_settled(connection, settled, now_us)
        ledger.leave_alone(connection, waits)
