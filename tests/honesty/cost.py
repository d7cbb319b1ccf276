"""What a verdict costs on one core, in CPU time: the best of several runs, as other work only adds to it."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from modelmon.stats import Profile, cell_counts, judge, profile
from tests.honesty.rates import Row
from tests.honesty.streams import seeded

ROWS, FEATURES = 100_000, 100
FROM_ROWS_MS, FROM_COUNTS_MS = 60.0, 5.0


def window_table(rows: int = ROWS, features: int = FEATURES, shift: float = 0.0) -> pa.Table:
    values = seeded("cost", shift).standard_normal((features, rows)) + shift
    return pa.table({f"x{place}": column for place, column in enumerate(values)})


def trained(features: int = FEATURES) -> Profile:
    return profile(window_table(20_000, features))


def cpu_ms(work: Callable[[], object], times: int) -> float:
    """Milliseconds of CPU of the quickest of so many runs."""
    found = []
    for _ in range(times):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return 1000 * float(np.min(found))


def row_of_cost() -> Row:
    """Row 17: 100,000 rows of 100 features."""
    made = trained()
    clean, moved = window_table(), window_table(shift=0.3)
    counts, moved_counts = cell_counts(clean, made), cell_counts(moved, made)
    from_rows = cpu_ms(lambda: judge(cell_counts(clean, made), made, budget=1 / 720), 9)
    from_counts = cpu_ms(lambda: judge(counts, made, budget=1 / 720), 40)
    all_moved = cpu_ms(lambda: judge(moved_counts, made, budget=1 / 720), 40)
    return Row(
        "17",
        "100,000 rows of 100 features: at most 60 ms of CPU from rows, 5 ms from counts",
        {
            "from rows, nothing moved": f"{from_rows:.1f} ms",
            "from counts, nothing moved": f"{from_counts:.1f} ms",
            "from counts, every feature moved": f"{all_moved:.1f} ms",
        },
        from_rows <= FROM_ROWS_MS and from_counts <= FROM_COUNTS_MS and all_moved <= FROM_COUNTS_MS,
        f"{from_rows:.0f} ms from rows, {from_counts:.1f} ms from counts",
    )
