"""One line an endpoint: the worst that is known of it, and why, in words. Pure, over what `status` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from modelmon.counting import count
from modelmon.views.shown import INCOMPLETE, NO_DATA, PARTLY, WARMING_UP
from modelmon.windows import FAILED, UNAVAILABLE

DETECTED, SUSPECTED = "detected", "suspected"
NO_VERDICT, WAITING, NO_DETECTION = "no verdict", "waiting", "no detection"
WORST_FIRST = (
    DETECTED, FAILED, SUSPECTED, UNAVAILABLE, NO_DATA, INCOMPLETE, WARMING_UP, NO_VERDICT, WAITING,
    NO_DETECTION,
)  # fmt: skip
"""States of an endpoint. `suspected` and `detected` are the result statuses potential_detection and
detected, in the words of the alerts."""
_ALARMS = {1: SUSPECTED, 2: DETECTED}
_CALM = 0

Entry = Mapping[str, Any]


def summary(endpoint: Entry, alerts: Sequence[Entry]) -> dict[str, Any]:
    """`state` and `why` of an endpoint as `status` reads it, and the `value` that `why` tells (None where
    it tells none); `alerts` are its open ones.

    An alarm stands before everything else, also when it is an open alert of a window before the newest.
    """
    found = {state: (why, value) for state, why, value in _candidates(endpoint, alerts)}
    state = min(found, key=WORST_FIRST.index)
    why, value = found[state]
    return {"state": state, "why": why, "value": value}


def by_trouble(endpoint: Entry) -> tuple[int, float, str]:
    """A key to sort endpoints by: the worst first, among equals the highest value that is told."""
    return WORST_FIRST.index(endpoint["state"]), -(endpoint["value"] or 0.0), endpoint["endpoint_name"]


def findings(alerts: Iterable[Entry]) -> list[dict[str, Any]]:
    """Alerts as people count them: one a result of an endpoint, however many windows it lasted.

    Open ones first, then those that ended, the newest first. Each is the alert of its worst window, with
    `windows`, the `first` and `last` that were as bad, how many `milder` ones there are besides, and
    `resolved` (None while it is open).
    """
    groups: dict[tuple[Any, ...], list[Entry]] = {}
    for alert in alerts:
        place = (alert["endpoint_id"], alert["application_name"], alert["result_name"])
        groups.setdefault((*place, alert["resolved"] is None), []).append(alert)
    merged = [_merged(group) for group in groups.values()]
    merged.sort(key=lambda finding: (finding["last"], finding["severity"] == "high"), reverse=True)
    return sorted(merged, key=lambda finding: finding["resolved"] is not None)


def words(named: Entry, *marks: str) -> str:
    """A result, or the alert on one, in words, what it is about first: "wind 0.88, feature_drift"; with
    `marks` in brackets, and of an alert also whether its window is a partial one (beside a verdict its
    `states` say it)."""
    if not named["result_name"]:  # an app that failed
        return first_line(named["detail"])
    extra = extra_data(named)
    name, feature = named["result_name"], extra.get("feature")
    value = f"{named['result_value']:.2f}"
    if "detail" in named and extra.get("state") == PARTLY:
        marks = (PARTLY, *marks)
    marked = f" ({', '.join(marks)})" if marks else ""
    return (f"{feature} {value}, {name}" if feature else f"{name} {value}") + marked


def extra_data(named: Entry) -> dict[str, Any]:
    """The extra data of a result or alert; {} where they are something else."""
    try:
        value = msgspec.json.decode(named.get("result_extra_data") or named.get("detail") or "")
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0]


def minute(moment: str | None) -> str:
    """ "2013-04-11 00:00" of a time as on the wire."""
    return moment[:16] if moment else ""


def _merged(group: Sequence[Entry]) -> dict[str, Any]:
    worst = max(group, key=lambda each: (each["severity"] == "high", each["result_value"] or 0.0))
    starts = [each["start_infer_time"] for each in group if each["kind"] == worst["kind"]]
    ends = [each["resolved"] for each in group if each["resolved"]]
    spans = {"windows": len(starts), "milder": len(group) - len(starts)}
    spans |= {"first": min(starts), "last": max(starts)}
    return {**worst, **spans, "resolved": max(ends, default=None)}


def _candidates(endpoint: Entry, alerts: Sequence[Entry]) -> Iterator[tuple[str, str, float | None]]:
    """States that hold, with why and the value that is told; at least one, of a state the last counts."""
    several = len({each["application_name"] for each in endpoint["verdicts"]}) > 1
    verdicts = sorted(endpoint["verdicts"], key=lambda each: each["result_value"])
    for alert in alerts:  # before the verdicts: what is newer takes the place of what is older
        yield _of_alert(alert, endpoint)
    for verdict in verdicts:
        if verdict["result_status"] in _ALARMS:
            yield _ALARMS[verdict["result_status"]], _said(verdict, several), verdict["result_value"]
    yield from ((state, why, None) for state, why in _obstacles(endpoint, verdicts))
    calm = [each for each in verdicts if each["shown_status"] == _CALM]
    if calm:
        yield NO_DETECTION, _said(calm[-1], several), calm[-1]["result_value"]
    elif verdicts:
        yield NO_VERDICT, _no_verdict(verdicts[-1]), None
    elif endpoint["apps"]:
        yield NO_VERDICT, "its apps gave metrics only", None
    else:
        yield WAITING, (endpoint["waits"] or {}).get("why", "for its first window"), None


def _obstacles(endpoint: Entry, verdicts: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """What keeps verdicts from being given, or from being believed."""
    states = set(endpoint["states"])
    for state in (FAILED, UNAVAILABLE):
        if state in states:
            yield state, _failure(endpoint, state)
    if NO_DATA in states:
        yield NO_DATA, _no_data(endpoint)
    if INCOMPLETE in states:
        value = f"{words(verdicts[-1])} on " if verdicts else ""
        yield INCOMPLETE, f"{value}a part of the window"
    if WARMING_UP in states:
        rows = extra_data(verdicts[-1]).get("rows") if verdicts else None
        yield WARMING_UP, f"{rows:,} rows are too few" if isinstance(rows, int) else "too few rows"


def _of_alert(alert: Entry, endpoint: Entry) -> tuple[str, str, float | None]:
    kind = alert["kind"].rpartition("-")[2]
    marks = ("stale",) if _is_stale(alert, endpoint) else ()
    return kind if kind in WORST_FIRST else FAILED, words(alert, *marks), alert["result_value"]


def _is_stale(alert: Entry, endpoint: Entry) -> bool:
    """An alert is as old as the newest word on its result; without one, as the endpoint's data."""
    newest = (
        verdict["stale"]
        for verdict in endpoint["verdicts"]
        if verdict["application_name"] == alert["application_name"]
        and verdict["result_name"] == alert["result_name"]
    )
    return next(newest, NO_DATA in endpoint["states"])


