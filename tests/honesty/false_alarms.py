"""Windows of the very process of the training set: how often they alarm."""

from __future__ import annotations

from collections.abc import Sequence

from modelmon.stats import Profile, cell_counts, judge, profile
from modelmon.stats.judgement import thresholds, window_ratios
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import cell_chances, drawn_counts, kinds, seeded, training_frame, window_frames

HOUR = 3600.0
ROWS = (50, 200, 1000, 5000)
STREAMS = ("mixed", "normal", "lognormal", "cat2", "text300", "zeros95", "ar1", "wave")
DEPENDENT = ("ar1", "wave")


def from_rows(
    stream: str,
    rows: int,
    *,
    budget: float,
    windows: int,
    references: int,
    features: int = 20,
    m: int = 50_000,
) -> Rate:
    """Alarms of windows of `rows` against training sets in order of time, each window an hour."""
    hits, number = 0, 0
    for reference in range(references):
        rng = seeded("false alarms", stream, rows, reference)
        training = training_frame(rng, stream, features, m, rows)
        made = profile(training, time_column="when", window_seconds=(HOUR,))
        for frame in window_frames(rng, stream, features, rows, windows // references):
            hits += judge(cell_counts(frame, made), made, budget=budget, window_seconds=HOUR).alarm
            number += 1
    return Rate(hits, number)


def row_of_streams(
    windows: int = 300, references: int = 3, streams: Sequence[str] = STREAMS, sizes: Sequence[int] = ROWS
) -> Row:
    """Row 1: budget 0.01, 20 features, eight streams."""
    cells, is_over, too_many = {}, [], []
    for stream in streams:
        for rows in sizes:
            rate = from_rows(stream, rows, budget=0.01, windows=windows, references=references)
            cells[f"{stream}, {rows} rows"] = str(rate)
            if rate.is_above(0.01):
                is_over.append(f"{stream} {rows}")
            if stream not in DEPENDENT and rate.hits > 3 * windows / 300:
                too_many.append(f"{stream} {rows}")
    return Row(
        "1",
        "false alarms at a budget of 0.01: no cell over it, independent streams at most 3 of 300",
        cells,
        not is_over and not too_many,
        f"over: {', '.join(is_over + too_many) or 'none'}",
    )


def from_counts(
    made: Profile, of: dict[str, str], rows: int, *, budget: float, windows: int, seed: str
) -> Rate:
    """Alarms of windows whose counts are drawn from the true probabilities of the cells."""
    rng = seeded(seed, rows, made.rows)
    chances = [cell_chances(feature, of[feature.name]) for feature in made.features]
    ruled = thresholds(made, budget=budget)
    hits, step = 0, 100
    for start in range(0, windows, step):
        number = min(step, windows - start)
        counts = drawn_counts(made, chances, rng, rows, number)
        hits += int((window_ratios(counts, ruled) >= 1).sum())
    return Rate(hits, windows)


def row_of_counts(windows: int = 3000) -> Row:
    """Row 2: budget 1/720, 100 features, from 20 to 20,000 rows, training sets of three sizes."""
    cells, worst = {}, 0
    for m in (1000, 10_000, 50_000):
        of = kinds("mixed", 100)
        training = window_frames(seeded("counts", m), "mixed", 100, m, 1)[0]
        made = profile(training)
        for rows in (20, 50, 100, 200, 500, 1000, 5000, 20_000):
            rate = from_counts(made, of, rows, budget=1 / 720, windows=windows, seed="counts")
            cells[f"training {m:,}, {rows:,} rows"] = str(rate)
            worst = max(worst, rate.hits)
    return Row(
        "2",
        f"budget 1/720, 100 mixed features, {windows:,} windows a cell: at most {10 * windows // 3000} "
        f"alarms ({windows / 720:.1f} are allowed on average)",
        cells,
        worst <= 10 * windows / 3000,
        f"at most {worst} alarms in a cell",
    )
