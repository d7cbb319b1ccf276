"""What rules by the clock cost a minute: 1,000 endpoints with an hour of traffic, ten rules, in CPU time.

The limit is what it costs to read that hour of traffic once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from modelmon.model import BatchRange, TrafficPoint, from_us
from modelmon.views.recent_traffic import read_recent
from unit.timed_support import MINUTE, START, Clocked

ENDPOINTS, PAGE, REPEATS = 1_000, 5_000, 5
RULES = """
  - {name: quiet, when: {silent: 20m}}
  - {name: alone, when: {silent_alone: 20m}}
  - {name: few, when: {requests: '< 5'}}
  - {name: usual, when: {requests_of_usual: '< 50 %'}}
  - {name: errors, when: {error_share: '> 5 %'}}
  - {name: slow, when: {latency_p95: '> 300 ms'}}
  - {name: late, when: {late_share: '> 5 %'}}
  - {name: missing, when: {missing_events: '> 0'}}
  - {name: columns, when: {schema_changes: '> 0'}}
  - {name: dead, when: {dead_letters: '> 0'}}
"""


def measure() -> list[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        of = Clocked(Path(folder), RULES, endpoints=ENDPOINTS)
        of.served(*of.endpoints)
        _write_traffic(of)
        of.tick()
        read = lambda: read_recent(of.database, of.series, of.endpoints, from_us(of.now), 60)  # noqa: E731
        limit = min(_cpu_ms(read) for _ in range(REPEATS))
        calm = min(_cpu_ms(of.tick) for _ in range(REPEATS))
        of.wait(24)
        assert len(of.open()) == ENDPOINTS
        silent = min(_cpu_ms(of.tick) for _ in range(REPEATS))
    named = {"all calm": calm, "all silent": silent}
    return [
        {
            "name": f"ten rules by the clock, {ENDPOINTS:,} endpoints, {name}",
            "value": value,
            "unit": "ms of CPU a minute",
            "limit": limit,
            "ratio": value / limit,
        }
        for name, value in named.items()
    ]


def _write_traffic(of: Clocked) -> None:
    bins = (*[0] * 9, 30)
    points = [
        TrafficPoint(
            each, START - minute * MINUTE, predictions=30, rows=30, errors=1, latency_count=30,
            latency_us_max=500, latency_us_histogram=bins,
        )
        for each in of.endpoints
        for minute in range(60)
    ]  # fmt: skip
    for first in range(0, len(points), PAGE):
        of.series.write_traffic(BatchRange(uuid4().hex, 0, 0, first), points[first : first + PAGE])


def _cpu_ms(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1_000
