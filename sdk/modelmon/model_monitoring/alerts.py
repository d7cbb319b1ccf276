"""Alerts of a project: channels and how they are sent to, set and looked at; messages, and one to try it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import msgspec
from sqlalchemy import Connection

from modelmon.alerting import Alerts
from modelmon.errors import ConfigError, no_such
from modelmon.ledger import messages as ledger
from modelmon.ledger.access import Deed, note
from modelmon.ledger.alert_files import AlertFile, file_versions, newest_file, set_file
from modelmon.ledger.messages import KeptMessage
from modelmon.ledger.notify_settings import NotifySettings
from modelmon.model import from_us, wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.whoever import whoever
from modelmon.notify import TEST, Line, Message, message_id
from modelmon.notify.mail import as_text
from modelmon.settings import Settings
from modelmon.stages.notifier.digesting import add_digest, digest_message, read_week
from modelmon.views import messages as views
from modelmon.views.messages import SentMessage, shown_message
from modelmon.wire import write_moment

MOST, MOST_VERSIONS = 1000, 100
TEST_SECONDS, LOOK_SECONDS = 60.0, 0.1


@dataclass(frozen=True, slots=True)
class AlertFileVersion:
    """One version of the `alerts.yaml`; the text is "" where it was taken back."""

    version: int
    who: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Tried:
    """How a message that was sent to try a channel went: `seconds` it took, "" or the `problem`."""

    channel: str
    delivered: bool
    seconds: float
    problem: str


def set_alerts(settings: Settings, text: str, who: str = "") -> AlertFile:
    """Have this `alerts.yaml` count from now on; "" takes it back. Raises ConfigError that tells every
    mistake with its line and its mend."""
    with opened(settings) as database, database.write() as connection:
        return set_file(connection, text, who or whoever(), wall_clock_us())


def shown_file(file: AlertFile) -> AlertFileVersion:
    """A version as it is shown to people and programs."""
    return AlertFileVersion(file.version, file.who, from_us(file.set_us), file.text)


def alert_versions(settings: Settings, limit: int = MOST) -> Sequence[AlertFile]:
    """Every version, the newest first."""
    with opened(settings) as database, database.read() as connection:
        return file_versions(connection, limit)


def list_messages(settings: Settings, limit: int = 100, *, failed: bool = False) -> list[SentMessage]:
    """The newest messages; with `failed` those that were given up alone."""
    with opened(settings) as database, database.read() as connection:
        return list(views.list_messages(connection, limit, failed=failed).messages)


def retry_message(settings: Settings, message_id: str, who: str = "") -> SentMessage:
    """Have a message that was given up sent after all; the first letters of its id will do.

    Raises ConfigError where there is none such, and where its channel is gone: it would be refused again.
    """
    now_us = wall_clock_us()
    with opened(settings) as database, database.write() as connection:
        message_id = ledger.whole(connection, message_id)
        found = views.known_message(connection, message_id)
        _check_there(connection, found.channel)
        if not ledger.retry(connection, message_id, now_us):
            raise ConfigError(
                f"message: {message_id!r} is {found.state}; only one that was given up goes again"
            )
        note(connection, Deed(now_us, who or whoever(), "sent a message again", message_id, "waiting"))
        again = ledger.one_message(connection, message_id)
    assert again is not None, "it was there"
    return shown_message(again)


def try_channels(
    settings: Settings,
    channel: str = "",
    *,
    tell: Callable[[Tried], None] = lambda _: None,
    seconds: float = TEST_SECONDS,
) -> list[Tried]:
    """Send a message to a channel, or each, the way that all go, and wait for what becomes of it.

    Raises ConfigError where there is no such channel, or none at all.
    """
    with opened(settings) as database:
        with database.write() as connection:
            sent = _send_tests(connection, settings, channel)
        began, tried = time.monotonic(), []
        while sent:
            with database.read() as connection:
                found = {name: ledger.one_message(connection, each) for name, each in sent.items()}
                paused = ledger.paused(connection, wall_clock_us())
            passed = time.monotonic() - began
            for name, message in found.items():
                alone = _alone(paused.get(name)) if message is not None and not message.tries else ""
                is_done = message is None or message.state != ledger.WAITING or message.problem
                if is_done or alone or passed > seconds:
                    tried.append(_tried(name, message, passed, alone))
                    tell(tried[-1])
                    del sent[name]
            if sent:
                time.sleep(LOOK_SECONDS)  # the notifier is a process of its own: its rows tell of it
    return tried


def weekly_digest(settings: Settings, *, send: bool, who: str = "") -> str:
    """The digest of the last seven days as text; with `send` it goes to whom it would go, too.

    Raises ConfigError where it is to be sent and alerts.yaml names no channel for it."""
    now_us, page_url = wall_clock_us(), settings.of(NotifySettings).page_url
    with opened(settings) as database:
        with database.read() as connection:
            alerts = newest_file(connection).alerts
            week = read_week(connection, settings, now_us)
        if send:
            if not alerts.digest.channels:
                raise ConfigError("digest: it goes nowhere; write digest: {channels: [team]} in alerts.yaml")
            with database.write() as connection:
                add_digest(connection, settings, alerts, page_url, now_us, uuid4().hex, now_us)
                named = ", ".join(alerts.digest.channels)
                note(connection, Deed(now_us, who or whoever(), "sent the digest", named, ""))
    return as_text(digest_message(settings, week, page_url, "", "", now_us))


def _check_there(connection: Connection, channel: str) -> None:
    known = newest_file(connection).alerts.channels
    if channel not in known:
        what = f"channel: alerts.yaml has no {channel!r} any more, so it would be refused again"
        raise no_such(what, channel, known)


def _send_tests(connection: Connection, settings: Settings, channel: str) -> dict[str, str]:
    """Channel to the id of the message to it."""
    alerts = newest_file(connection).alerts
    if not alerts.channels:
        raise ConfigError(
            "alerts: there is no channel; write one into alerts.yaml, then `modelmon alerts set` it"
        )
    if channel and channel not in alerts.channels:
        raise no_such(f"alerts: there is no channel {channel!r}", channel, alerts.channels)
    now_us, event = wall_clock_us(), uuid4().hex
    sent = {}
    for name in [channel] if channel else list(alerts.channels):
        sent[name] = message_id(name, TEST, [event])
        body = msgspec.json.encode(_test_message(settings, sent[name], alerts, now_us)).decode()
        ledger.add_message(
            connection, KeptMessage(sent[name], 0, name, f"test {event}", body, now_us, next_us=now_us)
        )
    return sent


def _test_message(settings: Settings, identity: str, alerts: Alerts, now_us: int) -> Message:
    found = "If you can read this, alerts of this project get here."
    line = Line(TEST, "low", f"project {settings.project}", "modelmon alerts test", found, kind="test")
    return Message(identity, settings.project, "A test of this channel", "low", (line,), write_moment(now_us))


def _alone(until_us: int | None) -> str:
    """That the channel has said when to come again."""
    return (
        ""
        if until_us is None
        else f"it wants to be left alone until {from_us(until_us):%Y-%m-%d %H:%M:%S} UTC"
    )


def _tried(name: str, message: KeptMessage | None, passed: float, alone: str) -> Tried:
    if message is None:
        return Tried(name, False, passed, "it was forgotten before it was sent")
    if message.state == ledger.SENT and message.done_us is not None:
        return Tried(name, True, (message.done_us - message.created_us) / 1e6, message.problem)
    nobody = f"nobody has sent it within {passed:.0f} s: does the notifier run? See `modelmon health`"
    return Tried(name, False, passed, message.problem or alone or nobody)
