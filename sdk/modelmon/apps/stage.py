"""Runs an app on the windows of its stream: one message in, one report out, then the acknowledgement."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from modelmon import wire
from modelmon.apps import report
from modelmon.apps.base import ModelMonitoringApplicationBase, judge
from modelmon.apps.budget_sharers import sharers_of
from modelmon.apps.context import MonitoringApplicationContext
from modelmon.apps.performance_references import PerformanceReferences
from modelmon.apps.served_rows import served
from modelmon.apps.window_traffic import TrafficReader
from modelmon.errors import RejectedError, UnavailableError
from modelmon.ledger import endpoints, window_ledger
from modelmon.ledger.contracts import KeptContract, contract_for
from modelmon.ledger.dead_letters import Limits, keep, letter_of
from modelmon.ledger.held_choices import HeldChoices
from modelmon.ledger.held_profiles import HeldProfiles
from modelmon.ledger.records import open_records
from modelmon.ledger.requirements import (
    ACTUALS,
    checked_requirements,
    note_requirements,
    requirements_of,
)
from modelmon.model import Endpoint, Message, to_us, wall_clock_us
from modelmon.settings import Settings
from modelmon.stores.actuals import open_actuals
from modelmon.stores.samples import open_samples
from modelmon.stores.samples_reading import read_sample
from modelmon.stores.series import open_series
from modelmon.streams import open_stream
from modelmon.streams.base import Acknowledge
from modelmon.streams.subscriptions import Subscription, windows_of
from modelmon.waiting import when_available

if TYPE_CHECKING:
    from modelmon.stats.frames import Frame

logger = logging.getLogger(__name__)

T = TypeVar("T")


class AppStage:
    """Judges the windows that come on an app's stream, one at a time.

    Each (window, revision) is answered by one message on the writer's stream, and only then acknowledged.
    What the app raises is a failed attempt. The window's own rows are waited for while their store is down;
    any other UnavailableError of the app postpones the window, so that the others go on. A window that has
    ended its process `app_attempts` times is answered as failed without running. `name` is the app's, by
    default that of the function it runs in. Opening raises ConfigError and UnavailableError.
    """

    def __init__(
        self,
        app: ModelMonitoringApplicationBase,
        settings: Settings,
        acknowledge: Acknowledge,
        name: str | None = None,
    ) -> None:
        self._app = app
        self._name = name or os.environ.get("NUCLIO_FUNCTION_NAME") or type(app).__name__
        self._settings = settings
        self._acknowledge = acknowledge
        self._requires = checked_requirements(app.requires, self._name)
        self._database = open_records(settings)
        self._note_requirements()
        self._actuals = open_actuals(settings) if ACTUALS in self._requires else None
        self._profiles = HeldProfiles()
        self._choices = HeldChoices()
        self._performances = PerformanceReferences()
        self._samples = open_samples(settings)
        self._traffic = TrafficReader(self._database, partial(open_series, settings), settings)
        self._writer = open_stream(settings.writer_url, settings.writer_partitions, settings)

    @property
    def subscription(self) -> Subscription:
        """What it reads."""
        return windows_of(self._settings, self._name)

    async def accept(self, *messages: Message) -> None:
        """Judge each message's window, publish the report, acknowledge."""
        for message in messages:
            await self._accept(message)

    async def _accept(self, message: Message) -> None:
        try:
            event = wire.read_app_event(message.body)
        except RejectedError as error:
            await self._waiting("the records", partial(self._set_aside, message, error))
        else:
            await self._answer(event)
        await self._acknowledge(message.partition, message.offset)

    async def drain(self) -> None:
        """Nothing is held between messages."""

    async def close(self) -> None:
        """Release everything."""
        self._writer.close()
        self._traffic.close()
        self._database.close()

    async def _answer(self, event: wire.AppEvent) -> None:
        body = await self._waiting("the stores", lambda: self._start(event))
        await self._waiting("the writer's stream", lambda: self._publish(event, body))

    async def _waiting(self, what: str, action: Callable[[], T]) -> T:
        return await when_available(action, self._settings, what)

    def _start(self, event: wire.AppEvent) -> bytes:
        """The report on one window, unless it has ended its process too often.

        Only what happens in here counts: where something is down we may be stopped while we wait for it,
        and the platform delivers a window again whose acknowledgement got lost.
        """
        attempt = self._raise_attempt(event)
        if attempt > self._settings.app_attempts:
            return report.failed(event, f"not started again: {attempt - 1} starts gave no answer")
        try:
            return self._judge(event)
        finally:
            self._forget_attempts(event)

    def _judge(self, event: wire.AppEvent) -> bytes:
        """The report on one window."""
        with self._database.read() as connection:
            endpoint = endpoints.get(connection, event.endpoint_id)
        if endpoint is None:
            return report.failed(
                event, f"endpoint {event.endpoint_id} is not in the records: was it deleted?"
            )
        rows = _Rows(partial(self._read, event))
        context = self._context(event, endpoint, rows)
        try:
            found = judge(self._app, context)
            return report.done(event, found, context.rows, context.kept.notes, context.sums)
        except UnavailableError as error:
            if rows.is_unavailable or not event.window_revision:  # MLRun's controller would not ask again
                raise
            logger.warning(
                "%s waits on %s, window %s to %s: %s",
                event.application_name, event.endpoint_name, event.window.start, event.window.end,
                _printable(str(error)),
            )  # fmt: skip
            return report.unavailable(event, str(error))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a seam: this is the user's code
            told = f"{type(error).__name__}: {error}"
            logger.error(
                "%s failed on %s, window %s to %s: %s\n%s",
                event.application_name, event.endpoint_name, event.window.start, event.window.end,
                *map(_printable, (told, traceback.format_exc())),
            )  # fmt: skip
            return report.failed(event, told, context.kept.notes)

    def _read(self, event: wire.AppEvent) -> Frame:
        start_us, end_us = to_us(event.window.start), to_us(event.window.end)
        return read_sample(
            self._database, self._samples, event.endpoint_id, start_us, end_us, actuals=self._actuals
        )

    def _context(self, event: wire.AppEvent, endpoint: Endpoint, rows: _Rows) -> MonitoringApplicationContext:
        return MonitoringApplicationContext(
            event.application_name,
            endpoint,
            event.window,
            rows.read,
            self._settings,
            window_revision=event.window_revision,
            window_incomplete=event.window_incomplete,
            database=self._database,
            profile=partial(self._profiles.of, self._database, endpoint),
            sharers=partial(sharers_of, self._database, endpoint, self._name),
            contract=partial(self._contract_of, endpoint),
            performance=partial(self._performances.of, self._database, endpoint),
            traffic=self._traffic,
            served=partial(
                served, self._database, self._samples, endpoint.endpoint_id, event.window, self._name
            ),
            drift_choices=partial(self._choices.of, self._database, endpoint),
        )

    def _contract_of(self, endpoint: Endpoint) -> KeptContract | None:
        with self._database.read() as connection:
            return contract_for(connection, endpoint)

    def _note_requirements(self) -> None:
        """Before the first window: from now on what is asked for has it judged again."""
        with self._database.read() as connection:
            known = requirements_of(connection, self._name)
        if known != self._requires:
            with self._database.write() as connection:
                note_requirements(connection, self._name, self._requires)

    def _raise_attempt(self, event: wire.AppEvent) -> int:
        with self._database.write() as connection:
            return window_ledger.raise_attempt(connection, event.key, event.window_revision)

    def _forget_attempts(self, event: wire.AppEvent) -> None:
        with self._database.write() as connection:
            window_ledger.forget_attempts(connection, event.key, event.window_revision)

    def _publish(self, event: wire.AppEvent, body: bytes) -> None:
        try:
            self._writer.publish([(event.endpoint_id, body)])
        except RejectedError as error:  # too large for this stream
            self._writer.publish(
                [(event.endpoint_id, report.failed(event, f"the report is refused: {error}"))]
            )

    def _set_aside(self, message: Message, error: RejectedError) -> None:
        stream = self._settings.app_stream.format(name=self._name)
        letter = letter_of(message, error, stream, self._stream_id(), wall_clock_us())
        with self._database.write() as connection:
            keep(connection, [letter], Limits.of(self._settings))

    def _stream_id(self) -> str:
        reads = self.subscription
        # The message came from it: one that is gone is not brought back.
        with closing(open_stream(reads.url, reads.partitions, self._settings, create=False)) as stream:
            return stream.stream_id


class _Rows:
    """Reads the window's rows and remembers when their store did not answer."""

    def __init__(self, read: Callable[[], Frame]) -> None:
        self._read = read
        self.is_unavailable = False

    def read(self) -> Frame:
        try:
            return self._read()
        except UnavailableError:
            self.is_unavailable = True
            raise


def _printable(text: str) -> str:
    """Half a surrogate pair in the user's message can't be written to a log."""
    return text.encode(errors="backslashreplace").decode()
