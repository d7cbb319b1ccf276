"""`modelmon status` as a process: a quarter of a year of ten endpoints, and the newest day of 10,000.

The first has 657,000 stored points: windows of ten minutes with five results each. The limit is the
command on an empty project: Python, its imports, and nothing to show.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from modelmon.ledger import endpoints, registry
from modelmon.ledger.endpoint_apps import count_everything
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import traffic, verdicts, windows
from modelmon.model import Endpoint, ValuePoint
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.statements import chunks, upsert
from modelmon.stores.series import open_series

PERIOD_US = 600_000_000
QUARTER = 13_140  # windows of ten minutes
RESULTS = tuple(f"result-{number}" for number in range(5))
APP = "app"
TIMES = 5


def measure() -> list[dict[str, Any]]:
    """Seconds and MB of the whole command, in the terminal and as JSON."""
    with TemporaryDirectory() as folder:
        empty = project(Path(folder, "empty"), 0, 0)
        found = []
        for count, history in ((10, QUARTER), (10_000, 3)):
            full = project(Path(folder, str(count)), count, history)
            for form in ((), ("--json",)):
                found += _compared(full, empty, count, count * history * len(RESULTS), form)
    return found


def _compared(
    full: Path, empty: Path, count: int, points: int, form: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    runs = [(run(full, *form), run(empty, *form)) for _ in range(TIMES)]
    seconds, least = (min(pair[place][0] for pair in runs) for place in (0, 1))
    megabytes, base = (min(pair[place][1] for pair in runs) for place in (0, 1))
    name = f"modelmon status {' '.join(form)}".strip() + f", {count:,} endpoints, {points:,} points"
    yield {"name": name, "value": seconds, "unit": "s", "limit": least, "ratio": seconds / least}
    yield {
        "name": f"{name}, peak memory", "value": megabytes, "unit": "MB",
        "limit": base, "ratio": megabytes / base,
    }  # fmt: skip


def now_us() -> int:
    """The wall clock in microseconds."""
    return time.time_ns() // 1000


def newest_start_us() -> int:
    """The start of the window that the wall clock is in."""
    now = now_us()
    return now - now % PERIOD_US


def run(folder: Path, *form: str) -> tuple[float, float]:
    """Seconds and peak megabytes of the command in a process of its own."""
    command = [sys.executable, "-m", "modelmon", "status", "--project-dir", str(folder), *form]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return seconds, usage.ru_maxrss / 1024


def project(folder: Path, count: int, history: int) -> Path:
    """A project of `count` endpoints, each with so many windows that are done, and one that waits."""
    folder.mkdir(parents=True)
    (folder / "modelmon.yaml").write_text("project: bench\ndurability: process\n", encoding="utf-8")
    settings = Settings.load(folder)
    start_us = newest_start_us() - history * PERIOD_US
    database, series = open_records(settings), open_series(settings)
    with database.write() as connection:
        registry.register_app(connection, APP, None, start_us)
    names = [f"{number:032x}" for number in range(count)]
    for some in chunks(names):
        _write_endpoints(database, some, start_us, now_us())
    for name in names:
        for starts in chunks(range(start_us, start_us + history * PERIOD_US, PERIOD_US), 5_000):
            with database.write() as connection:
                upsert(connection, windows, [_window(name, each, done=True) for each in starts])
            series.write_values([_point(name, each, result) for each in starts for result in RESULTS])
    with database.write() as connection:
        for some in chunks(names):
            last = start_us + history * PERIOD_US
            upsert(connection, windows, [_window(name, last, done=False) for name in some])
            upsert(
                connection, verdicts,
                [_verdict(name, last - PERIOD_US, result) for name in some for result in RESULTS],
            )  # fmt: skip
        count_everything(connection)
    series.close()
    database.close()
    return folder


def _write_endpoints(database: Database, names: list[str], start_us: int, last_us: int) -> None:
    with database.write() as connection:
        for name in names:
            record = Endpoint(name, "bench", f"model-{int(name, 16)}", function_name="serving")
            endpoints.put(connection, record, start_us)
        rows = [_traffic(name, start_us, last_us) for name in names]
        upsert(connection, traffic, rows)
        assert connection.scalar(select(traffic.c.received)) == 1_000


def _traffic(name: str, start_us: int, last_us: int) -> dict[str, Any]:
    counts = dict.fromkeys(("received", "stored"), 1_000)
    nothing = dict.fromkeys(("errors", "rejected", "late", "missing"), 0)
    return {
        "endpoint_id": name, **counts, **nothing, "last_error": "",
        "first_request_us": start_us, "last_request_us": last_us, "committed_us": last_us,
    }  # fmt: skip


def _window(name: str, start_us: int, *, done: bool) -> dict[str, Any]:
    return {
        "endpoint_id": name, "application_name": APP, "start_us": start_us,
        "end_us": start_us + PERIOD_US, "wanted": 1, "sent": int(done), "sent_us": start_us,
        "sends": int(done), "dirty_us": start_us, "late": 0, "incomplete": 0,
        "check_us": None if done else start_us + PERIOD_US, "attempts": 0, "attempt_revision": 0,
        "answered": int(done), "outcome": "done" if done else "", "error": "", "envelopes": int(done),
        "rows": 600 * done,
    }  # fmt: skip


def _point(name: str, start_us: int, result: str) -> ValuePoint:
    value = int(name, 16) % 97 / 97
    return ValuePoint(
        name, APP, start_us, start_us + PERIOD_US, result, value, 1,
        kind=0, status=2 if value > 0.97 else 0, extra_data='{"feature":"wind","rows":600}',
    )  # fmt: skip


def _verdict(name: str, start_us: int, result: str) -> dict[str, Any]:
    point = _point(name, start_us, result)
    return {field: getattr(point, field) for field in verdicts.columns.keys()}  # noqa: SIM118
