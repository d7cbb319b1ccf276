"""The writer as a stage: gathers messages, writes them together, acknowledges last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Row

from modelmon.incidents import IncidentState
from modelmon.ledger.alert_files import HeldAlerts
from modelmon.ledger.held_profiles import HeldProfiles
from modelmon.ledger.incidents import Told
from modelmon.ledger.records import open_records
from modelmon.model import Message, from_us, wall_clock_us
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.writer.incoming import read_messages
from modelmon.stages.writer.writing import write
from modelmon.stores.series import open_series
from modelmon.stores.series.base import SeriesStore
from modelmon.streams import open_stream
from modelmon.streams.base import Acknowledge
from modelmon.streams.subscriptions import Subscription, reports_of
from modelmon.views.results_in_words import extra_data
from modelmon.views.verdicts import PARTLY
from modelmon.waiting import when_available

logger = logging.getLogger(__name__)

MAX_MESSAGES = 500
MAX_BYTES = 16 * 2**20


class Writer:
    """Applies the writer's stream to series and records.

    Held messages are written together when there are many or the oldest has waited long enough. A failure
    for good is raised by the next call, and by `failed` at once.
    """

    def __init__(
        self,
        settings: Settings,
        acknowledge: Acknowledge,
        database: Database,
        series: SeriesStore,
        stream_id: str,
        clock: Callable[[], int] = wall_clock_us,
    ) -> None:
        self._settings = settings
        self._acknowledge = acknowledge
        self._database = database
        self._series = series
        self._stream_id = stream_id
        self._clock = clock
        self._profiles = HeldProfiles()
        self._alerts = HeldAlerts()
        self._held: list[Message] = []
        self._held_bytes = 0
        self._writing = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None
        self._broken = asyncio.Event()

    @classmethod
    def open(cls, settings: Settings, acknowledge: Acknowledge) -> Writer:
        """A writer on the project's stores. Raises ConfigError and UnavailableError."""
        with closing(open_stream(settings.writer_url, settings.writer_partitions, settings)) as stream:
            stream_id = stream.stream_id
        database, series = open_records(settings), open_series(settings)
        return cls(settings, acknowledge, database, series, stream_id)

    @property
    def subscription(self) -> Subscription:
        """What it reads."""
        return reports_of(self._settings)

    async def accept(self, *messages: Message) -> None:
        """Hold messages; write when enough are held."""
        for message in messages:
            await self._hold(message)

    async def _hold(self, message: Message) -> None:
        self._raise_failure()
        self._held.append(message)
        self._held_bytes += len(message.body)
        if len(self._held) >= MAX_MESSAGES or self._held_bytes >= MAX_BYTES:
            await self._write()
        elif self._timer is None or self._timer.done():
            self._timer = asyncio.get_running_loop().create_task(self._write_by_time())
            self._timer.add_done_callback(self._watch)

    async def drain(self) -> None:
        """Write and acknowledge everything held."""
        self._raise_failure()
        await self._write()

    async def close(self) -> None:
        """Drain, then release everything."""
        try:
            await self.drain()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._database.close()
            self._series.close()

    async def failed(self) -> None:
        """Raises what the task that writes by time failed with, as soon as it does."""
        await self._broken.wait()
        self._raise_failure()

    async def _write_by_time(self) -> None:
        while self._held:
            await asyncio.sleep(self._settings.flush_after_seconds)
            await self._write()

    async def _write(self) -> None:
        async with self._writing:
            messages, self._held, self._held_bytes = self._held, [], 0
            if not messages:
                return
            told = await when_available(
                lambda: self._apply(messages), self._settings, "the records and the series"
            )
            _announce(self._settings, told)
            for partition, offset in _last_offsets(messages).items():
                await self._acknowledge(partition, offset)

    def _apply(self, messages: Sequence[Message]) -> list[Told]:
        now_us = self._clock()
        reading = read_messages(messages, self._settings.writer_stream, self._stream_id, now_us)
        return write(
            self._database, self._series, reading, now_us, self._settings, self._profiles, self._alerts
        )

    def _raise_failure(self) -> None:
        if self._timer is not None and self._timer.done() and not self._timer.cancelled():
            self._timer.result()

    def _watch(self, timer: asyncio.Task[None]) -> None:
        if not timer.cancelled() and timer.exception() is not None:
            self._broken.set()


def _last_offsets(messages: Sequence[Message]) -> dict[int, int]:
    return {message.partition: message.offset for message in messages}


def _announce(settings: Settings, told: Sequence[Told]) -> None:
    """One line an event; those that the person at the terminal should read are warnings."""
    for each in told:
        row, after = each.incident, each.event.after
        is_worse = after in (IncidentState.RAISED, IncidentState.ESCALATED) and row.resolved_us is None
        start_us, end_us = each.window or (row.first_us, row.last_us)
        found = _found(row, shown_extra(settings, row.detail))
        logger.log(
            logging.WARNING if is_worse else logging.INFO,
            "incident %d %s: %s (%s): %s, app %s, window %s to %s: %s",
            row.incident_id, each.event.word, each.kind, each.severity, each.endpoint_name,
            row.application_name, from_us(start_us), from_us(end_us), found,
            extra={"with": {"incident": row.incident_id}},
        )  # fmt: skip


def _found(row: Row[Any], detail: str) -> str:
    """The value in its worst window, what it is about, where the app has said so, and whether that window is
    a partial one; or the error."""
    if row.value is None:
        return detail
    said = extra_data(detail)
    about = [*filter(None, [said.get("feature"), PARTLY if said.get("state") == PARTLY else ""])]
    return f"{row.result_name} = {row.value:.3g}" + (f" ({', '.join(about)})" if about else "")