def _said(verdict: Entry, several: bool) -> str:
    app = f" of {verdict['application_name']}" if several else ""
    marks = [PARTLY] * (PARTLY in verdict["states"]) + ["stale"] * verdict["stale"]
    return f"{words(verdict)}{app}" + (f" ({', '.join(marks)})" if marks else "")


def _no_verdict(verdict: Entry) -> str:
    if verdict["stale"] and verdict["result_status"] == _CALM:
        return f"verdict of {minute(verdict['end_infer_time'])} UTC"
    state = extra_data(verdict).get("state")
    return str(state) if state else words(verdict)


def _failure(endpoint: Entry, state: str) -> str:
    for app in endpoint["apps"]:
        if state in app["states"]:
            error = first_line(app.get("error") or "")
            name = f"{app['application_name']}: " if len(endpoint["apps"]) > 1 else ""
            return f"{name}{error or 'no answer'}"
    return "an app failed"


def _no_data(endpoint: Entry) -> str:
    last, failed = endpoint["last_request"], endpoint["last_error_time"]
    if failed and (not last or failed > last):
        since = f"none answered since {minute(last)} UTC" if last else "no request answered yet"
        return f"{since}: {first_line(endpoint['last_error']) or 'every one fails'}"
    return f"since {minute(last)} UTC" if last else _never(endpoint)


def _never(endpoint: Entry) -> str:
    rejected = endpoint["rejected"]
    return f"{count(rejected, 'message')} that can't be read" if rejected else "no request yet"
