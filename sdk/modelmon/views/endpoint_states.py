"""In which state an endpoint is: the worst that is known of it, and why, in words. Pure."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from modelmon.counting import are, count
from modelmon.model import from_us, to_us
from modelmon.views.endpoint_facts import Facts
from modelmon.views.incidents import Alarm
from modelmon.views.results_in_words import extra_data, first_line, words
from modelmon.views.thresholds import above, thresholds_of
from modelmon.views.verdicts import INCOMPLETE, NO_DATA, PARTLY, WARMING_UP, AnyVerdict
from modelmon.windows import FAILED, UNAVAILABLE

BEING_DELETED = "being deleted"
DETECTED, SUSPECTED = "detected", "suspected"
NO_VERDICT, WAITING, NO_DETECTION = "no verdict", "waiting", "no detection"
WORST_FIRST = (
    BEING_DELETED, DETECTED, FAILED, SUSPECTED, UNAVAILABLE, NO_DATA, INCOMPLETE, WARMING_UP, NO_VERDICT,
    WAITING, NO_DETECTION,
)  # fmt: skip
"""States of an endpoint. `suspected` and `detected` are the result statuses potential_detection and
detected, in the words of the incidents."""
TROUBLES = WORST_FIRST[: WORST_FIRST.index(UNAVAILABLE) + 1]
"""Those that somebody has to look at."""
_RANK = {state: place for place, state in enumerate(WORST_FIRST)}
_ALARMS = {1: SUSPECTED, 2: DETECTED}
_CALM = 0
LEAST_SIGMA = "least_sigma"
"""Key of extra data: the least change that the window would have shown, in the middle of all features."""
SHOWN_ONLY = "shown only"
"""What the data-quality app says of rules of which none is to judge."""
NO_REFERENCE = "no reference"
"""What the drift app says of an endpoint that has no training set."""


class Standing(NamedTuple):
    """The state of an endpoint, the `value` that its reason tells (None where it tells none), the reason,
    which is put into words when it is asked for, and what the value is `of`."""

    state: str
    value: float | None
    why: Callable[[], str]
    of: AnyVerdict | Alarm | None = None


def standing_of(facts: Facts) -> Standing:
    """The worst that is known of an endpoint.

    An alarm stands before everything else but a deletion, also when it is an open incident of a window before
    the newest.
    """
    # Of one state the last counts: what is newer takes the place of what is older.
    found = {each.state: each for each in _candidates(facts)}
    return min(found.values(), key=lambda each: _RANK[each.state])


def trouble(standing: Standing, facts: Facts) -> tuple[int, float, int, float, str]:
    """A key to sort endpoints by: the worst state first; among those that are bad the value that is furthest
    above its threshold, then what is bad the longest, then the highest value; among those whose state tells
    no value the highest that was said last."""
    of, value = standing.of, standing.value
    ratio, since_us = 0.0, 0
    if of is not None and value is not None and standing.state in _ALARMS.values():
        limits = thresholds_of(of.detail if isinstance(of, Alarm) else of.result_extra_data)
        ratio = above(limits.detected if standing.state == DETECTED else limits.potential, value)
        since_us = _bad_since_us(of, facts)
    if value is None:
        value = max((each.result_value for each in facts.verdicts), default=0.0)
    return _RANK[standing.state], -ratio, since_us, -value, facts.endpoint_name


def _bad_since_us(of: AnyVerdict | Alarm, facts: Facts) -> int:
    """Of the open incident of the same result; without one of the window."""
    if isinstance(of, Alarm):
        return of.first_us
    place = of.application_name, of.result_name
    known = (each.first_us for each in facts.alarms if (each.application_name, each.result_name) == place)
    return next(known, to_us(of.start_infer_time))


def _candidates(facts: Facts) -> Iterator[Standing]:
    """States that hold; at least one."""
    if facts.deleting_us is not None:
        yield Standing(BEING_DELETED, None, partial(_deletion, facts.endpoint_name, facts.deleting_us))
    verdicts = sorted(_loud(facts), key=lambda each: each.result_value)
    several = len({each.application_name for each in facts.verdicts}) > 1
    for alarm in facts.alarms:  # before the verdicts, which are newer
        yield Standing(alarm.state, alarm.value, partial(_of_alarm, alarm, facts), alarm)
    for verdict in verdicts:
        if verdict.result_status in _ALARMS:
            state = _ALARMS[verdict.result_status]
            yield Standing(state, verdict.result_value, partial(_said, verdict, several), verdict)
    yield from _obstacles(facts, verdicts)
    calm = [each for each in verdicts if each.shown_status == _CALM]
    if calm:
        told = _most_telling(calm)
        yield Standing(NO_DETECTION, told.result_value, partial(_calm, told, several), told)
    elif verdicts:
        yield Standing(NO_VERDICT, None, partial(_no_verdict, verdicts))
    elif facts.apps:
        yield Standing(NO_VERDICT, None, lambda: "its apps gave metrics only")
    else:
        yield Standing(WAITING, None, lambda: facts.waits.why if facts.waits else "for its first window")


def _loud(facts: Facts) -> Sequence[AnyVerdict]:
    """The verdicts that decide: those of quiet apps only where there are no others."""
    loud = [each for each in facts.verdicts if each.application_name not in facts.quiet]
    return loud or facts.verdicts


def _obstacles(facts: Facts, verdicts: Sequence[AnyVerdict]) -> Iterator[Standing]:
    """What keeps verdicts from being given, or from being believed."""
    for state in (FAILED, UNAVAILABLE):
        if state in facts.states:
            yield Standing(state, None, partial(_failure, facts, state))
    if NO_DATA in facts.states:
        yield Standing(NO_DATA, None, partial(_no_data, facts))
    if INCOMPLETE in facts.states:
        yield Standing(INCOMPLETE, None, partial(_incomplete, verdicts))
    if WARMING_UP in facts.states:
        yield Standing(WARMING_UP, None, partial(_warming_up, verdicts))


def _deletion(name: str, since_us: int) -> str:
    since = f"{from_us(since_us):%Y-%m-%d %H:%M} UTC"
    return f"since {since}; ended early? modelmon endpoint {shlex.quote(name)} --delete"


def _of_alarm(alarm: Alarm, facts: Facts) -> str:
    return alarm.words(*["stale"] * _is_stale(alarm, facts))


def _is_stale(alarm: Alarm, facts: Facts) -> bool:
    """An incident is as old as the newest word on its result; without one, as the endpoint's data."""
    place = alarm.application_name, alarm.result_name
    newest = (each.stale for each in facts.verdicts if (each.application_name, each.result_name) == place)
    return next(newest, NO_DATA in facts.states)


