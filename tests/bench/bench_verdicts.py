"""Verdicts of the drift app's statistics, 100,000 rows of 100 features, in CPU time on one core.

Beside them `numpy.bincount`, the one pass that no histogram can do without. `BENCH_PEERS=1` also measures
NannyML and Evidently, each at its defaults in an environment of its own under build/peers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from modelmon.function_spec.telemetry import NO_TELEMETRY
from modelmon.stats import Profile, bets_of, cell_counts, fold, judge, profile

ROWS, FEATURES, TRAINING, REPEATS, WINDOWS = 100_000, 100, 20_000, 9, 10_000
BUDGET = 1 / 720
WEIGHTS, FLOORS = {f"x{place}": 3.0 for place in range(0, FEATURES, 7)}, {"x3": 0.2, "x5": 0.3}
PEERS = {
    "nannyml": ("nannyml==0.13.1", "statsmodels"),  # which it imports undeclared
    "evidently": ("evidently==0.7.23", "pandas<3"),
}
HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "build" / "peers"


def measure() -> list[dict[str, Any]]:
    made = profile(table(TRAINING, 1))
    clean, moved = table(ROWS, 2), table(ROWS, 3, shift=0.3)
    counts, moved_counts = cell_counts(clean, made), cell_counts(moved, made)
    places = [np.clip(column.to_numpy() * 5 + 16, 0, 35).astype(np.intp) for column in clean.columns]
    chosen: dict[str, Any] = {"profile": made, "budget": BUDGET, "weights": WEIGHTS, "floors": FLOORS}
    works: dict[str, Callable[[], object]] = {
        "bincount": lambda: [np.bincount(place, minlength=36) for place in places],
        "counts of cells": lambda: cell_counts(clean, made),
        "verdict from rows": lambda: judge(cell_counts(clean, made), made, budget=BUDGET),
        "verdict from counts": lambda: judge(counts, made, budget=BUDGET),
        "verdict from rows, with weights and floors": lambda: judge(cell_counts(clean, made), **chosen),
        "verdict from counts, with weights and floors": lambda: judge(counts, **chosen),
        "verdict from counts, all moved": lambda: judge(moved_counts, made, budget=BUDGET),
        f"{WINDOWS:,} windows folded": _folding(made),
    }
    # In turns: on a busy machine the best of each then saw the same quiet moments.
    timed = [{name: _cpu_ms(work) for name, work in works.items()} for _ in range(REPEATS)]
    best = {name: min(times[name] for times in timed) for name in works}
    limit = best.pop("bincount")
    entries = [_entry(f"{name}, {ROWS:,} x {FEATURES}", value, limit) for name, value in best.items()]
    return entries + _peers(best["verdict from rows"])


def table(rows: int, seed: int, shift: float = 0.0) -> pa.Table:
    values = np.random.default_rng(seed).standard_normal((FEATURES, rows)) + shift
    return pa.table({f"x{place}": column for place, column in enumerate(values)})


def _folding(made: Profile) -> Callable[[], object]:
    sums = np.random.default_rng(4).standard_normal((WINDOWS, FEATURES, 5)) * 10
    sums[:, :, 0] = 100
    bets = bets_of(made)
    return lambda: fold(None, sums, bets, budget=BUDGET)


def _peers(ours: float) -> list[dict[str, Any]]:
    if not os.environ.get("BENCH_PEERS"):
        print("NannyML and Evidently are left out; BENCH_PEERS=1 installs and measures them", file=sys.stderr)
        return []
    entries = []
    for name, packages in PEERS.items():
        package = packages[0]
        try:
            value = _peer(name, packages)
        except (subprocess.CalledProcessError, OSError, ValueError) as error:
            print(f"{package} could not be measured: {error}", file=sys.stderr)
            continue
        entries.append(_entry(f"{package}, one window, {ROWS:,} x {FEATURES}, beside ours", value, ours))
    return entries


def _peer(name: str, packages: tuple[str, ...]) -> float:
    """CPU milliseconds of a peer's own verdict on the same window; it reaches nobody but this machine."""
    environment, python = FOLDER / name, FOLDER / name / "bin" / "python"
    if not (environment / ".ready").exists():
        subprocess.run(
            [sys.executable, "-m", "uv", "venv", "-q", "--allow-existing", environment], check=True
        )
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python, *packages], check=True
        )
        (environment / ".ready").touch()
    nowhere = "http://127.0.0.1:9"
    silent = {
        **NO_TELEMETRY,
        "http_proxy": nowhere,
        "https_proxy": nowhere,
    }
    done = subprocess.run(
        [python, HERE / "peer_verdicts.py", name, str(ROWS), str(FEATURES), str(TRAINING)],
        env={**os.environ, **silent},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def _cpu_ms(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def _entry(name: str, value: float, limit: float) -> dict[str, Any]:
    return {
        "name": f"verdicts, {name}",
        "value": value,
        "unit": "ms of CPU",
        "limit": limit,
        "ratio": value / limit,
    }
