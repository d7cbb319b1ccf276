"""A project whose stream function, apps and writer are played by the test, over real stores and streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Connection

import ledger_rows
from modelmon import wire
from modelmon.errors import UnavailableError
from modelmon.incidents.episodes import episodes
from modelmon.incidents.following import stands
from modelmon.incidents.judging import under
from modelmon.ledger import batches, endpoints, outbox, registry
from modelmon.ledger.alert_files import HeldAlerts
from modelmon.ledger.incident_rows import key_of, read_incident, read_watch
from modelmon.ledger.records import open_records
from modelmon.ledger.rules_in_force import policy_of
from modelmon.model import Answer, BatchRange, Endpoint, Message, Stats, ValuePoint, to_us
from modelmon.settings import Settings
from modelmon.stages.controller import Controller
from modelmon.stages.writer import Writer
from modelmon.stores.series import open_series
from modelmon.stores.series.acknowledged_points import read_values
from modelmon.streams import open_stream

T = TypeVar("T")
T0 = 1_700_000_400_000_000  # a multiple of ten minutes
GRACE = 30
E1, E2 = "endpoint-1", "endpoint-2"


def at(minutes: float, seconds: float = 0) -> int:
    """Microseconds of a moment so long after T0."""
    return T0 + round(minutes * 60e6 + seconds * 1e6)


class Chain:
    """One project: `app` is registered, windows are ten minutes, the grace is 30 s."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        values = {
            "project": "flights",
            "records_url": f"sqlite:///{folder}/records.db",
            "stream_path": f"memory://{uuid4().hex}",
            "grace_seconds": GRACE,
            "durability": "process",
            "flush_after_seconds": 0.01,
        }
        self.settings = Settings.load(folder, {}, **{**values, **settings})
        self.database = open_records(self.settings)
        self.series = open_series(self.settings)
        self.controller = Controller.open(self.settings)
        self.events = open_stream(self.settings.events_url, self.settings.events_partitions)
        open_stream(self.settings.writer_url, self.settings.writer_partitions).close()
        self._offsets = count()
        self._reports = count()
        self.register("app")

    def close(self) -> None:
        self._counts_hold()
        self._incidents_hold()
        asyncio.run(self.controller.close())
        self.events.close()
        self.series.close()
        self.database.close()

    def _counts_hold(self) -> None:
        """Whatever a test did, what is kept of each app is what its windows say."""
        kept = self.read(ledger_rows.counts_of_apps)
        min_rows, counts = self.settings.app_min_rows, {}
        for row in self.read(ledger_rows.all_windows):
            is_done = row.outcome == "done" and row.answered >= row.sent >= row.wanted
            few = row.rows < min_rows
            bits = (
                is_done, row.sent >= row.wanted and not is_done,
                is_done and row.incomplete >= 4 and not few,
                is_done and row.incomplete > 0 and (row.incomplete < 4 or few),
                is_done and 0 < row.rows < min_rows, is_done and not row.rows,
            )  # fmt: skip
            sums = counts.setdefault((row.endpoint_id, row.application_name), [0] * len(bits))
            if row.check_us is None:
                counts[row.endpoint_id, row.application_name] = [
                    a + b for a, b in zip(sums, bits, strict=True)
                ]
        assert kept == {(*pair, *sums) for pair, sums in counts.items() if any(sums)}

    def _incidents_hold(self) -> None:
        """Whatever a test did, the incidents are the episodes of the windows in their order, by the rules."""
        alerts = self.read(HeldAlerts().newest)
        kept: dict[Any, list[Any]] = {}
        for row in self.incidents():
            if row.reason in ("", "calm"):
                kept.setdefault(key_of(row), []).append(read_incident(row).episode)
        found = {}
        for row in self.read(ledger_rows.all_watches):
            key, watch = key_of(row), read_watch(row)
            said = under(policy_of(alerts, key.rule), watch.course.runs, stands(watch))
            if episodes_found := episodes(said, watch.carried):
                found[key] = episodes_found
        assert {key: sorted(each, key=lambda one: one.first_us) for key, each in kept.items()} == found

    # --- the project and its stream function

    def register(self, app: str, base_period: int | None = None) -> None:
        open_stream(self.settings.app_url(app)).close()  # as deploying it does
        with self.database.write() as connection:
            registry.register_app(connection, app, base_period, T0)

    def unregister(self, app: str) -> None:
        with self.database.write() as connection:
            registry.unregister_app(connection, app)

    def endpoint(self, endpoint_id: str = E1, **changes: Any) -> None:
        with self.database.write() as connection:
            endpoints.put(connection, Endpoint(endpoint_id, "flights", endpoint_id + "-name", **changes), T0)

    def forget_endpoint(self, endpoint_id: str) -> None:
        with self.database.write() as connection:
            endpoints.delete(connection, endpoint_id)

    def serve(self, *times_us: int, now: int, endpoint_id: str = E1) -> None:
        """Commit one row at each of these times, as the stream function does."""
        minutes: dict[tuple[str, int], int] = {}
        for time_us in times_us:
            key = (endpoint_id, time_us - time_us % 60_000_000)
            minutes[key] = minutes.get(key, 0) + 1
        counts = batches.EndpointCounts(
            endpoint_id,
            stored=len(times_us),
            first_request_us=min(times_us),
            last_request_us=max(times_us),
        )
        found = Endpoint(endpoint_id, "flights", endpoint_id + "-name", discovered=True)
        self._commit(batches.Derived(discovered=[found], counts=[counts], dirty=minutes), now)

    def complete(self, last_us: int, now: int, endpoint_id: str = E1) -> None:
        counts = batches.EndpointCounts(endpoint_id, completed_us=last_us)
        self._commit(batches.Derived(counts=[counts]), now)

    def catch_up(self, now: int) -> int:
        """Apply the controller's clocks that stand on the events stream; returns how many there were."""
        consumer = self.events.consumer("modelmon-stream")
        messages = consumer.poll(1_000, 0)
        for message in messages:
            (nop,) = wire.read_message(message.body)
            assert isinstance(nop, wire.NopEvent)
            self._commit(batches.Derived(nop_us=nop.timestamp_us), now, message.partition)
            consumer.commit({message.partition: message.offset + 1})
        consumer.close()
        return len(messages)

    def _commit(self, derived: batches.Derived, now: int, partition: int = 0) -> None:
        place = next(self._offsets)
        with self.database.write() as connection:
            position = batches.take_over(connection, self.events.stream_id, partition, "events")
            assert batches.open_batch(connection, position, batches.OpenBatch(place, place, 1, now))
            batch = BatchRange(self.events.stream_id, partition, place, place)
            assert batches.commit_batch(connection, position, batch, derived, now)

    # --- the controller

    def tick(self, now: int) -> dict[str, Any]:
        return self.controller.tick_blocking(now)

    def settle(self, now: int) -> dict[str, Any]:
        """Tick, let the stream function see the clock, and tick again: what is silent is then known."""
        self.tick(now)
        self.catch_up(now)
        return self.tick(now)

    # --- the apps

    def app_events(self, app: str = "app", *, read: bool = True) -> list[wire.AppEvent]:
        """What the app's stream holds that was not read before."""
        with self._stream(self.settings.app_url(app)) as stream:
            consumer = stream.consumer(f"modelmon-app-{app}")
            messages = consumer.poll(100_000, 0)
            if read and messages:
                consumer.commit({each.partition: each.offset + 1 for each in messages})
            consumer.close()
        return [wire.read_app_event(message.body) for message in messages]

    @contextmanager
    def _stream(self, url: str) -> Iterable[Any]:
        stream = open_stream(url)
        try:
            yield stream
        finally:
            stream.close()

    # --- the writer

    def report(self, *envelopes: wire.Envelope, now: int = T0) -> list[tuple[int, int]]:
        """Let the writer write one message with these envelopes; returns what it acknowledged."""
        return self.write([wire.write_report(envelopes)], now)

    def write(self, bodies: Sequence[bytes], now: int = T0) -> list[tuple[int, int]]:
        messages = [Message(0, next(self._reports), "", body) for body in bodies]
        acknowledged: list[tuple[int, int]] = []

        async def acknowledge(partition: int, offset: int) -> None:
            acknowledged.append((partition, offset))

        async def run() -> None:
            writer = Writer(self.settings, acknowledge, self.database, self.series, "writer-id", lambda: now)
            for message in messages:
                await writer.accept(message)
            await writer.drain()

        asyncio.run(run())
        return acknowledged

    # --- what is stored

    def windows(self, app: str = "app", endpoint_id: str = E1) -> list[Any]:
        found = self.read(ledger_rows.all_windows)
        return [row for row in found if (row.application_name, row.endpoint_id) == (app, endpoint_id)]

    def traffic(self, endpoint_id: str = E1) -> Any:
        (row,) = (row for row in self.read(ledger_rows.all_traffic) if row.endpoint_id == endpoint_id)
        return row

    def verdicts(self) -> list[Any]:
        return list(self.read(ledger_rows.newest_verdicts))

    def incidents(self) -> list[Any]:
        return list(self.read(ledger_rows.all_incidents))

    def facts(self, about: str = "incident") -> list[outbox.Fact]:
        """What the outbox has to tell of this."""
        with self.database.read() as connection:
            found = [entry.fact for entry in outbox.read(connection, "a test", 1000)]
        return [fact for fact in found if fact.kind.startswith(about)]

    def values(self) -> list[Any]:
        return read_values(self.database, self.series, [E1, E2], 0, at(1_000_000)).points

    def read(self, reader: Callable[[Connection], T]) -> T:
        with self.database.read() as connection:
            return reader(connection)


