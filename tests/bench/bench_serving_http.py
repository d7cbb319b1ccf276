"""What `set_tracking` takes of a model server's requests a second, over HTTP and at full speed.

Two serving functions on the embedded runner, one with tracking; each is asked in turn by a process of its
own, so that what is compared was seen on the same machine at the same time. CPU is that of the worker.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from deploying import workers_of
from modelmon.local import Runner
from modelmon.project import get_or_create_project
from tests.bench.http_load import load

BLOCKS, SECONDS = 7, 2.0
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
MODEL = """
from modelmon.serving import V2ModelServer

class First(V2ModelServer):
    def load(self):
        self.ready = True

    def predict(self, request):
        return [row[0] for row in request["inputs"]]
"""


def measure() -> list[dict]:
    """Entries for `make bench`."""
    with tempfile.TemporaryDirectory() as folder:
        _deploy(Path(folder))
        runner = Runner(Path(folder))
        runner.start()
        try:
            runner.wait_until_ready()
            return [
                entry
                for rows, connections in ((1, 1), (1, 8), (100, 8))
                for entry in _entries(runner, Path(folder), rows, connections)
            ]
        finally:
            runner.stop()


def _deploy(folder: Path) -> None:
    (folder / "model.py").write_text(MODEL)
    project = get_or_create_project("bench", context=str(folder))
    for name in ("plain", "tracked"):
        serving = project.set_function("model.py", name=name)
        serving.add_model("m", class_name="First", model_path="model.py")
        if name == "tracked":
            serving.set_tracking()
        serving.deploy()


def _entries(runner: Runner, folder: Path, rows: int, connections: int) -> list[dict]:
    seen: dict[str, list[dict[str, float]]] = {"plain": [], "tracked": []}
    for block in range(BLOCKS):
        for name, blocks in seen.items():
            found = _block(runner, folder, name, rows, connections)
            if block:  # the first warms up
                blocks.append(found)
    size = f"{rows} row{'s' if rows > 1 else ''}, {connections} connection{'s' if connections > 1 else ''}"
    plain, tracked = ({key: _median(blocks, key) for key in blocks[0]} for blocks in seen.values())
    entries = [
        _entry(f"tracked requests over HTTP, {size}", "requests/s", "requests_per_second", tracked, plain),
        _entry(f"  CPU of the worker, {size}", "µs", "cpu_us", tracked, plain),
        _entry(f"  latency p50, {size}", "µs", "p50_us", tracked, plain),
        _entry(f"  latency p99, {size}", "µs", "p99_us", tracked, plain),
    ]
    lost = sum(each["dropped"] for each in seen["tracked"])
    asked = sum(each["requests"] for each in seen["tracked"])
    return [*entries, {"name": f"  events dropped, {size}", "value": lost, "unit": "events", "limit": asked,
                       "ratio": lost / asked}]  # fmt: skip


def _block(runner: Runner, folder: Path, name: str, rows: int, connections: int) -> dict[str, float]:
    address = runner.address(name)
    before, cpu = _stats(address), _cpu_us(folder, name)
    found = load(address, "/v2/models/m/infer", connections=connections, seconds=SECONDS, rows=rows)
    while (after := _stats(address)).get("held"):
        time.sleep(0.05)
    requests = found["requests_per_second"] * SECONDS
    spent = _cpu_us(folder, name) - cpu
    dropped = after.get("dropped", 0) - before.get("dropped", 0)
    return {**found, "cpu_us": spent / requests, "requests": requests, "dropped": dropped}


def _stats(address: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"http://{address}/health", timeout=30).json()["tracking"]
    return found


def _cpu_us(folder: Path, name: str) -> float:
    (pid,) = [worker["pid"] for worker in workers_of(folder, name)]
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_US


def _median(blocks: list[dict[str, float]], key: str) -> float:
    return statistics.median(block[key] for block in blocks)


def _entry(name: str, unit: str, key: str, tracked: dict[str, float], plain: dict[str, float]) -> dict:
    ratio = tracked[key] / plain[key]
    return {"name": name, "value": tracked[key], "unit": unit, "limit": plain[key], "ratio": ratio}
