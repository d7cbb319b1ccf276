"""A challenger and its review in words, the same in a terminal and on a page."""

from __future__ import annotations

from datetime import datetime

from modelmon.ledger.challengers import APPROVED, AWAITING, ROLLED_BACK, ROLLING_BACK
from modelmon.views.challenger_reviews import ALIKE, BETTER, NOT_JUDGED, WORSE, Distance, Interval, Review
from modelmon.views.challengers import Challenger

CLASSES = "share of wrong answers"
_SAID = {
    BETTER: "The challenger is better",
    WORSE: "The challenger is worse",
    ALIKE: "No difference is seen",
    NOT_JUDGED: "It is not judged",
}


def standing(found: Challenger) -> str:
    """How it stands, with who said so.

    The comment stands as it was written.
    """
    if found.state == AWAITING:
        return "It awaits its review."
    left = " and not deployed yet" if found.state == APPROVED else ""
    said = f"It is {found.state}{left}, as {found.who} said{_noted(found.decided, found.comment)}."
    if found.state not in (ROLLING_BACK, ROLLED_BACK) or not found.approved_by:
        return said
    approved = _noted(found.approved, found.approved_comment)
    return f"{said} It was approved by {found.approved_by}{approved}."


def left(found: Challenger) -> str:
    """That what was decided is not deployed, why, and when it is tried again; "" where nothing is left."""
    if not found.is_left:
        return ""
    tries = f", after {found.tries:,} {'try' if found.tries == 1 else 'tries'}" if found.tries else ""
    again = f" The next try is due at {found.next_try:%Y-%m-%d %H:%M} UTC." if found.next_try else ""
    why = found.why.strip().removesuffix(".") or "nobody has tried"
    return f"It is not deployed yet{tries}: {why}.{again}"


def _noted(moment: datetime | None, comment: str) -> str:
    when = f" on {moment:%Y-%m-%d %H:%M} UTC" if moment else ""
    return f'{when}: "{comment}"' if comment else when


def sentences(review: Review) -> list[str]:
    """What came out, on which rows, and what that means for drift."""
    if review.difference is None:
        return [f"{_SAID[review.verdict]}: {review.why}."]
    off = review.difference
    said = [
        f"{_SAID[review.verdict]}: beside the champion's its {review.loss} is {_signed(off, review.loss)}.",
        f"Judged on {review.known:,} of {review.rows:,} rows whose actual had come, from "
        f"{review.start:%Y-%m-%d %H:%M} to {review.end:%Y-%m-%d %H:%M} UTC{_taken(review.step)}. "
        f"The interval counts {'rows' if review.cluster == 'row' else f'each {review.cluster} as one'}.",
    ]
    return [*said, *_seen(review), *_probabilities(review), *_drift(review)]


def metric_rows(review: Review) -> list[tuple[str, str, str]]:
    """Name and both values, each with its interval."""
    return [
        (name, _written(both.champion), _written(both.challenger)) for name, both in review.metrics.items()
    ]


def _seen(review: Review) -> list[str]:
    return ["It may have been trained on some of these rows, and look better than it is."] * review.seen


def _probabilities(review: Review) -> list[str]:
    found = review.brier
    if found is None:
        return []
    how = "better" if found.high < 0 else "worse" if found.low > 0 else "not seen to differ"
    than = "lower" if found.value < 0 else "higher"
    said = f"{abs(found.value):.5f} {than} ({found.low:+.5f} to {found.high:+.5f})"
    return [f"Its probabilities are {how}: the Brier score is {said}."]


def _drift(review: Review) -> list[str]:
    before, after = review.drift_champion, review.drift_challenger
    if before is None or after is None:
        return []
    return [
        f"These rows are {before.mean:.2f} from the champion's training set{_furthest(before)}, and "
        f"{after.mean:.2f} from the challenger's{_furthest(after)}; 0 is the same, 1 nothing in common."
    ]


def _furthest(found: Distance) -> str:
    name = next(iter(found.features), "")
    return f" (most in {name}, {found.features[name]:.2f})" if name else ""


def _signed(found: Interval, loss: str) -> str:
    """How much lower or higher, with the interval as it is.

    >>> _signed(Interval(-0.012, -0.02, -0.004), CLASSES)
    '1.20 points lower (-2.00 to -0.40)'
    """
    how = "lower" if found.value < 0 else "higher"
    if loss == CLASSES:
        value, low, high = (100 * each for each in (found.value, found.low, found.high))
        return f"{abs(value):.2f} points {how} ({low:+.2f} to {high:+.2f})"
    return f"{abs(found.value):.4g} {how} ({found.low:+.4g} to {found.high:+.4g})"


def _written(found: Interval) -> str:
    return f"{found.value:.4g} ({found.low:.4g} to {found.high:.4g})"


def _taken(step: int) -> str:
    return f", of which one of {step:,} was taken" if step > 1 else ""
