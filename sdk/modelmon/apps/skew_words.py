"""What the app data-skew says: of each difference, of its threshold, and of what to look at next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelmon.apps.drift_words import percent_of
from modelmon.counting import count

if TYPE_CHECKING:
    from datetime import datetime

    from modelmon.apps.budget import BudgetShare
    from modelmon.apps.skew_looks import Look
    from modelmon.stats import Finding, Judgement
    from modelmon.stats.skew import Onset

LOOK_FOR = {
    "missing": "a join that finds nothing when serving, or a default that training filled in",
    "unseen": "categories that are written otherwise when serving",
    "share": "another default, or another encoding",
    "below": "another unit, or a filter that training had",
    "above": "another unit, or a filter that training had",
    "far": "another unit, or a special value like -999",
}
MOVED = "another unit or scaling, or rows that training left out"
OVER = "the first days are over"


def onset_words(found: Onset, question: str) -> str:
    """Whether a difference was there from the beginning, with both halves of the span.

    >>> from modelmon.stats.skew import Onset
    >>> onset_words(Onset("later", 0.0, 0.31), "missing")
    'not from the beginning: 0 %, then 31 %'
    """
    from modelmon.stats.finding_words import percent

    is_share = question not in ("level", "spread", "asymmetry", "tails")
    early, late = (percent(each) if is_share else f"{each:+.2f}" for each in (found.early, found.late))
    return {
        "constant": "the same from the beginning",
        "moving": f"from the beginning, and moving: {early}, then {late}",
        "later": f"not from the beginning: {early}, then {late}",
        "not known": "too few rows to say whether it was so from the beginning",
    }[found.how]


def scale_words(scale: float | None) -> str:
    """The hint at another unit, which is rough.

    >>> scale_words(1002.0), scale_words(1 / 3.6), scale_words(None)
    ('as if multiplied by about 1,000', 'as if divided by about 3.6', '')
    """
    if scale is None:
        return ""
    how, factor = ("multiplied", scale) if scale > 1 else ("divided", 1 / scale)
    return f"as if {how} by about {float(f'{factor:.2g}'):,g}"


def unseen_words(names: Sequence[str]) -> str:
    """Categories that are new, shortened where they are long.

    >>> unseen_words(["ROME", "OSLO"])
    "in this window 'ROME', 'OSLO'"
    """
    if not names:
        return ""
    return "in this window " + ", ".join(repr(each if len(each) <= 40 else each[:39] + "…") for each in names)


def threshold_words(found: Judgement, budget: BudgetShare, look: Look) -> str:
    """Why the threshold is where it is."""
    part = "" if budget.share == 1 else f"{percent_of(budget.share)} of "
    windows = "what the window" if look.windows == 1 else f"what the {count(look.windows, 'window')}"
    return (
        f"1 is the least that alarms: a look spends {windows} since the one before may, {part}the alarm "
        f"budget {budget.words!r}, so 1 of {1 / found.budget:,.0f} looks alarms falsely, over "
        f"{count(len(found.least_changes), 'feature')} and all questions; {found.calibration.why}"
    )


def compared_words(found: Judgement, look: Look) -> str:
    """What was compared with what."""
    return (
        f"all {count(found.rows, 'row')} from {moment(look.start)} to {moment(look.end)} with "
        f"{found.reference_rows:,} of the training set"
    )


def next_words(
    found: Judgement, skewed: Sequence[Finding], later: Sequence[Finding], look: Look, state: str
) -> str:
    """What whoever reads the result should look at."""
    following = f"the next look ends {moment(look.next_end)}" if look.next_end else "this was the last look"
    if state == "incomplete":
        return f"wait for the rest of the window, which is judged again then; {following}"
    if state == "small reference":
        return "log the model with a longer training set"
    if state:
        return f"wait for more rows; {following}"
    said = [f"look for {LOOK_FOR.get(each.question, MOVED)} (`{each.feature}`)" for each in skewed[:1]]
    if skewed and found.is_coarse:
        said.append("log the model with its training_set: statistics alone are coarse")
    elif skewed and not found.may_detect:
        said.append("until the training set has a time column and 20 such spans a skew is suspected at most")
    elif later and not skewed:
        said.append(f"`{later[0].feature}` changed later: that is drift, see what the app drift says")
    return "; ".join([*said, following])


def moment(at: datetime) -> str:
    """A time as a result says it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
