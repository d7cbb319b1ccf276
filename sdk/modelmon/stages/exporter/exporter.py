"""One tick: what is noted goes to the collector, in order; the cursor follows what it has answered.

Killed between an answer and the cursor, the same points go again: each has the same time, so a store that
has them changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from modelmon.counting import count
from modelmon.errors import ConfigError
from modelmon.export.collector import MOST_WAIT_SECONDS, Answer, Collector, CollectorError
from modelmon.export.export_settings import ExportSettings
from modelmon.export.otlp import request_of
from modelmon.ledger.exporting import OTLP, Export, backlog, read_export, write_export
from modelmon.ledger.records import open_records
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.locks import EXPORTER
from modelmon.sql.turns import alone
from modelmon.stages.exporter.waiting_verdicts import MOST_WINDOWS, Parcel, next_parcel
from modelmon.stores.series import open_series
from modelmon.stores.series.base import SeriesStore
from modelmon.waiting import away, back

logger = logging.getLogger(__name__)

BUSY = "another exporter is at work"
TICK_SECONDS = 20.0
FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 5.0, 300.0
"""Between two tries of a collector that says nothing of when to come again; doubles up to the last."""
COLLECTOR = "the collector of OpenTelemetry"


@dataclass(slots=True)
class _Done:
    """What a tick did, in points, and why the last ones were refused."""

    sent: int = 0
    refused: int = 0
    said: str = ""


class Exporter:
    """Works whenever it is called, at any rate and on any number of replicas, one at a time."""

    def __init__(
        self, settings: Settings, database: Database, series: SeriesStore, collector: Collector
    ) -> None:
        self._settings = settings
        self._own = settings.of(ExportSettings)
        self._database = database
        self._series = series
        self._collector = collector
        self._alone_upto = 0  # up to this number windows go one by one: together they were refused
        self._turn = Lock()

    @classmethod
    def open(cls, settings: Settings) -> Exporter:
        """An exporter on the project's stores. Raises ConfigError and UnavailableError."""
        own = settings.of(ExportSettings)
        if not own.has_collector:
            raise ConfigError("otlp_endpoint: it is empty, so there is nobody to send verdicts to")
        return cls(settings, open_records(settings), open_series(settings), Collector(own))

    async def tick(self, now_us: int) -> Mapping[str, Any]:
        """Send what waits; returns how many points were sent and refused, and how many windows still wait.

        Raises UnavailableError when the records or the series can't be reached.
        """
        return await asyncio.to_thread(self.tick_blocking, now_us)

    def tick_blocking(self, now_us: int) -> Mapping[str, Any]:
        """As `tick`, in this thread."""
        with alone(self._turn, self._database, EXPORTER) as mine:
            return self._work(now_us) if mine else {"state": BUSY}

    async def close(self) -> None:
        """Release everything."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._turn:
            self._collector.close()
            self._series.close()
            self._database.close()

    def _work(self, now_us: int) -> Mapping[str, Any]:
        done = _Done()
        with self._database.read() as connection:
            export = read_export(connection, OTLP)
        # Longer than anybody waits: the clock went back.
        if not 0 < export.wait_until_us - now_us <= MOST_WAIT_SECONDS * 1e6:
            export = self._send_all(export, now_us, done)
        if done.refused:
            logger.warning("%s has refused %s: %s", COLLECTOR, count(done.refused, "point"), done.said)
        return self._told(export, done)

    def _send_all(self, export: Export, now_us: int, done: _Done) -> Export:
        began = time.monotonic()
        while time.monotonic() - began < TICK_SECONDS:
            most = 1 if export.upto < self._alone_upto else MOST_WINDOWS
            parcel = next_parcel(self._database, self._series, self._settings, export.upto, most)
            if parcel is None:
                return export if not export.problem else self._write(replace(export, problem=""))
            try:
                answer = self._send(parcel)
            except CollectorError as error:
                away(COLLECTOR, error)
                passed_us = round((time.monotonic() - began) * 1e6)
                return self._write(_after(error, export, now_us + passed_us))
            if answer.whole and parcel.windows > 1:
                self._alone_upto = parcel.upto
                continue
            export = self._settle(export, parcel, answer, done)
        return export

    def _send(self, parcel: Parcel) -> Answer:
        if not parcel.values:
            return Answer()
        answer = self._collector.send(request_of(parcel.values, parcel.endpoints, self._own.otlp_prefix))
        back(COLLECTOR)
        return answer

    def _settle(self, export: Export, parcel: Parcel, answer: Answer, done: _Done) -> Export:
        sent = len(parcel.values) - answer.refused
        done.sent += sent
        done.refused += answer.refused
        done.said = answer.said or done.said
        return self._write(Export(OTLP, parcel.upto, export.sent + sent, export.refused + answer.refused))

    def _write(self, export: Export) -> Export:
        with self._database.write() as connection:
            write_export(connection, export)
        return export

    def _told(self, export: Export, done: _Done) -> Mapping[str, Any]:
        with self._database.read() as connection:
            left = backlog(connection)
        return {
            "state": "done", "sent": done.sent, "refused": done.refused, "left": left.windows,
            "unavailable": {COLLECTOR: export.problem} if export.problem and left.windows else {},
            "progress": (max(left.last, export.upto), export.upto),
        }  # fmt: skip


def _after(error: CollectorError, export: Export, now_us: int) -> Export:
    """When to try again: what the collector asks for, else longer and longer."""
    doubled = FIRST_WAIT_SECONDS * 2 ** min(export.tries, 16)
    seconds = error.retry_after_seconds or min(doubled, LAST_WAIT_SECONDS)
    wait_until_us = now_us + round(seconds * 1e6)
    return replace(export, wait_until_us=wait_until_us, tries=export.tries + 1, problem=str(error))
