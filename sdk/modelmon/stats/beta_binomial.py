"""Judging a share that is known from a finite reference, and that varies from one window to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAST_ROWS = 2.0
"""A reference counts as so many rows at least, however much windows vary."""


@dataclass(frozen=True, slots=True)
class PredictedHits:
    """How many hits a window of `rows` rows may have: so likely as `alpha`, `least` or more come by chance.

    `tail` is the probability of as many as there were. `least` is `rows + 1` where no number is so rare.
    """

    tail: float
    least: int


def predicted_hits(
    hits: int,
    rows: int,
    reference_hits: int,
    reference_rows: int,
    *,
    alpha: float,
    between: float = 0.0,
    floor: float = 0.0,
) -> PredictedHits:
    """Of a window, when `reference_hits` of `reference_rows` were hits in the reference.

    The share of a window is Beta distributed around (hits + 1) / (rows + 1) of the reference, and `floor`.
    Its variance is that of a finite reference, and `between`, the variance between windows. Without floor and
    between it is exact whatever the values were: the hits beyond an order statistic of the reference are
    negative hypergeometric. No rows hold no hits: 1 and 1. ValueError for more hits than rows.
    Source: Wilks, "Statistical Prediction with Special Reference to the Problem of Tolerance Limits", Annals
    of Mathematical Statistics 13, 1942; Bates, Candès, Lei, Romano, Sesia, "Testing for Outliers with
    Conformal p-values", Annals of Statistics 51, 2023.

    >>> round(predicted_hits(1, 1, 9, 99, alpha=0.01).tail, 9)  # as likely as any other of 100 places
    0.1
    """
    if not 0 <= hits <= rows or not 0 <= reference_hits <= reference_rows:
        raise ValueError(f"{hits} of {rows} and {reference_hits} of {reference_rows}: give hits <= rows")
    share = min((reference_hits + 1) / (reference_rows + 1) + floor, 1 - 1e-9)
    spread = share * (1 - share)
    size = max(spread / (spread / (reference_rows + 2) + between) - 1, LEAST_ROWS)
    tails = _tails(rows, share * size, (1 - share) * size)
    rare = np.flatnonzero(tails <= alpha)
    return PredictedHits(float(tails[hits]), int(rare[0]) if rare.size else rows + 1)


def _tails(rows: int, a: float, b: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """P(hits >= k) for k from 0 to rows, of a beta-binomial: each probability from the one before it."""
    k = np.arange(rows, dtype=np.float64)
    steps = np.log((rows - k) * (a + k)) - np.log((k + 1) * (b + rows - k - 1))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    chances = np.exp(logs - logs.max())
    tails = np.cumsum(chances[::-1])[::-1]
    return np.asarray(tails / tails[0])
