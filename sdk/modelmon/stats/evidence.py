"""How strongly windows speak against "nothing has changed by more than the floor", question by question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.normal import normal_tail_quantile
from modelmon.stats.questions import WEIGHTS, Asks, Floors, Questions, asked_counts
from modelmon.stats.saddlepoint import excess_tail, score_tail, share_tail

Floats = NDArray[np.float64]

SCREEN = 1.0
"""Plain z below which nothing can come of a question: its exact tail is not worked out."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One-sided z of every question, negative where something fell; 0 where nothing stands out."""

    score: Floats
    """(…, features, 4)."""
    share: Floats
    """(…, features, cells): of what is outside or missing too."""
    far: Floats
    """(…, features)."""

    def worst(self, limits: Evidence) -> Floats:
        """(…,) the largest ratio of a z to its limit over all questions: from 1 on the window alarms."""
        ratios = [np.abs(z / limit).reshape(*self.far.shape[:-1], -1) for z, limit in self.pairs(limits)]
        return np.asarray(np.max([ratio.max(-1, initial=0.0) for ratio in ratios], axis=0))

    def pairs(self, other: Evidence) -> list[tuple[Floats, Floats]]:
        return [(self.score, other.score), (self.share, other.share), (self.far, other.far)]


def evidence(counts: Floats, asked: Questions, floors: Floors) -> Evidence:
    """The z of every question for windows of `counts` (windows, features, cells)."""
    lines = np.arange(counts.shape[1])
    total = counts.sum(2)
    present = total - counts[:, lines, asked.missing_at]
    return Evidence(
        _score_evidence(counts, present, asked, floors),
        _share_evidence(counts, present, total, asked, floors),
        _far_evidence(counts, present, asked, floors),
    )


def _score_evidence(counts: Floats, present: Floats, asked: Questions, floors: Floors) -> Floats:
    sums = np.einsum("wfc,fsc->wfs", counts, asked.scores)
    rows = np.maximum(present, 1.0)[:, :, None]
    spread = np.sqrt(rows + rows**2 * asked.score_error)
    found = np.zeros(sums.shape)
    at = np.nonzero(np.abs(sums) - rows * floors.floor[:, None] > SCREEN * spread)
    if at[0].size:
        window, line, shape = at
        up = np.sign(sums[at])
        found[at] = up * score_tail(
            np.abs(sums[at]),
            present[window, line],
            asked.shares[line],
            asked.scores[line, shape] * up[:, None],
            floors.tilt[line, shape, (up > 0).astype(int)] * up,
            asked.score_error[line, shape],
        )
    return found


def _share_evidence(
    counts: Floats, present: Floats, total: Floats, asked: Questions, floors: Floors
) -> Floats:
    found = np.zeros(counts.shape)
    lines = np.arange(counts.shape[1])
    rows = np.repeat(present[:, :, None], counts.shape[2], axis=2)
    rows[:, lines, asked.missing_at] = total
    above = asked_counts(counts, asked.missing_at, asked.numeric)
    falls = (asked.asks == Asks.SHARE) | (asked.asks == Asks.MISSING)
    for sign, count, limit, is_asked in (
        (1.0, above, floors.highest, asked.asks != Asks.NOTHING),
        (-1.0, rows - above, 1 - floors.lowest, falls),
    ):
        spread = np.sqrt(rows * limit * (1 - limit) + rows**2 * asked.share_error)
        at = np.nonzero((count - rows * limit > SCREEN * spread) & is_asked & (limit < 1 - 1e-9))
        if at[0].size:
            cell = at[1:]
            found[at] = sign * share_tail(count[at], rows[at], limit[cell], asked.share_error[cell])
    return found


def _far_evidence(counts: Floats, present: Floats, asked: Questions, floors: Floors) -> Floats:
    found = np.zeros(present.shape)
    numeric, above = asked.numeric, asked.above_at
    far = counts[:, numeric, 0] + counts[:, numeric, above + 1]
    window, place = np.nonzero(far)
    if window.size:
        line = numeric[place]
        seen = asked.far[line] * floors.far_rows[line] / np.maximum(asked.present[line], 1.0)
        tail = excess_tail(far[window, place], present[window, line], seen, floors.far_rows[line])
        found[window, line] = np.maximum(normal_tail_quantile(np.maximum(tail, 1e-300)), 0.0)
    return found


def budget_shares(asked: Questions, weights: Floats) -> Evidence:
    """The part of the budget of each question and direction; all of a feature sum to its weight.

    Questions that are not asked have 0. `weights` (features,) sum to 1.
    """
    has_shape = asked.scores.any((1, 2))
    has_far = np.isin(np.arange(weights.size), asked.numeric)
    cells = {kind: (asked.asks == kind).sum(1) for kind in Asks}
    shares = np.zeros(asked.asks.shape)
    total = WEIGHTS["shape"] * has_shape + WEIGHTS["far"] * has_far
    for kind, name, sides in (
        (Asks.SHARE, "share", 2), (Asks.OUTSIDE, "outside", 1), (Asks.MISSING, "missing", 2)
    ):  # fmt: skip
        of_kind = np.maximum(cells[kind], 1)
        shares += np.where(asked.asks == kind, (WEIGHTS[name] / sides / of_kind)[:, None], 0.0)
        total = total + WEIGHTS[name] * (cells[kind] > 0)
    part = weights / np.maximum(total, 1e-300)
    score = np.where(has_shape, WEIGHTS["shape"] / asked.scores.shape[1] / 2, 0.0) * part
    return Evidence(
        np.repeat(score[:, None], asked.scores.shape[1], axis=1),
        shares * part[:, None],
        np.where(has_far, WEIGHTS["far"], 0.0) * part,
    )


def limits_of(shares: Evidence, budget: float) -> Evidence:
    """The z from which each question alarms, when all of them together may with probability `budget`."""
    return Evidence(
        *(normal_tail_quantile(budget * part) for part in (shares.score, shares.share, shares.far))
    )
