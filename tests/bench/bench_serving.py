"""What `set_tracking` adds to a request of 1 and of 100 rows, in one process, on the embedded stream.

The limit is the same request untracked, in turns with the tracked one. "in the answer" is the median of
what the caller waits more; "CPU in all" includes the publisher's thread, to the end of the last publish. A
message is an event, or a hundred.

And the CPU that a process takes for its first tracked request, imports and all, beside importing NumPy.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from modelmon.serving import (
    ModelServing,
    ModelSpec,
    ServingSpec,
    Tracking,
    V2ModelServer,
    create_server,
    tracking_of,
)
from modelmon.settings import Settings

BLOCKS, REQUESTS, FEATURES = 40, 200, 10
QUICK = {"publish_flush_seconds": 0.05}


class First(V2ModelServer):
    """A model that costs next to nothing, so that what is seen is serving itself."""

    def predict(self, request: dict[str, Any]) -> Any:
        return [row[0] for row in request["inputs"]]


def measure() -> list[dict]:
    """Entries for `make bench`."""
    with tempfile.TemporaryDirectory() as folder:
        entries = [entry for batch in (1, 100) for entry in _measure(f"sqlite:///{folder}/{batch}", batch)]
    return [*entries, _first_request()]


def _measure(url: str, batch: int) -> list[dict]:
    servers = [_server(Tracking(enabled=False)), _server(tracking_of(url, batch=batch))]
    entries = [entry for rows in (1, 100) for entry in _entries(servers, rows, batch)]
    lost = servers[1].stats()["dropped"]
    servers[1].close_now()
    assert lost == 0, f"{lost} events dropped: what was measured is not tracking"
    return entries


FIRST_REQUEST = """
from modelmon.serving import *
from modelmon.settings import Settings
class Model(V2ModelServer):
    def predict(self, request): return [sum(row) for row in request["inputs"]]
spec = ServingSpec(project="p", function_name="f", models=[ModelSpec(key="m", class_name="Model")],
                   tracking=tracking_of("memory://first"))
server = create_server(spec, Settings.load(project="p", environ={}), classes={"Model": Model})
server.test("/v2/models/m/infer", {"inputs": [[1, 2]]})
server.close_now()
"""


def _first_request() -> dict:
    """The least of five processes each, in turns."""
    taken = [(_cpu(FIRST_REQUEST), _cpu("import numpy")) for _ in range(5)]
    first, numpy = (min(column) for column in zip(*taken, strict=True))
    name = "the first tracked request of a process, beside importing NumPy"
    return {"name": name, "value": first, "unit": "ms", "limit": numpy, "ratio": first / numpy}


def _cpu(code: str) -> float:
    timed = f"import time; start = time.process_time()\n{code}\nprint(time.process_time() - start)"
    return float(subprocess.check_output([sys.executable, "-c", timed])) * 1000


def _server(tracking: Tracking) -> ModelServing:
    models = [ModelSpec(key="m", class_name="First")]
    spec = ServingSpec(project="bench", function_name="f", models=models, tracking=tracking)
    return create_server(spec, Settings.load(project="bench", environ={}, **QUICK), classes={"First": First})


def _entries(servers: list[ModelServing], rows: int, batch: int) -> list[dict]:
    draw = random.Random(7)
    body = {"inputs": [[draw.gauss(0, 50) for _ in range(FEATURES)] for _ in range(rows)]}
    waits: list[list[float]] = [[], []]
    cpu: list[list[float]] = [[], []]
    for block in range(BLOCKS + 1):
        for place, server in enumerate(servers):
            block_waits, block_cpu = _block(server, body)
            if block:  # the first warms up
                waits[place].append(statistics.median(block_waits))
                cpu[place].append(block_cpu)
    size = f"{rows} row{'s' if rows > 1 else ''}" + (f", {batch} a message" if batch > 1 else "")
    return [
        _entry(f"set_tracking, request of {size}: in the answer", *map(statistics.median, waits)),
        _entry(f"set_tracking, request of {size}: CPU in all", *map(statistics.median, cpu)),
    ]


def _block(server: ModelServing, body: dict[str, Any]) -> tuple[list[float], float]:
    """Microseconds of each request, and of CPU per request until everything is published."""
    headers = {"Content-Type": "application/json"}
    waits, started_cpu = [], time.process_time_ns()
    for _ in range(REQUESTS):
        started = time.perf_counter_ns()
        server.handle("POST", "/v2/models/m/infer", headers, body)
        waits.append((time.perf_counter_ns() - started) / 1000)
    while server.stats().get("held"):
        time.sleep(0.01)  # costs no CPU, which is what is measured
    return waits, (time.process_time_ns() - started_cpu) / 1000 / REQUESTS


def _entry(name: str, untracked: float, tracked: float) -> dict:
    added = tracked - untracked
    return {"name": name, "value": added, "unit": "µs", "limit": untracked, "ratio": added / untracked}
