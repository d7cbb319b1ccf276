"""20 people who click, each once in five seconds, beside a stream function that takes events.

In turns, with and without them. The page, the people and the stream function are a process each. Pages are of
the project whose records the stream function writes, and of the large one. The aim is 1.05.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.bench_stream import Seconds, graph_seconds, messages_of
from tests.bench.made_fixtures import LONG, kept
from tests.bench.page_process import page_beside
from tests.bench.people import people_who_click

PEOPLE, EVERY_SECONDS, ROUNDS = 20, 5.0, 3
ROWS, ENDPOINTS, EVENTS, BATCH = 1, 100, 200_000, 10_000
WORST = f"{0:032x}"
PATHS = (
    "/projects/made/endpoints", "/projects/bench/endpoints", f"/projects/made/endpoints/{WORST}",
    "/projects/bench/functions", f"/projects/made/endpoints/{WORST}/features", "/projects/bench/incidents",
)  # fmt: skip


def measure() -> list[dict[str, Any]]:
    """CPU seconds of the stream function and how long it takes, with people and without."""
    turns = [(_turn(with_people=True), _turn(with_people=False)) for _ in range(ROUNDS)]
    found = []
    for name, of in (("CPU", lambda each: each.cpu), ("time", lambda each: each.wall)):
        value, limit = (statistics.median(of(turn[place]) for turn in turns) for place in (0, 1))
        found.append({
            "name": f"stream function beside {PEOPLE} people who click, {name}", "value": value, "unit": "s",
            "limit": limit, "ratio": statistics.median(of(one) / of(other) for one, other in turns),
        })  # fmt: skip
    return found


def _turn(*, with_people: bool) -> Seconds:
    made = kept(LONG)
    messages = messages_of(ROWS, ENDPOINTS, EVENTS)
    with TemporaryDirectory() as folder:
        Path(folder, "modelmon.yaml").write_text("project: bench\n", encoding="utf-8")
        with page_beside(made.now_us, made.settings.project_dir, folder) as address:
            addresses = [f"{address}{path}" for path in PATHS]
            if not with_people:
                return asyncio.run(graph_seconds(messages, BATCH, folder))
            with people_who_click(PEOPLE, EVERY_SECONDS, addresses) as seen:
                found = asyncio.run(graph_seconds(messages, BATCH, folder))
            print(f"  {seen[0]} pages in {found.wall:.1f} s", file=sys.stderr)
            return found
