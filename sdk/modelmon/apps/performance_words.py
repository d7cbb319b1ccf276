"""What the performance apps say in words: metrics, slices, causes, thresholds, and what to look at next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelmon.counting import count

if TYPE_CHECKING:
    from modelmon.apps.budget import BudgetShare
    from modelmon.stats.calibration import How
    from modelmon.stats.performance import Estimate
    from modelmon.stats.performance.causes import Cause
    from modelmon.stats.performance.recalibration import Recalibrated
    from modelmon.stats.performance.slices import Slice
    from modelmon.stats.performance.verdict import MetricVerdict

NEXT = {
    "no task": "log the model with task= and, of classes, positive= or score=",
    "no answers": "log the model with the answers that it gives: prediction= and score=",
    "no actuals": "send what came true with log_actuals; until then only an estimate can be shown",
    "warming up": "wait for more actuals: those that come first are not those that come last",
    "no reference": "log the model with a training set that holds its own answers beside the label",
    "small reference": "log the model with a larger training set",
    "incomplete": "wait for the rest of the window, which is judged again then",
    "not calibrated": "log the model with score=, and with a training set that it was not fitted on and that "
    "holds its scores beside the label",
}
"""By state, for whoever reads a result without a verdict."""
KNOWN: Mapping[How, str] = {
    "by time": "its variance between stretches of the reference is known",
    "too little reference": "the reference holds fewer than 20 stretches as long as this window, so its "
    "variance is taken from shorter ones, and nothing is more than suspected",
    "assumed independent": "the reference has no time column, so its rows are taken as independent, and "
    "nothing is more than suspected",
}
LACKING: Mapping[How, str] = {
    "too little reference": "take shorter windows, or log the model with a longer training set; until then "
    "worse is suspected at most",
    "assumed independent": "log the model with a time_column, until then worse is suspected at most",
}
"""What would make more of an alarm than a suspicion."""


def number(value: float) -> str:
    """A number with three digits.

    >>> number(0.71234), number(1234.5)
    ('0.712', '1.23e+03')
    """
    return f"{value:.3g}"


def estimate_words(name: str, found: Estimate) -> str:
    """A metric with its interval.

    >>> from modelmon.stats.performance import accuracy
    >>> estimate_words("accuracy", accuracy([1, 0, 1, 1], [1, 0, 0, 1]))
    'accuracy 0.75 (0.301 to 0.954)'
    """
    return f"{name} {number(found.value)} ({number(found.low)} to {number(found.high)})"


def verdict_words(verdict: MetricVerdict) -> str:
    """A metric against the reference."""
    side = "away from" if verdict.is_either_way else f"{'worse' if verdict.worse > 0 else 'better'} than"
    off = f"{number(abs(verdict.worse))} {side} the reference's {number(verdict.then)}"
    return f"{estimate_words(verdict.name, verdict.now)}, {off}"


def power_words(verdicts: Sequence[MetricVerdict]) -> str:
    """The least of each metric that would have been seen; "" where none is judged."""
    least = [
        f"{each.name} {number(each.least)} {'away' if each.is_either_way else 'worse'}" for each in verdicts
    ]
    return f"{', '.join(least)} would have been seen with 90 %" if least else ""


def compared_words(rows: int, reference_rows: int) -> str:
    """What is compared with what.

    >>> compared_words(1, 20_000)
    '1 row of the window with 20,000 rows of the training set'
    """
    return f"{count(rows, 'row')} of the window with {count(reference_rows, 'row')} of the training set"


def map_words(rows: int, moved: Recalibrated | None) -> str:
    """What scores are taken to mean.

    >>> map_words(0, None)
    'scores are taken as in the reference; no recent actuals are there to hold against it'
    >>> map_words(900, None)
    'scores are taken as in the reference; 900 recent rows with actuals do not contradict it'
    """
    if moved is not None:
        return (
            f"scores no longer mean what they meant: they are taken as {rows:,} recent rows with actuals say"
        )
    said = (
        f"{rows:,} recent rows with actuals do not contradict it"
        if rows
        else ("no recent actuals are there to hold against it")
    )
    return f"scores are taken as in the reference; {said}"


def record_words(name: str, record: Mapping[str, Any]) -> str:
    """How estimates have fared, so that it is seen how far to trust the next one.

    >>> record_words("accuracy", {"windows": 10, "within": 9, "off": -0.004, "error": 0.012})
    'accuracy, last 10 windows with actuals: estimates off by 0.012, on average -0.004; 9 of 10 bands held'
    """
    return (
        f"{name}, last {count(record['windows'], 'window')} with actuals: estimates off by "
        f"{number(record['error'])}, on average {number(record['off'])}; "
        f"{record['within']} of {record['windows']} bands held"
    )


def slice_words(found: Slice, *, private: bool = False) -> str:
    """A slice; with `private` no value of the feature is named.

    >>> from modelmon.stats.performance.slices import Slice
    >>> slice_words(Slice("city", "Rome", 0.31, 0.08, 0.1, 200, 1e-6))
    '`city` Rome: loss 0.31, elsewhere 0.08; 10 % of the rows'
    """
    cell = "one of its values" if private else found.cell
    return (
        f"`{found.feature}` {cell}: loss {number(found.loss)}, elsewhere {number(found.rest)}; "
        f"{100 * found.share:.2g} % of the rows"
    )


def cause_words(cause: Cause) -> str:
    """What a feature's move has done to the loss.

    >>> from modelmon.stats.performance.causes import Cause
    >>> cause_words(Cause("wind", 0.041, 0.004, 0.8, True))
    '`wind` moved and raised the loss by 0.041 (0.0332 to 0.0488)'
    >>> cause_words(Cause("hour", 0.001, 0.004, 0.8, False))
    '`hour` moved and did no harm that could be seen'
    """
    if not cause.is_harmful:
        return f"`{cause.feature}` moved and did no harm that could be seen"
    low, high = (number(cause.part + sign * 1.96 * cause.error) for sign in (-1, 1))
    return f"`{cause.feature}` moved and raised the loss by {number(cause.part)} ({low} to {high})"


def threshold_words(budget: BudgetShare, probability: float, what: str, how: How) -> str:
    """Why the threshold is where it is."""
    said = f"1 is the least that alarms: the alarm budget {budget.words!r} lets 1 of {1 / probability:,.0f} "
    return f"{said}windows alarm falsely, over {what}; {KNOWN[how]}"


def next_words(state: str, how: How, *, is_alarm: bool) -> str:
    """What whoever reads the result should look at."""
    if state:
        return NEXT[state]
    said = ["look at the causes and the slices that are named"] if is_alarm else []
    if how in LACKING:
        said.append(LACKING[how])
    return "; ".join(said) or "nothing: what would have been seen stands here all the same"