def _said(verdict: AnyVerdict, several: bool) -> str:
    app = f" of {verdict.application_name}" if several else ""
    marks = [PARTLY] * (PARTLY in verdict.states) + ["stale"] * verdict.stale
    return f"{_words(verdict)}{app}" + (f" ({', '.join(marks)})" if marks else "")


def _calm(calm: AnyVerdict, several: bool) -> str:
    """And from which change on it would not be calm."""
    least = _least_sigma(calm)
    return _said(calm, several) + (
        "" if least is None else f"; a drift of {least:.2g} sigma would have been seen"
    )


def _most_telling(verdicts: Sequence[AnyVerdict]) -> AnyVerdict:
    """Of the lowest to the highest value: the one that says what it would have seen, the worst of them; else
    the highest. Values of several apps are of several kinds."""
    return max(reversed(verdicts), key=lambda each: _least_sigma(each) or 0.0)


def _least_sigma(verdict: AnyVerdict) -> float | None:
    told = extra_data(verdict.result_extra_data).get(LEAST_SIGMA)
    return told if isinstance(told, float) and math.isfinite(told) else None


def _words(verdict: AnyVerdict) -> str:
    return words(verdict.result_name, verdict.result_value, verdict.result_extra_data)


def _incomplete(verdicts: Sequence[AnyVerdict]) -> str:
    value = f"{_words(_most_telling(verdicts))} on " if verdicts else ""
    return f"{value}a part of the window"


def _warming_up(verdicts: Sequence[AnyVerdict]) -> str:
    rows = extra_data(verdicts[-1].result_extra_data).get("rows") if verdicts else None
    return f"{count(rows, 'row')} {are(rows)} too few" if isinstance(rows, int) else "too few rows"


def _no_verdict(verdicts: Sequence[AnyVerdict]) -> str:
    """Why the highest has none; what is only shown was never to have one."""
    states = [extra_data(each.result_extra_data).get("state") for each in verdicts]
    judged = [each for each, state in zip(verdicts, states, strict=True) if state != SHOWN_ONLY]
    if not judged:
        return "its rules only show, none judges"
    verdict = judged[-1]
    if verdict.stale and verdict.result_status == _CALM and verdict.end_infer_time is not None:
        return f"verdict of {verdict.end_infer_time:%Y-%m-%d %H:%M} UTC"
    state = extra_data(verdict.result_extra_data).get("state")
    if state == NO_REFERENCE:
        return "no training set: register it again, with one"
    return str(state) if state else _words(verdict)


def _failure(facts: Facts, state: str) -> str:
    for app in facts.apps:
        if state in app.states:
            name = f"{app.application_name}: " if len(facts.apps) > 1 else ""
            return f"{name}{first_line(app.error) or 'no answer'}"
    return "an app failed"


def _no_data(facts: Facts) -> str:
    last_us, failed_us = facts.last_request_us, facts.last_error_us
    last = "" if last_us is None else f"{from_us(last_us):%Y-%m-%d %H:%M} UTC"
    if failed_us is not None and (last_us is None or failed_us > last_us):
        since = f"none answered since {last}" if last else "no request answered yet"
        return f"{since}: {first_line(facts.last_error) or 'every one fails'}"
    return f"since {last}" if last else _never(facts)


def _never(facts: Facts) -> str:
    rejected = facts.counts.rejected
    return f"{count(rejected, 'message')} that can't be read" if rejected else "no request yet"
