"""The words of a judgement: what was found, what could have been found, and what it rests on.

They come from here alone, for results, pages and notes.
"""

from __future__ import annotations

import math

from modelmon.counting import count
from modelmon.stats.findings import Finding
from modelmon.stats.judgement import Judgement
from modelmon.stats.least_change import LeastChange
from modelmon.stats.shapes import MOST_SIGMA, level_sigma, spread_ratio

WIDEST = 9.99
HIDDEN = "a value"


def finding_words(finding: Finding, *, private: bool = False) -> str:
    """One finding in words; with `private` no value of the feature is named.

    >>> finding_words(Finding("age", "level", None, 0.404, 0.0, True, 9.0, 4.3, 1e-9))
    '`age` level +0.42 sigma'
    >>> finding_words(Finding("city", "missing", None, 0.07, 0.001, True, 9.0, 4.3, 1e-9))
    '`city` missing 7 % (0.1 % in training)'
    """
    name, now, before = f"`{finding.feature}`", percent(finding.value), percent(finding.reference)
    if finding.question == "level":
        return f"{name} level {sigma_words(float(level_sigma(finding.value)))}"
    if finding.question == "spread":
        return f"{name} {_spread(finding.value)}"
    if finding.question in ("asymmetry", "tails"):
        return f"{name} {finding.question} {finding.value:+.2f}"
    what = {
        "below": "below the training range",
        "above": "above the training range",
        "far": "far outside the training range",
        "unseen": "not among the known categories",
        "missing": "missing",
        "share": HIDDEN if private else repr(finding.cell),
    }[finding.question]
    return f"{name} {what} {now} ({before} in training)"


def least_words(change: LeastChange) -> str:
    """What a window could have shown of one feature, in words.

    >>> least_words(LeastChange("temperature", 0.3, 1.31, 1.29, None, 0.052))
    '`temperature` 0.3 sigma (+1.31 or -1.29), 5.2 % missing'
    >>> least_words(LeastChange("pressure", math.inf, None, None, None, 0.94))
    '`pressure` no shift however large, 94 % missing'
    """
    missing = f"{percent(change.missing)} missing" if change.missing <= 1 else "no share missing"
    if change.sigma is None:
        share = change.share
        moved = (
            "no share however large"
            if share is None or math.isinf(share)
            else f"{100 * share:.2g} points of a share"
        )
        return f"`{change.feature}` {moved}, {missing}"
    if math.isinf(change.sigma):
        return f"`{change.feature}` no shift however large, {missing}"
    moves = [
        f"{sign}{move:.3g}"
        for sign, move in (("+", change.up), ("-", change.down))
        if move is not None and math.isfinite(move)
    ]
    own = f" ({' or '.join(moves)})" if moves else ""
    return f"`{change.feature}` {change.sigma:.2g} sigma{own}, {missing}"


def judgement_words(judgement: Judgement) -> str:
    """What a judgement rests on: rows, budget, floor, calibration; the same for green and for red windows."""
    known = judgement.calibration
    said = [
        f"{count(judgement.rows, 'row')} against {judgement.reference_rows:,} of training",
        f"one false alarm in {count(round(1 / judgement.budget), 'window')} over all features and questions",
        f"changes up to {judgement.floor:g} sigma are no alarm",
        f"calibrated {known.how}: {known.why}" if known.may_detect else f"{known.how}: {known.why}",
    ]
    if judgement.is_coarse:
        said.append("coarse, for the training set is known by equal-width bins alone")
    return "; ".join(said)


def sigma_words(sigma: float) -> str:
    """A shift in sigma with its sign; beyond the scale's end it is "more than".

    >>> sigma_words(-0.42), sigma_words(3.0)
    ('-0.42 sigma', 'more than +3 sigma')
    """
    if abs(sigma) >= MOST_SIGMA:
        return f"more than {math.copysign(MOST_SIGMA, sigma):+.0f} sigma"
    return f"{sigma:+.2f} sigma"


def percent(share: float) -> str:
    """A share of rows as per cent with two digits, never a rounded 0 or 100.

    >>> percent(0.07), percent(0.0004), percent(0.0), percent(0.9999), percent(0.000004)
    ('7 %', '0.04 %', '0 %', '99.99 %', 'less than 0.01 %')
    """
    of_hundred = 100 * share
    if 0 < of_hundred < 0.01:
        return "less than 0.01 %"
    if 99 < of_hundred < 100:
        return f"{min(of_hundred, 99.99):.2f} %"
    return f"{of_hundred:.2g} %" if of_hundred < 99 else "100 %"


def _spread(value: float) -> str:
    ratio = spread_ratio(value)
    if ratio >= WIDEST:
        return "spread at least 10 times as wide"
    return f"spread {ratio:.2g} times as wide"
