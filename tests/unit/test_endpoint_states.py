"""An endpoint in one line: the worst that is known of it, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from modelmon.model import from_us
from modelmon.views.endpoint_facts import AppStanding, Counts, Facts
from modelmon.views.endpoint_states import standing_of, trouble
from modelmon.views.incidents import Alarm
from modelmon.views.next_window import NextWindow
from modelmon.views.verdicts import Verdict
from modelmon.wire import read_moment

HOUR = "2026-01-01 {:02}:00:00.000000+00:00"


def us(hour: int) -> int:
    return read_moment(HOUR.format(hour), "time")


def endpoint(*verdicts: Verdict, states: tuple[str, ...] = (), **changes: Any) -> Facts:
    fine = [AppStanding("drift", None, (), "")] if verdicts else []
    facts = {
        "endpoint_id": "e",
        "endpoint_name": "m",
        "function_name": "",
        "model_uri": "",
        "created_us": None,
    }
    facts |= {"counts": Counts(), "first_request_us": None, "last_request_us": us(9), "last_error": ""}
    facts |= {"last_error_us": None, "states": frozenset(states), "apps": fine, "verdicts": verdicts}
    return Facts(**facts | {"alarms": ()} | changes)


def verdict(status: int, value: float = 0.5, **changes: Any) -> Verdict:
    extra = json.dumps({"feature": "wind", "rows": 12, **changes.pop("extra", {})})
    found = {"application_name": "drift", "result_name": "feature_drift", "result_value": value}
    found |= {"result_kind": 0, "result_status": status, "shown_status": status, "result_extra_data": extra}
    found |= {"start_infer_time": from_us(us(7)), "end_infer_time": from_us(us(8)), "window_revision": 1}
    return Verdict(**found | {"states": (), "age_seconds": 0, "stale": False} | changes)


def alarm(state: str = "detected", value: float | None = 0.9, **changes: Any) -> Alarm:
    found = {"application_name": "drift", "result_name": "feature_drift", "state": state, "value": value}
    return Alarm(**found | {"detail": '{"feature":"rain"}'} | changes)


FAILED = [AppStanding("drift", None, ("failed",), "KeyError: 'x'\nTraceback")]
WAITS = [AppStanding("drift", None, ("unavailable",), "no actuals of 09:00")]
NEXT = NextWindow("drift", from_us(0), from_us(1), None, "", None, "window due at 10:00:30", 50)
BROKEN = {"last_error": "ValueError: x\nTraceback", "last_error_us": us(10)}
STALE = verdict(0, stale=True, shown_status=-1)
ACCURACY = verdict(1, 0.6, application_name="mine", result_name="accuracy", result_extra_data="no JSON")


@pytest.mark.parametrize(
    ("facts", "alarms", "state", "why"),
    [
        (endpoint(verdict(2, 0.875)), [], "detected", "wind 0.88, feature_drift"),
        (endpoint(verdict(1)), [], "suspected", "wind 0.50, feature_drift"),
        (
            endpoint(verdict(2), endpoint_name="my model", deleting_us=us(9)), [alarm()],
            "being deleted",
            "since 2026-01-01 09:00 UTC; ended early? modelmon endpoint 'my model' --delete",
        ),
        (endpoint(verdict(0)), [], "no detection", "wind 0.50, feature_drift"),
        (endpoint(verdict(0, 0.1), verdict(0, 0.2)), [], "no detection", "wind 0.20, feature_drift"),
        (endpoint(verdict(1, states=("partial",))), [], "suspected", "wind 0.50, feature_drift (partial)"),
        (endpoint(verdict(2, stale=True)), [], "detected", "wind 0.50, feature_drift (stale)"),
        (endpoint(STALE), [], "no verdict", "verdict of 2026-01-01 08:00 UTC"),
        (endpoint(STALE, states=("no data",)), [], "no data", "since 2026-01-01 09:00 UTC"),
        (endpoint(verdict(2), states=("no data",)), [], "detected", "wind 0.50, feature_drift"),
        (endpoint(states=("no data",), last_request_us=None), [], "no data", "no request yet"),
        (
            endpoint(states=("no data",), last_request_us=None, counts=Counts(rejected=3)), [],
            "no data", "3 messages that can't be read",
        ),
        (
            endpoint(states=("no data",), last_request_us=None, **BROKEN), [],
            "no data", "no request answered yet: ValueError: x",
        ),
        (
            endpoint(states=("no data",), **BROKEN), [],
            "no data", "none answered since 2026-01-01 09:00 UTC: ValueError: x",
        ),
        (
            endpoint(states=("no data",), **BROKEN | {"last_error_us": us(8)}), [],
            "no data", "since 2026-01-01 09:00 UTC",
        ),
        (endpoint(verdict(0), apps=FAILED, states=("failed",)), [], "failed", "KeyError: 'x'"),
        (endpoint(verdict(0), apps=WAITS, states=("unavailable",)), [], "unavailable", "no actuals of 09:00"),
        (endpoint(verdict(2), apps=FAILED, states=("failed",)), [], "detected", "wind 0.50, feature_drift"),
        (endpoint(verdict(1), apps=FAILED, states=("failed",)), [], "failed", "KeyError: 'x'"),
        (
            endpoint(verdict(-1), states=("incomplete",)), [],
            "incomplete", "wind 0.50, feature_drift on a part of the window",
        ),
        (endpoint(verdict(-1), states=("warming up",)), [], "warming up", "12 rows are too few"),
        (
            endpoint(verdict(-1, extra={"state": "no reference"})), [],
            "no verdict", "no training set: register it again, with one",
        ),
        (endpoint(apps=[AppStanding("a", None, (), "")]), [], "no verdict",
         "its apps gave metrics only"),
        (endpoint(), [], "waiting", "for its first window"),
        (endpoint(waits=NEXT), [], "waiting", "window due at 10:00:30"),
        (endpoint(verdict(0), ACCURACY), [], "suspected", "accuracy 0.60 of mine"),
        # an incident that is open stands, whatever the newest window could not say
        (endpoint(verdict(-1), states=("incomplete",)), [alarm()], "detected", "rain 0.90, feature_drift"),
        (endpoint(verdict(1)), [alarm()], "detected", "rain 0.90, feature_drift"),
        # and is as old as the newest word on its result, or the data
        (
            endpoint(verdict(1, 0.3, states=("partial",), stale=True)), [alarm()],
            "detected", "rain 0.90, feature_drift (stale)",
        ),
        (endpoint(states=("no data",)), [alarm()], "detected", "rain 0.90, feature_drift (stale)"),
        (
            endpoint(states=("no data",)), [alarm(detail='{"state":"partial"}')],
            "detected", "feature_drift 0.90 (partial, stale)",
        ),
        (endpoint(verdict(1), states=("no data",)), [alarm()], "detected", "rain 0.90, feature_drift"),
        (endpoint(verdict(2, 0.7)), [alarm()], "detected", "wind 0.70, feature_drift"),
        (
            endpoint(), [alarm("failed", None, result_name="", detail="ZeroDivisionError: x")],
            "failed", "ZeroDivisionError: x",
        ),
    ],
)  # fmt: skip
def test_the_worst_is_shown_with_its_reason(facts: Facts, alarms: list[Alarm], state: str, why: str) -> None:
    found = standing_of(replace(facts, alarms=alarms))
    assert (found.state, found.why()) == (state, why)
    assert found.value is None or f"{found.value:.2f}" in why


def by_trouble(entries: list[Facts]) -> list[int]:
    """Their places, the worst first."""
    ordered = sorted(entries, key=lambda facts: trouble(standing_of(facts), facts))
    return [next(place for place, each in enumerate(entries) if each is facts) for facts in ordered]


def test_endpoints_are_sorted_by_trouble_then_by_value_then_by_name() -> None:
    entries = [endpoint(verdict(0)), endpoint(verdict(2, 0.7)), endpoint(verdict(2, 0.9)), endpoint()]
    entries += [endpoint(verdict(0), endpoint_name="a")]
    assert by_trouble(entries) == [2, 1, 3, 4, 0]


def test_endpoints_are_sorted_by_the_value_that_is_told() -> None:
    told = endpoint(verdict(1, 0.2), endpoint_name="b", alarms=[alarm(value=0.95)])
    other = endpoint(verdict(2, 0.78), verdict(0, 0.99, result_name="calm"), endpoint_name="a")
    assert by_trouble([other, told]) == [1, 0]


def test_what_is_bad_is_sorted_by_how_far_above_its_threshold_it_is_then_by_how_long() -> None:
    strict = '{"potential_threshold": 0.1, "detected_threshold": 0.2}'
    loose = '{"potential_threshold": 0.5, "detected_threshold": 0.8}'
    thrice = endpoint(verdict(2, 0.6, result_extra_data=strict))
    a_bit = endpoint(verdict(2, 0.9, result_extra_data=loose))
    long = endpoint(verdict(2, 0.9, result_extra_data=loose), alarms=[alarm(value=0.5, first_us=7)])
    unknown = endpoint(verdict(2, 40.0))
    suspected = endpoint(verdict(1, 0.79, result_extra_data=strict))
    assert by_trouble([suspected, unknown, a_bit, long, thrice]) == [4, 3, 2, 1, 0]


def test_among_those_whose_state_tells_no_value_the_one_that_was_worse_last_is_first() -> None:
    calm = endpoint(verdict(0, 0.1, stale=True), states=("no data",), endpoint_name="a")
    worse = endpoint(verdict(0, 0.4, stale=True), states=("no data",), endpoint_name="b")
    never = endpoint(states=("no data",), endpoint_name="0")
    assert by_trouble([never, calm, worse]) == [2, 1, 0]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ('{"feature":"rain","state":"partial"}', "rain 0.90, feature_drift (partial)"),
        ('{"state":"partial"}', "feature_drift 0.90 (partial)"),
        ('{"feature":"rain"}', "rain 0.90, feature_drift"),
    ],
)
def test_an_incident_of_a_partial_window_says_so(extra: str, expected: str) -> None:
    assert alarm("suspected", detail=extra).words() == expected


def test_of_calm_values_of_several_apps_the_one_is_told_that_says_what_it_would_have_seen() -> None:
    drift = verdict(0, 0.17, result_name="drift", result_extra_data='{"feature":"wind","least_sigma":0.38}')
    lost = verdict(0, 3.0, application_name="service", result_name="lost_events", result_extra_data="{}")
    assert standing_of(endpoint(drift, lost)).why() == (
        "wind 0.17, drift of drift; a drift of 0.38 sigma would have been seen"
    )
    part = endpoint(drift, lost, states=("incomplete",))
    assert standing_of(part).why() == "wind 0.17, drift on a part of the window"


def test_rules_that_only_show_are_no_reason_beside_one_that_was_to_judge() -> None:
    shown = verdict(-1, 2.0, application_name="data-quality", extra={"state": "shown only"})
    few = verdict(-1, 0.1, extra={"state": "warming up"})
    assert standing_of(endpoint(few, shown)).why() == "warming up"
    assert standing_of(endpoint(shown)).why() == "its rules only show, none judges"


def test_apps_that_raise_no_incidents_do_not_decide_beside_others() -> None:
    histogram = verdict(2, 0.9, application_name="histogram-data-drift", result_name="feature_drift")
    drift = verdict(0, 0.4, result_name="drift")
    quiet = frozenset({"histogram-data-drift"})
    assert standing_of(endpoint(histogram, drift)).state == "detected"
    beside = standing_of(endpoint(histogram, drift, quiet=quiet))
    assert (beside.state, beside.why()) == ("no detection", "wind 0.40, drift of drift")
    assert standing_of(endpoint(histogram, quiet=quiet)).state == "detected"


@pytest.mark.parametrize(
    ("least", "seen"),
    [("0.5123", "; a drift of 0.51 sigma would have been seen"), ("null", ""), ('"much"', "")],
)
def test_beside_a_green_light_stands_what_would_have_been_seen(least: str, seen: str) -> None:
    calm = verdict(
        0, 0.4, result_name="drift", result_extra_data=f'{{"feature":"wind","least_sigma":{least}}}'
    )
    assert standing_of(endpoint(calm)).why() == f"wind 0.40, drift{seen}"
    assert "sigma" not in standing_of(endpoint(verdict(2, result_extra_data=calm.result_extra_data))).why()