def envelope(event: wire.AppEvent, content: ValuePoint | Stats | Answer) -> wire.Envelope:
    return wire.Envelope(
        event.endpoint_id,
        event.endpoint_name,
        event.application_name,
        event.window,
        content,
        event.window_revision,
    )


def result(
    event: wire.AppEvent,
    status: int = 0,
    value: float = 0.1,
    name: str = "drift",
    kind: int = 0,
    extra_data: str = '{"worst":"pressure"}',
) -> wire.Envelope:
    return envelope(event, _value(event, name, value, kind, status, extra_data))


def metric(event: wire.AppEvent, value: float = 1.0, name: str = "rows") -> wire.Envelope:
    return envelope(event, _value(event, name, value))


def _value(event: wire.AppEvent, name: str, value: float, *result: Any) -> ValuePoint:
    end_us, revision = to_us(event.window.end), max(1, event.window_revision)
    return ValuePoint(*event.key, end_us, name, value, revision, *result)


def stats(event: wire.AppEvent, value: Any, name: str = "current_stats") -> wire.Envelope:
    return envelope(event, Stats(name, value, to_us(event.window.end)))


def done(event: wire.AppEvent, rows: int = 100, envelopes: int = 1) -> wire.Envelope:
    return envelope(event, Answer("done", envelopes=envelopes, rows=rows))


def failed(event: wire.AppEvent, error: str = "no such column") -> wire.Envelope:
    return envelope(event, Answer("failed", error))


def unavailable(*_: Any, **__: Any) -> Any:
    raise UnavailableError("the disk is full")


def waits(event: wire.AppEvent, error: str = "actuals not there") -> wire.Envelope:
    return envelope(event, Answer("unavailable", error))


Publish = Callable[..., None]
