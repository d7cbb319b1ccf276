"""One tick: take over what is dirty, send what is due, prove silence, then tidy up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from threading import Lock
from typing import Any

from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger import registry
from modelmon.ledger.due_windows import caught_up_us
from modelmon.ledger.records import open_records
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.controller.decide import Rules
from modelmon.stages.controller.lease import lease
from modelmon.stages.controller.notice import Noticed, notice
from modelmon.stages.controller.retention import StreamRetention
from modelmon.stages.controller.send import send_due
from modelmon.stages.controller.silence import SilenceProof
from modelmon.stages.controller.streams import ProjectStreams
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
        self._proof = SilenceProof(settings.project, self._grace_us)
        self._retention = StreamRetention(settings, database, self._streams)
        self._unavailable: dict[str, str] = {}  # in this tick
        self._turn = Lock()  # a tick that outlasts its caller's patience is not joined by the next one

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
        if not self._turn.acquire(blocking=False):
            return {"state": BUSY}
        try:
            with lease(self._settings, self._database) as mine:
                return self._work(now_us) if mine else {"state": BUSY}
        finally:
            self._turn.release()

    async def close(self) -> None:
        """Release streams and records."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._turn:
            self._streams.close()
            self._database.close()

    def _work(self, now_us: int) -> dict[str, Any]:
        self._unavailable = {}
        noticed = self._notice(now_us)
        proven_us = self._caught_up(now_us)
        with self._database.read() as connection:
            apps = frozenset(app.name for app in registry.active_apps(connection))
        clocks = Clocks(now_us, self._grace_us, proven_us)
        sent = send_due(
            self._database,
            self._streams,
            Rules.of(self._settings, clocks, apps, _once(self._streams.nothing_underway)),
        )
        proofs = self._prove(now_us, proven_us) if sent.unproven else 0
        tidied = self._tidy(now_us, apps)
        self._unavailable |= {
            f"the stream of app {name}": reason for name, reason in sent.unavailable.items()
        }
        return {
            "state": "done",
            "unavailable": self._unavailable,
            "noticed": asdict(noticed),
            "sent": asdict(sent),
            "proofs": proofs,
            "tidied": dict(tidied),
        }

    def _notice(self, now_us: int) -> Noticed:
        total = Noticed()
        while True:
            with self._database.write() as connection:
                noticed = notice(connection, self._settings, now_us, DIRTY_PAGE)
            total += noticed
            if noticed.minutes < DIRTY_PAGE:
                return total

    def _caught_up(self, now_us: int) -> int:
        """The clock up to which the events are known to be applied; -1 while their stream is down."""
        try:
            events = self._streams.events()
        except (ConfigError, UnavailableError) as error:
            logger.warning("no window closes by silence: %s", error)
            self._unavailable["the events stream"] = str(error)
            return -1
        with self._database.read() as connection:
            return caught_up_us(connection, events.stream_id, events.partitions, now_us)

    def _prove(self, now_us: int, proven_us: int) -> int:
        """Put our clock on the events stream if that helps; returns on how many partitions."""
        if not self._proof.is_due(now_us, proven_us):
            return 0
        try:
            events = self._streams.events()
        except (ConfigError, UnavailableError):
            return 0  # `_caught_up` has said so
        try:
            self._proof.send(events, now_us)
        except (ConfigError, UnavailableError) as error:
            logger.warning("silence can't be proven in this tick: %s", error)
            self._unavailable["the events stream"] = str(error)
            self._streams.forget(events)
            self._proof.forget()
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
