"""One tick: take over what is dirty, want what is expected, send what is due, raise the watermark, tidy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from threading import Lock
from typing import Any

from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger import clock, registry
from modelmon.ledger.due_windows import read_watermark, waits_for_watermark
from modelmon.ledger.records import open_records
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.locks import CONTROLLER
from modelmon.sql.turns import alone
from modelmon.stages.controller.decide import Rules
from modelmon.stages.controller.expect import ExpectedWindows
from modelmon.stages.controller.retention import StreamRetention
from modelmon.stages.controller.send import send_due
from modelmon.stages.controller.streams import ProjectStreams
from modelmon.stages.controller.take_over import TakenOver, take_over
from modelmon.stages.controller.watermark import WatermarkClock
from modelmon.windows import Clocks

logger = logging.getLogger(__name__)

BUSY = "another controller is at work"
DIRTY_PAGE = 10_000  # minutes taken over in one transaction

Maintain = Callable[[Database, Settings, int], Mapping[str, Any]]
"""(records, settings, now) to what was done: compaction, sweep and retention, within the time allowed."""


class Controller:
    """Works whenever it is called, at any rate and on any number of replicas."""

    def __init__(self, settings: Settings, database: Database, maintain: Maintain | None = None) -> None:
        self._settings = settings
        self._database = database
        self._maintain = maintain
        self._streams = ProjectStreams(settings)
        self._grace_us = round(settings.grace_seconds * 1e6)
        self._ticked_us, self._was_behind = 0, False  # by the wall clock of the tick before
        self._clock = WatermarkClock(settings.project, self._grace_us)
        self._expected = ExpectedWindows(settings, database)
        self._retention = StreamRetention(settings, database, self._streams)
        self._unavailable: dict[str, str] = {}  # in this tick
        self._turn = Lock()

    @classmethod
    def open(cls, settings: Settings, maintain: Maintain | None = None) -> Controller:
        """A controller on the project's records and streams. Raises ConfigError and UnavailableError."""
        return cls(settings, open_records(settings), maintain)

    async def tick(self, now_us: int) -> dict[str, Any]:
        """Do what is due at this wall clock; returns what was done, or that another controller is at work.

        What could not be reached stands under `unavailable`, with the reason; it is tried in the next tick.

        Raises UnavailableError when the records can't be reached; the next tick tries again.
        """
        return await asyncio.to_thread(self.tick_blocking, now_us)

    def tick_blocking(self, now_us: int) -> dict[str, Any]:
        """As `tick`, in this thread."""
        # It saves work: nothing that a tick does goes wrong when two run together.
        with alone(self._turn, self._database, CONTROLLER) as mine:
            return self._work(now_us) if mine else {"state": BUSY}

    async def close(self) -> None:
        """Release streams and records."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._turn:
            self._streams.close()
            self._database.close()

    def _work(self, now_us: int) -> dict[str, Any]:
        self._unavailable = {}
        self._set_clock_back(now_us)
        watermark_us = self._watermark(now_us)  # what was published before it is dirty by now
        taken_over = self._take_over(now_us)
        with self._database.read() as connection:
            apps = frozenset(app.name for app in registry.active_apps(connection))
        clocks = Clocks(now_us, self._grace_us, watermark_us)
        expected = self._expected.look(clocks)
        sent = send_due(
            self._database,
            self._streams,
            Rules.of(self._settings, clocks, apps, _once(self._streams.nothing_underway)),
        )
        clocks_sent = self._raise_watermark(now_us, watermark_us)
        tidied = self._tidy(now_us, apps)
        self._unavailable |= {
            f"the stream of app {name}": reason for name, reason in sent.unavailable.items()
        }
        return {
            "state": "done",
            "unavailable": self._unavailable,
            "taken_over": asdict(taken_over),
            "expected": expected,
            "sent": asdict(sent),
            "clocks_sent": clocks_sent,
            "tidied": dict(tidied),
        }

    def _set_clock_back(self, now_us: int) -> None:
        """Once, when the wall clock has gone back: what waits for a moment of before would wait for long."""
        with self._database.read() as connection:
            behind = clock.is_behind(connection, now_us)
        behind = behind or self._ticked_us > now_us + clock.STEP_US
        if behind and not self._was_behind:
            with self._database.write() as connection:
                clock.set_back(connection, now_us)
            logger.warning("the wall clock has gone back: windows wait for it no longer")
        self._was_behind, self._ticked_us = behind, now_us

    def _take_over(self, now_us: int) -> TakenOver:
        total = TakenOver()
        while True:
            with self._database.write() as connection:
                taken = take_over(connection, self._settings, now_us, DIRTY_PAGE)
            total += taken
            if taken.minutes < DIRTY_PAGE:
                return total

    def _watermark(self, now_us: int) -> int:
        """The clock before which all events have been applied; -1 while their stream is down."""
        try:
            events = self._streams.events()
        except (ConfigError, UnavailableError) as error:
            logger.warning("no window closes by silence: %s", error)
            self._unavailable["the events stream"] = str(error)
            return -1
        with self._database.read() as connection:
            return read_watermark(connection, events.stream_id, events.partitions, now_us)

    def _raise_watermark(self, now_us: int, watermark_us: int) -> int:
        """Put our clock on the events stream if a window waits for it; returns on how many partitions."""
        with self._database.read() as connection:
            waited_for = self._expected.waits or waits_for_watermark(connection, now_us)
        if not waited_for or not self._clock.is_due(now_us, watermark_us):
            return 0
        try:
            events = self._streams.events()
        except (ConfigError, UnavailableError):
            return 0  # `_watermark` has said so
        try:
            self._clock.send(events, now_us)
        except (ConfigError, UnavailableError) as error:
            logger.warning("the watermark does not rise in this tick: %s", error)
            self._unavailable["the events stream"] = str(error)
            self._streams.forget(events)
            self._clock.forget()
            return 0
        return events.partitions

    def _tidy(self, now_us: int, apps: frozenset[str]) -> Mapping[str, Any]:
        pruned, failed = (
            self._retention.apply(apps, now_us) if self._settings.maintenance_seconds else (0, {})
        )
        self._unavailable |= failed
        done = {"pruned_messages": pruned} if pruned else {}
        try:
            maintained = (
                {} if self._maintain is None else self._maintain(self._database, self._settings, now_us)
            )
            return {**done, **maintained}
        except (ConfigError, UnavailableError) as error:
            logger.warning("tidying up waits for the next tick: %s", error)
            self._unavailable["tidying up"] = str(error)
            return done


def _once(ask: Callable[[str], bool]) -> Callable[[str], bool]:
    """`ask`, whose answers are kept: within a tick one look at the streams is enough."""
    answers: dict[str, bool] = {}

    def answer(name: str) -> bool:
        if name not in answers:
            answers[name] = ask(name)
        return answers[name]

    return answer
