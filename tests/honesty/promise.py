"""The least change that a window says it shows with 90 %: how often a change of just that is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from modelmon.stats import LeastChange, Profile, cell_counts, judge, profile
from modelmon.stats.judgement import thresholds, window_ratios
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import INDEPENDENT, Rng, ar1, cell_chances, seeded

SIZES = (50, 100, 200, 500, 1000, 5000, 20_000)
SETTINGS = ((1, 1 / 100), (20, 1 / 720), (100, 1 / 720), (100, 1 / 4320))
LEAST, MOST = 0.85, 0.99
HOUR = 3600.0
REFERENCES = 20


def promised(made: Profile, rows: int, features: int, budget: float, **options: float) -> LeastChange:
    """What a window of `rows` unchanged rows says of the one feature, which has its part of `features`."""
    counts = np.zeros(made.width, dtype=np.int64)
    counts[counts.size // 2] = rows  # what could have been seen depends on how many rows there are alone
    return judge(counts[None, :], made, budget=budget / features, **options).least_changes[0]


def kept_from_counts(kind: str, windows: int, m: int) -> tuple[dict[str, str], bool]:
    """Moves by the promised sigma, over twenty training sets."""
    trainings = [INDEPENDENT[kind](seeded("promise", kind, place), m) for place in range(REFERENCES)]
    references = [profile(pd.DataFrame({"x": values})) for values in trainings]
    cells, holds = {}, True
    for features, budget in SETTINGS:
        for rows in SIZES:
            found = [_from_counts(made, kind, rows, features, budget, windows) for made in references]
            rate = Rate(sum(each.hits for _, each in found), sum(each.windows for _, each in found))
            name = f"{kind}, 1 of {features}, budget 1/{1 / budget:.0f}, {rows:,} rows"
            cells[name] = f"{found[0][0]:.2f} sigma: {rate.value:.2f}"
            holds &= not rate.is_below(LEAST) and not rate.is_above(MOST)
    return cells, holds


def _from_counts(
    made: Profile, kind: str, rows: int, features: int, budget: float, windows: int
) -> tuple[float, Rate]:
    """The promise, and what came of it: a normal feature is shifted by it, a lognormal one multiplied."""
    sigma = promised(made, rows, features, budget).sigma
    assert sigma is not None
    feature, shift = made.features[0], sigma
    if kind == "lognormal":
        feature, shift = replace(feature, edges=feature.edges / np.exp(2 * sigma)), 0.0
    rng = seeded("promise", kind, rows, features, budget, made.features[0].edges[3])
    counts = rng.multinomial(rows, cell_chances(feature, kind, shift), size=windows // REFERENCES)
    ratios = window_ratios(counts[:, None, :], thresholds(made, budget=budget / features))
    return sigma, Rate(int((ratios >= 1).sum()), len(counts))


def kept_over_time(windows: int, m: int) -> tuple[dict[str, str], bool]:
    """The same for windows of rows that remember, with the variance between stretches of the training set."""
    cells, holds = {}, True
    for rows in (50, 200, 1000):
        rng = seeded("promise over time", rows)
        frame = pd.DataFrame({"when": np.arange(m) * HOUR / rows, "x": ar1(rng, 1, m)[0]})
        made = profile(frame, time_column="when", window_seconds=(HOUR,))
        move = promised(made, rows, 1, 0.01, window_seconds=HOUR).up
        if move is None or not np.isfinite(move):
            cells[f"AR(1), 1 of 1, budget 1/100, {rows:,} rows"] = "no shift"
            continue
        rate = _over_time(made, rng, rows, move, windows)
        cells[f"AR(1), 1 of 1, budget 1/100, {rows:,} rows"] = f"+{move:.3g}: {rate}"
        holds &= not rate.is_below(
            LEAST
        )  # more is seen than promised where a shift leaves the training range
    return cells, holds


def _over_time(made: Profile, rng: Rng, rows: int, move: float, windows: int) -> Rate:
    frames = (pd.DataFrame({"x": values + move}) for values in ar1(rng, windows, rows))
    hits = sum(
        judge(cell_counts(frame, made), made, budget=0.01, window_seconds=HOUR).alarm for frame in frames
    )
    return Rate(hits, windows)


def row_of_promises(windows: int = 1000, m: int = 50_000) -> Row:
    """Row 10."""
    found = [kept_from_counts("normal", windows, m), kept_from_counts("lognormal", windows, m)]
    found.append(kept_over_time(windows, m))
    cells = {name: value for each, _ in found for name, value in each.items()}
    names = ("normal", "lognormal", "AR(1)")
    broken = [name for name, (_, holds) in zip(names, found, strict=True) if not holds]
    return Row(
        "10",
        "a shift promised to be seen with 90 %, from 50 rows on: seen in 0.85 to 0.99 of windows; AR(1) in "
        "0.85 at least",
        cells,
        not broken,
        f"not so for: {', '.join(broken) or 'none'}",
    )
