"""Rows judged by a contract, 100,000 rows of 100 columns, in CPU time on one core.

The limit is what the statistics of the same rows cost (`describe`), which a contract is suggested from.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from modelmon.contracts.judging import judge_rows
from modelmon.contracts.suggesting import read_training_rows, suggest
from modelmon.stats import describe

ROWS, NUMBERS, TEXTS, TRAINING, REPEATS = 100_000, 80, 20, 20_000, 5
ALPHA = 1 / 4_320


def measure() -> list[dict[str, Any]]:
    training, window = table(TRAINING, 1), table(ROWS, 2)
    names = tuple(training.column_names)
    contract = suggest(describe(training), read_training_rows(training, names))
    works: dict[str, Callable[[], object]] = {
        "suggested from the training set": lambda: suggest(
            describe(training), read_training_rows(training, names)
        ),
        "window judged": lambda: judge_rows(window, contract, ALPHA, features=names),
    }
    limit = min(_cpu_ms(lambda: describe(window)) for _ in range(REPEATS))
    best = {name: min(_cpu_ms(work) for _ in range(REPEATS)) for name, work in works.items()}
    return [
        {
            "name": f"contracts, {name}, {NUMBERS + TEXTS} columns",
            "value": value,
            "unit": "ms of CPU",
            "limit": limit,
            "ratio": value / limit,
        }
        for name, value in best.items()
    ]


def table(rows: int, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    numbers = {f"x{place}": random.standard_normal(rows) for place in range(NUMBERS)}
    texts = np.array([f"kind {place}" for place in range(20)])
    return pa.table(numbers | {f"c{place}": random.choice(texts, rows) for place in range(TEXTS)})


def _cpu_ms(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1_000
