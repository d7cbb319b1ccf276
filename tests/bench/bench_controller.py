"""One tick of the controller: 10,000 endpoints of which 100 have new data, beside 100 of 100.

Each tick takes over ten dirty minutes of each active endpoint and sends one window of each. The other
endpoints have a history of windows that are done, and one that waits for its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import update

from modelmon.function_spec.own_apps import OWN_APPS, chosen_apps
from modelmon.ledger import registry
from modelmon.ledger.records import records_at
from modelmon.ledger.requirements import note_requirements
from modelmon.ledger.schema import dirty, endpoints, traffic, windows
from modelmon.settings import Settings
from modelmon.sql.statements import upsert
from modelmon.stages.controller import Controller
from modelmon.streams import open_stream
from modelmon.streams.subscriptions import events_of, reports_of, windows_of

ACTIVE = 100
BY_DEFAULT, ASLEEP = 1_000, "actuals or scores"
HISTORY = 20
TICKS = 15
WAITING = 100_000
PERIOD_US = 600_000_000
NOW_US = 1_700_000_400_000_000


def measure() -> list[dict[str, Any]]:
    """Milliseconds of one tick; the limit is the tick without the endpoints that have nothing new."""
    return [_active(), _by_default(), _waiting()]


def _active() -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        few, many = _Project(Path(folder, "few"), ACTIVE), _Project(Path(folder, "many"), 10_000)
        # In turns, so that what else the machine does hits both.
        pairs = [(few.tick(), many.tick()) for _ in range(TICKS)]
        few.close()
        many.close()
    name = f"controller tick, 10,000 endpoints, {ACTIVE} with new data (limit: {ACTIVE} endpoints)"
    return _row(name, pairs)


def _by_default() -> dict[str, Any]:
    """All apps that run by default, of which one sleeps, beside one of them: two windows are sent of each
    endpoint where the other tick sends one, and so on."""
    names = chosen_apps(None)
    with TemporaryDirectory() as folder:
        one = _Project(Path(folder, "one"), BY_DEFAULT, BY_DEFAULT, names[:1])
        all_of_them = _Project(Path(folder, "all"), BY_DEFAULT, BY_DEFAULT, names)
        pairs = [(one.tick(), all_of_them.tick()) for _ in range(TICKS)]
        one.close()
        all_of_them.close()
    return _row(
        f"controller tick, {BY_DEFAULT:,} endpoints with new data, apps by default (limit: one)", pairs
    )


def _waiting() -> dict[str, Any]:
    """Every endpoint has one window that only silence can close, and the stream function is down."""
    with TemporaryDirectory() as folder:
        few, many = _Waiting(Path(folder, "few"), ACTIVE), _Waiting(Path(folder, "many"), WAITING)
        few.tick()
        first = many.tick()
        pairs = [(few.tick(), many.tick()) for _ in range(TICKS)]
        few.close()
        many.close()
    name = (
        f"controller tick, {WAITING:,} endpoints that wait for silence, after a first of {first:,.0f} ms "
        f"(limit: {ACTIVE} endpoints)"
    )
    return _row(name, pairs)


def _row(name: str, pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    limit, value = (median(times) for times in zip(*pairs, strict=True))
    return {"name": name, "value": value, "unit": "ms", "limit": limit, "ratio": value / limit}


class _Project:
    def __init__(
        self, folder: Path, count: int, active: int = ACTIVE, apps: Sequence[str] = ("app",)
    ) -> None:
        folder.mkdir()
        self._settings = Settings.load(folder, {}, app_retry_seconds=0)
        asleep = [name for name in apps if name in OWN_APPS and ASLEEP in OWN_APPS[name].requires]
        self._judging = len(apps) - len(asleep)
        self._database = records_at(self._settings.location("records_url"))
        self._number = HISTORY
        with self._database.write() as connection:
            for app in apps:
                registry.register_app(connection, app, None, NOW_US)
                note_requirements(connection, app, OWN_APPS[app].requires if app in OWN_APPS else ())
            names = [f"{number:032x}" for number in range(count)]
            upsert(connection, endpoints, [_endpoint(name) for name in names])
            upsert(connection, traffic, [_traffic(name) for name in names])
            upsert(connection, windows, [row for name in names for row in _windows(name)])
        self._active = names[:: count // active]
        settings = self._settings
        streams = [windows_of(settings, app) for app in apps]
        for read in (events_of(settings), reports_of(settings), *streams):
            open_stream(read.url, read.partitions, settings).close()
        self._controller = Controller.open(self._settings)

    def tick(self) -> float:
        """Give the active endpoints new rows, tick, and return the tick's milliseconds."""
        start_us = NOW_US + self._number * PERIOD_US
        self._number += 1
        minutes = range(start_us, start_us + PERIOD_US, 60_000_000)
        with self._database.write() as connection:
            # What was sent before has been answered since.
            answered = {"answered": windows.c.sent, "outcome": "done"}
            connection.execute(update(windows).where(windows.c.check_us.is_not(None)).values(**answered))
            rows = [
                {"endpoint_id": name, "minute_us": minute_us, "version": 1, "rows": 60}
                for name in self._active
                for minute_us in minutes
            ]
            upsert(connection, dirty, rows)
            last = {"last_request_us": start_us + 2 * PERIOD_US, "committed_us": start_us + PERIOD_US}
            connection.execute(update(traffic).where(traffic.c.endpoint_id.in_(self._active)).values(**last))
        began = time.perf_counter()
        report = self._controller.tick_blocking(start_us + PERIOD_US + 60_000_000)
        milliseconds = (time.perf_counter() - began) * 1e3
        assert (report["taken_over"]["minutes"], report["sent"]["new"]) == (
            10 * len(self._active), self._judging * len(self._active),
        ), report  # fmt: skip
        return milliseconds

    def close(self) -> None:
        asyncio.run(self._controller.close())
        self._database.close()


