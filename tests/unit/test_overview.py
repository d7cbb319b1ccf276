"""An endpoint in one line: the worst that is known of it, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelmon.views.overview import by_trouble, findings, summary, words

HOUR = "2026-01-01 {:02}:00:00.000000+00:00"


def endpoint(*verdicts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    apps = [{"application_name": name, "states": [], "error": ""} for name in ("drift",) if verdicts]
    entry = {"endpoint_name": "m", "verdicts": list(verdicts), "apps": apps, "states": [], "waits": None}
    return entry | {"last_request": HOUR.format(9), "rejected": 0, "last_error_time": None} | changes


def verdict(status: int, value: float = 0.5, **changes: Any) -> dict[str, Any]:
    extra = json.dumps({"feature": "wind", "rows": 12, **changes.pop("extra", {})})
    found = {"application_name": "drift", "result_name": "feature_drift", "result_value": value}
    found |= {"result_status": status, "shown_status": status, "result_extra_data": extra}
    return found | {"states": [], "stale": False, "end_infer_time": HOUR.format(8)} | changes


def alert(kind: str = "data-drift-detected", value: float | None = 0.9, **changes: Any) -> dict[str, Any]:
    found = {"endpoint_id": "e", "endpoint_name": "m", "application_name": "drift", "kind": kind}
    found |= {"severity": "high" if kind.endswith(("detected", "failed")) else "medium"}
    found |= {"result_name": "feature_drift", "result_value": value, "detail": '{"feature":"rain"}'}
    return found | {"start_infer_time": HOUR.format(1), "resolved": None} | changes


FAILED = [{"application_name": "drift", "states": ["failed"], "error": "KeyError: 'x'\nTraceback"}]
WAITS = [{"application_name": "drift", "states": ["unavailable"], "error": "the labels of 09:00"}]
BROKEN = {"last_error": "ValueError: x\nTraceback", "last_error_time": HOUR.format(10)}
STALE = verdict(0, stale=True, shown_status=-1)
ACCURACY = verdict(1, 0.6, application_name="mine", result_name="accuracy", result_extra_data="no JSON")


@pytest.mark.parametrize(
    ("entry", "alerts", "state", "why"),
    [
        (endpoint(verdict(2, 0.875)), [], "detected", "wind 0.88, feature_drift"),
        (endpoint(verdict(1)), [], "suspected", "wind 0.50, feature_drift"),
        (endpoint(verdict(0)), [], "no detection", "wind 0.50, feature_drift"),
        (endpoint(verdict(0, 0.1), verdict(0, 0.2)), [], "no detection", "wind 0.20, feature_drift"),
        (endpoint(verdict(1, states=["partial"])), [], "suspected", "wind 0.50, feature_drift (partial)"),
        (endpoint(verdict(2, stale=True)), [], "detected", "wind 0.50, feature_drift (stale)"),
        (endpoint(STALE), [], "no verdict", "verdict of 2026-01-01 08:00 UTC"),
        (endpoint(STALE, states=["no data"]), [], "no data", "since 2026-01-01 09:00 UTC"),
        (endpoint(verdict(2), states=["no data"]), [], "detected", "wind 0.50, feature_drift"),
        (endpoint(states=["no data"], last_request=None), [], "no data", "no request yet"),
        (
            endpoint(states=["no data"], last_request=None, rejected=3), [],
            "no data", "3 messages that can't be read",
        ),
        (
            endpoint(states=["no data"], last_request=None, **BROKEN), [],
            "no data", "no request answered yet: ValueError: x",
        ),
        (
            endpoint(states=["no data"], **BROKEN), [],
            "no data", "none answered since 2026-01-01 09:00 UTC: ValueError: x",
        ),
        (
            endpoint(states=["no data"], **BROKEN | {"last_error_time": HOUR.format(8)}), [],
            "no data", "since 2026-01-01 09:00 UTC",
        ),
        (endpoint(verdict(0), apps=FAILED, states=["failed"]), [], "failed", "KeyError: 'x'"),
        (endpoint(verdict(0), apps=WAITS, states=["unavailable"]), [], "unavailable", "the labels of 09:00"),
        (endpoint(verdict(2), apps=FAILED, states=["failed"]), [], "detected", "wind 0.50, feature_drift"),
        (endpoint(verdict(1), apps=FAILED, states=["failed"]), [], "failed", "KeyError: 'x'"),
        (
            endpoint(verdict(-1), states=["incomplete"]), [],
            "incomplete", "wind 0.50, feature_drift on a part of the window",
        ),
        (endpoint(verdict(-1), states=["warming up"]), [], "warming up", "12 rows are too few"),
        (endpoint(verdict(-1, extra={"state": "no reference"})), [], "no verdict", "no reference"),
        (endpoint(apps=[{"application_name": "a", "states": []}]), [], "no verdict",
         "its apps gave metrics only"),
        (endpoint(), [], "waiting", "for its first window"),
        (endpoint(waits={"why": "window due at 10:00:30"}), [], "waiting", "window due at 10:00:30"),
        (endpoint(verdict(0), ACCURACY), [], "suspected", "accuracy 0.60 of mine"),
        # an alert that is open stands, whatever the newest window could not say
        (endpoint(verdict(-1), states=["incomplete"]), [alert()], "detected", "rain 0.90, feature_drift"),
        (endpoint(verdict(1)), [alert()], "detected", "rain 0.90, feature_drift"),
        # and is as old as the newest word on its result, or the data
        (
            endpoint(verdict(1, 0.3, states=["partial"], stale=True)), [alert()],
            "detected", "rain 0.90, feature_drift (stale)",
        ),
        (endpoint(states=["no data"]), [alert()], "detected", "rain 0.90, feature_drift (stale)"),
        (
            endpoint(states=["no data"]), [alert(detail='{"state":"partial"}')],
            "detected", "feature_drift 0.90 (partial, stale)",
        ),
        (endpoint(verdict(1), states=["no data"]), [alert()], "detected", "rain 0.90, feature_drift"),
        (endpoint(verdict(2, 0.7)), [alert()], "detected", "wind 0.70, feature_drift"),
        (
            endpoint(), [alert("mm-app-failed", None, result_name="", detail="ZeroDivisionError: x")],
            "failed", "ZeroDivisionError: x",
        ),
    ],
)  # fmt: skip
def test_the_worst_is_shown_with_its_reason(
    entry: dict[str, Any], alerts: list[dict[str, Any]], state: str, why: str
) -> None:
    found = summary(entry, alerts)
    assert (found["state"], found["why"]) == (state, why)
    assert found["value"] is None or f"{found['value']:.2f}" in why


def test_endpoints_are_sorted_by_trouble_then_by_value_then_by_name() -> None:
    entries = [endpoint(verdict(0)), endpoint(verdict(2, 0.7)), endpoint(verdict(2, 0.9)), endpoint()]
    entries += [endpoint(verdict(0), endpoint_name="a")]
    for entry in entries:
        entry |= summary(entry, [])
    ordered = sorted(entries, key=by_trouble)
    assert [entries.index(entry) for entry in ordered] == [2, 1, 3, 4, 0]


def test_endpoints_are_sorted_by_the_value_that_is_told() -> None:
    told = endpoint(verdict(1, 0.2), endpoint_name="b")
    other = endpoint(verdict(2, 0.78), verdict(0, 0.99, result_name="calm"), endpoint_name="a")
    entries = [other | summary(other, []), told | summary(told, [alert(value=0.95)])]
    assert [each["why"][:9] for each in sorted(entries, key=by_trouble)] == ["rain 0.95", "wind 0.78"]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ('{"feature":"rain","state":"partial"}', "rain 0.90, feature_drift (partial)"),
        ('{"state":"partial"}', "feature_drift 0.90 (partial)"),
        ('{"feature":"rain"}', "rain 0.90, feature_drift"),
    ],
)
def test_an_alert_of_a_partial_window_says_so(extra: str, expected: str) -> None:
    assert words(alert("data-drift-suspected", detail=extra)) == expected


def test_alerts_of_one_result_are_one_finding_with_its_worst_window() -> None:
    alerts = [
        alert(value=0.8, start_infer_time=HOUR.format(3)),
        alert(value=0.95, start_infer_time=HOUR.format(2), detail='{"feature":"worst"}'),
        alert("data-drift-suspected", 0.99, start_infer_time=HOUR.format(1)),
        alert(value=0.7, start_infer_time=HOUR.format(5), resolved=HOUR.format(7), endpoint_id="other"),
        alert(value=0.7, start_infer_time=HOUR.format(4), resolved=HOUR.format(6), endpoint_id="other"),
    ]
    still, over = findings(alerts)
    assert (still["kind"], still["windows"], words(still)) == (
        "data-drift-detected", 2, "worst 0.95, feature_drift",
    )  # fmt: skip
    assert (still["first"], still["last"], still["milder"]) == (HOUR.format(2), HOUR.format(3), 1)
    assert (over["windows"], over["resolved"]) == (2, HOUR.format(7))
