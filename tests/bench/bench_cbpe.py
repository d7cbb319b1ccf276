"""CBPE beside NannyML's on its own car loans: CPU seconds of ten chunks of 5,000 rows, and how far apart.

Left out, by name, where NannyML is not installed (`make services`).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from modelmon.stats.performance.cbpe import estimate_performance, score_counts
from modelmon.stats.performance.score_calibration import calibrate
from services.nannyml import NANNYML_VERSION, CarLoans, car_loans, nannyml_python

REPEATS = 20


def measure() -> list[dict[str, Any]]:
    """Entries for `make bench`; none where there is no NannyML."""
    if not nannyml_python().exists():
        print(
            f"  left out: NannyML {NANNYML_VERSION} is not installed; `make services` does", file=sys.stderr
        )
        return []
    with tempfile.TemporaryDirectory() as folder:
        loans = car_loans(Path(folder))
    fit = min(
        _seconds(lambda: calibrate(loans.reference[:, 2], loans.reference[:, 0])) for _ in range(REPEATS)
    )
    calibration = calibrate(loans.reference[:, 2], loans.reference[:, 0])
    ours = min(
        _seconds(lambda: [_chunk(calibration, rows) for rows in chunks(loans)]) for _ in range(REPEATS)
    )
    return [
        _entry("CBPE, fit on 50,000 rows", fit, loans.fit_seconds),
        _entry("CBPE, ten chunks of 5,000 rows", ours, loans.estimate_seconds),
    ]


def chunks(loans: CarLoans) -> list[np.ndarray]:
    """The analysis rows, as NannyML cuts them."""
    starts = range(0, len(loans.analysis), loans.chunk_rows)
    return [loans.analysis[start : start + loans.chunk_rows] for start in starts]


def _chunk(calibration: Any, rows: np.ndarray) -> Any:
    return estimate_performance(calibration, score_counts(rows[:, 0], rows[:, 1]))


def _seconds(work: Any) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _entry(name: str, value: float, limit: float) -> dict[str, Any]:
    named = f"{name}: NannyML as limit"
    return {"name": named, "value": value * 1000, "unit": "ms", "limit": limit * 1000, "ratio": value / limit}