class _Waiting:
    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir()
        settings = Settings.load(folder, {}, maintenance_seconds=0)
        self._controller = Controller.open(settings)
        self._now_us = NOW_US + 2 * HISTORY * PERIOD_US
        records = records_at(settings.location("records_url"))
        with records.write() as connection:
            registry.register_app(connection, "app", None, NOW_US)
            names = [f"{number:032x}" for number in range(count)]
            upsert(connection, endpoints, [_endpoint(name) for name in names])
            upsert(connection, traffic, [_traffic(name) for name in names])
            start_us = NOW_US + (HISTORY - 1) * PERIOD_US
            waiting = [_window(name, start_us, 0, start_us + PERIOD_US) for name in names]
            upsert(connection, windows, waiting)
        records.close()

    def tick(self) -> float:
        began = time.perf_counter()
        report = self._controller.tick_blocking(self._now_us)
        milliseconds = (time.perf_counter() - began) * 1e3
        assert report["sent"]["new"] == 0, report
        self._now_us += 5_000_000
        return milliseconds

    def close(self) -> None:
        asyncio.run(self._controller.close())


def _endpoint(name: str) -> dict[str, Any]:
    texts = dict.fromkeys(("function_name", "function_uri", "model_class", "model_uri", "version"), "")
    empty = dict.fromkeys(("labels", "feature_stats", "policy"), "{}")
    lists = dict.fromkeys(("feature_names", "label_names"), "[]")
    return {
        "endpoint_id": name, "project": "bench", "name": name, **texts, **empty, **lists,
        "endpoint_type": 1, "mode": "real_time", "discovered": True,
        "created_us": NOW_US, "updated_us": NOW_US,
    }  # fmt: skip


def _traffic(name: str) -> dict[str, Any]:
    counts = dict.fromkeys(("received", "stored"), 1_000)
    nothing = dict.fromkeys(("errors", "rejected", "late", "missing"), 0)
    end_us = NOW_US + HISTORY * PERIOD_US
    return {
        "endpoint_id": name, **counts, **nothing, "last_error": "",
        "first_request_us": NOW_US, "last_request_us": end_us, "committed_us": end_us,
    }  # fmt: skip


def _windows(name: str) -> Iterator[dict[str, Any]]:
    """A history that is done, and a window in the far future that waits for its end."""
    for number in range(HISTORY):
        yield _window(name, NOW_US + number * PERIOD_US, 1, None)
    far_us = NOW_US + 1_000 * HISTORY * PERIOD_US
    yield _window(name, far_us, 0, far_us + PERIOD_US)


def _window(name: str, start_us: int, sent: int, check_us: int | None) -> dict[str, Any]:
    return {
        "endpoint_id": name, "application_name": "app", "start_us": start_us,
        "end_us": start_us + PERIOD_US, "wanted": 1, "sent": sent, "sent_us": start_us, "sends": sent,
        "dirty_us": start_us, "late": 0, "incomplete": 0, "check_us": check_us,
        "attempts": sent, "attempt_revision": sent, "answered": sent, "outcome": "done" if sent else "",
        "error": "", "envelopes": sent, "rows": 600 * sent,
    }  # fmt: skip
