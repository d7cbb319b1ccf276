"""A project whose rules are looked at by the clock: endpoints, their traffic, heartbeats, a notifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from modelmon.ledger import heartbeats
from modelmon.ledger.alert_files import set_file
from modelmon.ledger.endpoints import put as put_endpoint
from modelmon.ledger.incident_schema import incident_events, incidents, watches
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import traffic
from modelmon.model import MINUTE_US, BatchRange, Endpoint, Heartbeat, TrafficPoint, WorkerState
from modelmon.notify import Message, RefusedError
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.statements import upsert
from modelmon.stages.notifier import Notifier
from modelmon.stores.series import open_series

MINUTE, HOUR, DAY = MINUTE_US, 60 * MINUTE_US, 24 * 60 * MINUTE_US
START = 20_000 * DAY
CHANNELS = """
format: 1
channels: {hook: {kind: webhook, url: 'http://127.0.0.1:1/x', per_second: 1000}}
send: {group_wait: 0, group_interval: 0}
"""


class Clocked:
    """Ticks once a minute; `now` is the clock. The functions beat with it unless they are `down`."""

    def __init__(
        self,
        folder: Path,
        rules: str = "",
        endpoints: int = 1,
        top: str = "",
        database: Database | None = None,
        **more: Any,
    ) -> None:
        values = {
            "project": "flights",
            "records_url": f"sqlite:///{folder}/records.db",
            "durability": "process",
        }
        self.settings = Settings.load(folder, {}, **{**values, **more})
        self.database = database or open_records(self.settings)
        self.series = open_series(self.settings)
        self.now = START
        self.functions = {"modelmon-stream": "ready", "modelmon-writer": "ready"}
        self.sent: list[Message] = []
        self.endpoints = [f"endpoint-{number + 1}" for number in range(endpoints)]
        self.add(*self.endpoints)
        self.top, self.refused = top, ""
        self.rules(rules)
        self.notifier = Notifier(self.settings, self.database, self._send)

    def rules(self, text: str) -> None:
        with self.database.write() as connection:
            set_file(connection, CHANNELS + self.top + (f"rules:\n{text}" if text else ""), "ann", START)

    def add(self, *ids: str, **more: Any) -> None:
        with self.database.write() as connection:
            for each in ids:
                put_endpoint(connection, Endpoint(each, "flights", each, **more), START)

    def served(self, *ids: str, at: int | None = None, first: int | None = None) -> None:
        """Something of these endpoints was taken over now."""
        at = self.now if at is None else at
        row = {
            **dict.fromkeys(("received", "stored", "errors", "rejected", "late", "missing"), 0),
            "first_request_us": START - 90 * DAY if first is None else first, "last_request_us": at,
            "committed_us": at, "last_error": "",
        }  # fmt: skip
        with self.database.write() as connection:
            upsert(connection, traffic, [{"endpoint_id": each, **row} for each in ids])

    def requests(self, endpoint_id: str, many: int, at: int, **more: Any) -> None:
        """So many requests in the minute of this moment."""
        range_ = BatchRange(uuid4().hex, 0, 0, many)
        point = TrafficPoint(endpoint_id, at - at % MINUTE, predictions=many, rows=many, **more)
        self.series.write_traffic(range_, [point])

    def tick(self, minutes: int = 1, step: int = MINUTE) -> Any:
        told: Mapping[str, Any] = {}
        for _ in range(minutes):
            self.now += step
            self._beat()
            told = self.notifier.tick_blocking(self.now)
        return told

    def wait(self, minutes: int) -> None:
        """Ticks further apart than a minute, without a gap."""
        until = self.now + minutes * MINUTE
        while self.now < until:
            self.tick(step=min(4 * MINUTE, until - self.now))

    def refuse(self, why: str) -> None:
        """From now on no channel takes anything."""
        self.refused = why

    def open(self) -> list[tuple[str, str]]:
        """Rule, and the endpoint or function that it has found."""
        return [
            (row.rule, row.endpoint_id or row.application_name) for row in self._rows(incidents)
            if row.resolved_us is None and row.state != "pending"
        ]  # fmt: skip

    def ended(self) -> list[tuple[str, str]]:
        return [(row.rule, row.reason) for row in self._rows(incidents) if row.resolved_us is not None]

    def said(self) -> list[tuple[str, str, str]]:
        return [(line.what, line.endpoint, line.found) for each in self.sent for line in each.lines]

    def sizes(self) -> tuple[int, ...]:
        return tuple(len(self._rows(table)) for table in (watches, incidents, incident_events))

    def _rows(self, table: Any) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(select(table)))

    def _beat(self) -> None:
        with self.database.write() as connection:
            for name, state in self.functions.items():
                if state != "down":
                    beat = Heartbeat(
                        name, "w", "t", WorkerState(state), "", self.now, self.now, self.now + MINUTE
                    )
                    heartbeats.put(connection, beat)

    def _send(self, _: Any, message: Message, __: Any) -> str:
        if self.refused:
            raise RefusedError(self.refused)
        self.sent.append(message)
        return ""
