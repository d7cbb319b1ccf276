"""Streams without drift, and what can go wrong with them: what the drift app's judgements are tried on."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.stats import expon, norm

from modelmon.stats import Profile

Values = np.ndarray
Rng = np.random.Generator

WAVE = 1.0
"""Amplitude of the weekly wave, in sigma of the rows around it."""
WEEK_HOURS = 168


def seeded(*key: object) -> Rng:
    """A generator of its own for each cell of the battery; the seed of all is in the key."""
    return np.random.default_rng(zlib.crc32("/".join(map(str, key)).encode()))


def zipf(names: int) -> Values:
    weights = 1 / np.arange(1, names + 1)
    return weights / weights.sum()


def _categories(chances: Values) -> Callable[[Rng, int], Values]:
    names = np.array([f"c{place:03d}" for place in range(chances.size)])
    edges = np.cumsum(chances)[:-1]
    return lambda rng, rows: names[np.searchsorted(edges, rng.random(rows), side="right")]


CHANCES = {
    "cat2": np.array([0.7, 0.3]),
    "cat5": zipf(5),
    "cat50": zipf(50),
    "text300": zipf(300),
}
INDEPENDENT: dict[str, Callable[[Rng, int], Values]] = {
    "normal": lambda rng, rows: rng.standard_normal(rows),
    "lognormal": lambda rng, rows: np.exp(2 * rng.standard_normal(rows)),
    "uniform": lambda rng, rows: rng.random(rows),
    **{name: _categories(chances) for name, chances in CHANCES.items()},
    "zeros95": lambda rng, rows: np.where(rng.random(rows) < 0.95, 0.0, rng.exponential(1.0, rows)),
}
BELOW: dict[str, Callable[[Values], Values]] = {
    "normal": norm.cdf,
    "lognormal": lambda x: norm.cdf(np.log(np.maximum(x, 1e-300)) / 2),
    "uniform": lambda x: np.clip(x, 0, 1),
    "zeros95": lambda x: np.where(x <= 0, 0.0, 0.95 + 0.05 * expon.cdf(x)),
}
"""Probability below an edge, so that counts of a window can be drawn without its rows."""


def ar1(rng: Rng, windows: int, rows: int, memory: float = 0.9) -> Values:
    """(windows, rows) of a stationary process of unit variance that remembers `memory` of its last value."""
    noise = rng.standard_normal((windows, rows)) * np.sqrt(1 - memory**2)
    noise[:, 0] = rng.standard_normal(windows)
    return lfilter([1], [1, -memory], noise, axis=1)


def wave(rng: Rng, rows: int, phase: float) -> Values:
    """Rows of one hour of a weekly wave; the phase is in weeks."""
    at = phase + rng.random(rows) / WEEK_HOURS
    return rng.standard_normal(rows) + WAVE * np.sin(2 * np.pi * at)


def kinds(stream: str, features: int) -> dict[str, str]:
    """Column names with the distribution of each; `mixed` has all of them in turn."""
    each = list(INDEPENDENT) if stream == "mixed" else [stream]
    return {f"{each[place % len(each)]}_{place}": each[place % len(each)] for place in range(features)}


def window_frames(rng: Rng, stream: str, features: int, rows: int, windows: int) -> list[pd.DataFrame]:
    """Windows of the very process that the training set comes from."""
    columns = kinds(stream, features)
    if stream == "ar1":
        values = {name: ar1(rng, windows, rows) for name in columns}
        return [pd.DataFrame({name: x[place] for name, x in values.items()}) for place in range(windows)]
    if stream == "wave":
        phases = rng.integers(0, WEEK_HOURS, windows) / WEEK_HOURS
        return [pd.DataFrame({name: wave(rng, rows, phase) for name in columns}) for phase in phases]
    return [
        pd.DataFrame({name: INDEPENDENT[kind](rng, rows) for name, kind in columns.items()})
        for _ in range(windows)
    ]


def training_frame(rng: Rng, stream: str, features: int, rows: int, window_rows: int) -> pd.DataFrame:
    """A training set in order of time, one window of `window_rows` an hour, with its column `when`."""
    if stream == "wave":
        number = max(rows // window_rows, 8)
        step = max(1, WEEK_HOURS * window_rows // rows)
        phases = [place * step % WEEK_HOURS / WEEK_HOURS for place in range(number)]
        parts = [
            pd.DataFrame({name: wave(rng, window_rows, phase) for name in kinds(stream, features)})
            for phase in phases
        ]
        frame = pd.concat(parts, ignore_index=True)
    else:
        frame = window_frames(rng, stream, features, rows, 1)[0]
    return frame.assign(when=np.arange(len(frame)) * 3600.0 / window_rows)


def cell_chances(feature: object, kind: str, shift: float = 0.0) -> Values:
    """True probabilities of a feature's cells, `[under, cells…, over, missing]`, after a shift."""
    if kind in BELOW:
        below = BELOW[kind](feature.edges - shift)
        found = np.concatenate([[below[0]], np.diff(below), [1 - below[-1], 0.0]])
    else:
        chances = dict(
            zip((f"c{place:03d}" for place in range(CHANCES[kind].size)), CHANCES[kind], strict=True)
        )
        listed = np.array([chances[name] for name in feature.categories])
        found = np.concatenate([[0.0], listed, [1 - listed.sum(), 0.0]])
    found = np.maximum(found, 0.0)
    return found / found.sum()


def drawn_counts(made: Profile, chances: Sequence[Values], rng: Rng, rows: int, windows: int) -> Values:
    """Counts (windows, features, width) of rows that follow these chances of each feature's cells."""
    counts = np.zeros((windows, len(made.features), made.width))
    for line, chance in enumerate(chances):
        counts[:, line, : chance.size] = rng.multinomial(rows, chance, size=windows)
    return counts
