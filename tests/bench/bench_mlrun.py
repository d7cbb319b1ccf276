"""Our stream function beside MLRun's own, on the same bytes: events per second of CPU, in turns.

Ours is given its messages as the embedded runner does, and writes ledger, series and Parquet with fsync.
Left out, by name, where MLRun is not installed (`make services`).
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from modelmon.model import Message
from services.mlrun import MLRUN_VERSION, mlrun_python
from tests.bench.bench_stream import FEATURES, graph_seconds, messages_of

TURNS = 3
CASES = (  # (rows of an event, endpoints, events of ours, of them MLRun's)
    (1, 1, 40_000, 2_000),
    (1, 100, 40_000, 2_000),
    (100, 1, 1_500, 100),
)
BATCHES = {1: 10_000, 100: 500}


def measure() -> list[dict[str, Any]]:
    """Entries for `make bench`; none where there is no MLRun."""
    if not mlrun_python().exists():
        print(f"  left out: MLRun {MLRUN_VERSION} is not installed; `make services` does", file=sys.stderr)
        return []
    return [_measure(*case) for case in CASES]


def _measure(rows: int, endpoints: int, events: int, theirs: int) -> dict[str, Any]:
    messages = messages_of(rows, endpoints, events)
    turns = [
        (_ours(messages, BATCHES[rows]), _theirs(messages[:theirs], theirs * rows)) for _ in range(TURNS)
    ]
    ours, limit = (statistics.median(turn[place] for turn in turns) for place in (0, 1))
    return {
        "name": f"MLRun's stream function as limit, {rows}-row events, {endpoints} "
        f"endpoint{'s' * (endpoints > 1)}",
        "value": ours,
        "unit": "events/CPU s",
        "limit": limit,
        "ratio": ours / limit,
    }


def _ours(messages: list[Message], batch: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return len(messages) / asyncio.run(graph_seconds(messages, batch, folder)).cpu


def _theirs(messages: list[Message], rows: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder, "events")
        events.write_bytes(b"\n".join(message.body for message in messages))
        script = Path(__file__).with_name("mlrun_stream.py")
        command = [str(mlrun_python()), str(script), str(events), str(FEATURES)]
        environment = {**os.environ, "MLRUN_DBPATH": folder, "PYTHONPATH": ""}
        done = subprocess.run(
            [*command, str(FEATURES)],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["rows"] == rows, found
        return len(messages) / float(found["seconds"])
