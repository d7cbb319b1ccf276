"""Whole requests to the page: time of the server, bytes sent, the cost of history, first paint in a browser.

The limits are aims, but for the history: there it is the same page with 7 days in turns with 90.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

from api_client import ApiClient
from made_project import Made
from page_server import page_served
from tests.bench.made_fixtures import LONG, SHORT, asked, kept, named, on_postgresql
from tests.services import chromium

TIMES, ROUNDS = 21, 9
LIST = "/projects/made/endpoints"
OF_WORST = f"{LIST}/{0:032x}"
AIMS = ((LIST, "the list", 0.3), (f"{OF_WORST}/features", "the features", 0.5), ("/metrics", "/metrics", 1.0))
LIST_BYTES, FIRST_PAINT = 60_000, 1.0
_PAINT = "(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0)"


def measure() -> list[dict[str, Any]]:
    """Seconds of the 95th percentile and CPU seconds of the median; bytes; first paint."""
    short, long = kept(SHORT), kept(LONG)
    found = [*_times("SQLite", short), *_times("SQLite", long)]
    with on_postgresql() as made:
        if made is not None:
            found += _times("PostgreSQL", made)
    found.append(_history(short, long))
    if not chromium.missing():
        found.append(_first_paint(long))
    return found


def _times(technology: str, made: Made) -> Iterator[dict[str, Any]]:
    of = named(technology, made)
    with asked(made) as client:
        for path, name, aim in AIMS:
            client.get(path)
            found = sorted(_seconds(client, path) for _ in range(TIMES))
            p95, cpu = found[TIMES * 95 // 100][0], statistics.median(cpu for _, cpu in found)
            yield _entry(f"{name}, p95, {of}", p95, "s", aim)
            yield _entry(f"{name}, CPU, {of}", cpu, "s", aim)
        sent = client.get(LIST).num_bytes_downloaded
        yield _entry(f"the list, bytes sent, {of}", sent, "bytes", LIST_BYTES)


def _history(short: Made, long: Made) -> dict[str, Any]:
    """The list's CPU with the longer history beside that with the shorter."""
    found: dict[int, list[float]] = {}
    for _ in range(ROUNDS):
        for made in (short, long):
            with asked(made) as client:
                client.get(LIST)
                found.setdefault(made.shape.days, []).append(_seconds(client, LIST)[1])
    value, limit = (statistics.median(found[made.shape.days]) for made in (long, short))
    name = f"the list, CPU, {long.shape.days} days beside {short.shape.days} days"
    return _entry(name, value, "s", limit)


def _first_paint(made: Made) -> dict[str, Any]:
    """Of the list over uvicorn on loopback; the browser's own figure, the median."""
    with asked(made), page_served(made.settings) as address, chromium.browser() as browser:
        found = []
        for _ in range(ROUNDS):
            page = browser.new_page()
            page.goto(f"{address}{LIST}")
            page.wait_for_function(f"() => {_PAINT} > 0")
            found.append(page.evaluate(_PAINT) / 1000)
            page.close()
    return _entry(
        f"the list, first paint, {named('SQLite', made)}", statistics.median(found), "s", FIRST_PAINT
    )


def _seconds(client: ApiClient, path: str) -> tuple[float, float]:
    """By the clock, and of CPU in all threads of this process."""
    began, cpu = time.perf_counter(), time.process_time()
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return time.perf_counter() - began, time.process_time() - cpu


def _entry(name: str, value: float, unit: str, limit: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "limit": limit, "ratio": value / limit}
