"""How right a model was over the year, in words for the demo's last page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelmon.counting import count
from modelmon.demo.outcome import Outcome
from modelmon.demo.verdicts import (
    DRIFT,
    ESTIMATED,
    PERFORMANCE,
    Verdict,
    causes,
    estimates_off,
    finding,
)

NEVER, UNKNOWN = "never", "not known"


def alarms(judged: Sequence[Verdict]) -> str:
    """How many weeks alarmed, and what the first of them found."""
    bad = [each for each in judged if each.is_alarm]
    if not bad:
        return NEVER if judged else UNKNOWN
    how = "detected" if any(each.status.name == "detected" for each in bad) else "suspected"
    said = finding(bad[0].evidence)
    return f"{how} in {len(bad)} of {len(judged)} weeks, first {bad[0].start:%d %b}{said and ': '}{said}"


def reference_accuracy(outcome: Outcome) -> str:
    """What windows are compared with."""
    known = [each.accuracy["reference"] for each in _realised(outcome) if "reference" in each.accuracy]
    return f"{known[0]:.3f}" if known else UNKNOWN


def most_drifted(outcome: Outcome) -> Verdict | None:
    """Of the weeks whose accuracy is known, the one that drifted most."""
    drift = {each.start: each.value for each in outcome.judged_as(DRIFT)}
    return max(_realised(outcome), key=lambda each: drift.get(each.start, 0.0), default=None)


def least_accurate(outcome: Outcome) -> Verdict | None:
    """The week with the lowest accuracy."""
    return min(_realised(outcome), key=lambda each: each.accuracy["value"], default=None)


def of_week(outcome: Outcome, week: Verdict) -> tuple[str, str, str, str]:
    """When it was, how right the model was, what scores alone had let expect, and what made it worse."""
    estimate = next((each for each in outcome.judged_as(ESTIMATED) if each.start == week.start), None)
    expected = _interval(estimate.accuracy) if estimate else UNKNOWN
    return f"{week.start:%d %b}", _interval(week.accuracy), expected, _causes(week)


def _causes(week: Verdict) -> str:
    """Features whose move made it worse, with what each of them cost of accuracy."""
    found = [f"{name} -{part:.3f}" for name, part in causes(week.evidence).items()]
    return ", ".join(found) or "no feature"


def known(weeks: Sequence[Verdict]) -> str:
    """How many flights' actuals came; the others never arrived."""
    rows = sum(each.evidence.get("known_rows", 0) for each in weeks)
    least = min(weeks, key=lambda each: each.evidence.get("maturity", 1.0), default=None)
    if not rows or least is None:
        return UNKNOWN
    share = least.evidence.get("maturity", 1.0)
    return f"{count(rows, 'row')}, least in the week of {least.start:%d %b}: {share:.0%}"


def off_by(outcome: Outcome) -> str:
    """How far to trust the estimate."""
    found = estimates_off(outcome.judged_as(ESTIMATED))
    if found is None:
        return UNKNOWN
    return (
        f"{found.mean:.3f} of accuracy, {found.most:.3f} at most; in {found.within} of {found.weeks} weeks "
        "its band held the truth"
    )


def _realised(outcome: Outcome) -> list[Verdict]:
    return [each for each in outcome.judged_as(PERFORMANCE) if each.accuracy]


def _interval(found: Mapping[str, float]) -> str:
    return f"{found['value']:.3f} ± {(found['high'] - found['low']) / 2:.3f}"
