"""Whether p-values are what they say, and whether a change of exactly the floor keeps the budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from modelmon.stats import Profile, profile
from modelmon.stats.judgement import thresholds, window_ratios
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import INDEPENDENT, cell_chances, seeded

KNOWN = 1e12
"""Rows of a reference that is known without error."""
KINDS = ("normal", "zeros95", "cat5", "lognormal")


def known_profile(kind: str, shift: float = 0.0) -> Profile:
    """One feature whose cells hold exactly what their probabilities say."""
    import pandas as pd

    made = profile(pd.DataFrame({"x": INDEPENDENT[kind](seeded("cells", kind), 20_000)}))
    feature = made.features[0]
    counts = cell_chances(feature, kind, shift) * KNOWN
    return replace(made, features=(replace(feature, counts=counts, unlisted=0.0),), rows=int(KNOWN))


def alarms(made: Profile, chance: np.ndarray, rows: int, budget: float, floor: float, windows: int) -> Rate:
    """Alarms of windows that follow `chance` over the cells."""
    rng = seeded("exactness", made.features[0].kind, rows, windows, budget, floor)
    ruled = thresholds(made, budget=budget, floor=floor)
    hits, step = 0, 10_000
    for start in range(0, windows, step):
        counts = rng.multinomial(rows, chance, size=min(step, windows - start))
        hits += int((window_ratios(counts[:, None, :], ruled) >= 1).sum())
    return Rate(hits, windows)


def row_of_p_values(windows: int = 600_000) -> Row:
    """Row 3: no floor, a known reference."""
    cells, over = {}, []
    for kind in KINDS:
        made = known_profile(kind)
        chance = made.features[0].counts / made.features[0].counts.sum()
        for rows in (20, 50, 200, 1000):
            for budget in (1e-3, 1e-4):
                rate = alarms(made, chance, rows, budget, 0.0, windows)
                cells[f"{kind}, {rows:,} rows, budget {budget:g}"] = f"{rate.value / budget:.2f} of it"
                if rate.is_above(1.1 * budget):
                    over.append(f"{kind} {rows} {budget:g}")
    return Row(
        "3",
        f"one feature, no floor, a known reference, {windows:,} windows: alarms at most 1.1 of the budget",
        cells,
        not over,
        f"over: {', '.join(over) or 'none'}",
    )


def row_of_the_floor(windows: int = 20_000) -> Row:
    """Row 4: every row has moved so far that the level is just at the floor."""
    from modelmon.stats.questions import questions_of

    made, over, cells = known_profile("normal"), [], {}
    scores = questions_of(made, None).scores[0, 0]
    shifts = np.linspace(0, 0.2, 401)
    levels = [scores[:-1] @ cell_chances(made.features[0], "normal", shift)[:-1] for shift in shifts]
    chance = cell_chances(made.features[0], "normal", float(np.interp(0.1, levels, shifts)))
    for rows in (20, 50, 100, 200, 500, 1000, 5000, 20_000):
        for budget in (1e-2, 1e-3):
            rate = alarms(made, chance, rows, budget, 0.1, windows)
            cells[f"{rows:,} rows, budget {budget:g}"] = f"{rate.value / budget:.2f} of it"
            if rate.is_above(budget):
                over.append(f"{rows} {budget:g}")
    return Row(
        "4",
        f"a shift of exactly the floor, {windows:,} windows: alarms at most the budget at every size",
        cells,
        not over,
        f"over: {', '.join(over) or 'none'}",
    )
