"""App events and reports."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from golden.messages import APP_EVENTS, REPORTS, expected, message, plain
from modelmon.errors import RejectedError
from modelmon.model import UNKNOWN_ENDPOINT, ValuePoint, Window
from modelmon.wire import (
    AppEvent,
    Envelope,
    RejectedItem,
    read_app_event,
    read_report,
    write_app_event,
    write_report,
)

START = datetime(2025, 1, 31, 9, 50, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(minutes=10))
RESULT = {
    "result_name": "general_drift",
    "result_value": 0.5,
    "result_kind": 0,
    "result_status": 1,
    "result_extra_data": "{}",
}


@pytest.mark.parametrize("name", APP_EVENTS)
def test_a_golden_app_event_reads_as_recorded(name: str) -> None:
    assert plain(read_app_event(message(name))) == expected(name)


@pytest.mark.parametrize("name", REPORTS)
def test_a_golden_report_reads_as_recorded(name: str) -> None:
    assert plain(read_report(message(name))) == expected(name)


def test_what_we_write_is_the_golden_message() -> None:
    assert json.loads(write_app_event(read_app_event(message("app_event")))) == json.loads(
        message("app_event")
    )
    envelopes = [entry for entry in read_report(message("report")) if isinstance(entry, Envelope)]
    assert json.loads(write_report(envelopes)) == json.loads(message("report"))


def test_every_field_of_mlruns_stands_in_what_we_write() -> None:
    assert set(json.loads(message("app_event_mlrun"))) <= set(json.loads(message("app_event")))
    for ours, theirs in zip(json.loads(message("report")), json.loads(message("report_mlrun")), strict=False):
        assert set(theirs) <= set(ours)
        assert isinstance(ours["data"], str)
        assert set(json.loads(theirs["data"])) == set(json.loads(ours["data"]))


def test_only_a_window_of_mlruns_ends_a_microsecond_later_than_written() -> None:
    value = json.loads(message("app_event_mlrun"))
    assert read_app_event(json.dumps(value).encode()).window == WINDOW
    ours = read_app_event(json.dumps({**value, "window_revision": 1}).encode())
    assert ours.window.end == WINDOW.end - timedelta(microseconds=1)
    whole = read_app_event(json.dumps({**value, "end_infer_time": "2025-01-31 10:00:00+00:00"}).encode())
    assert whole.window == WINDOW


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint_id", None),
        ("endpoint_id", "a b"),
        ("endpoint_name", ""),
        ("endpoint_name", "a\0"),
        ("application_name", "my app"),
        ("application_name", "é"),
        ("application_name", 5),
        ("start_infer_time", 1738317600),
        ("end_infer_time", None),
        ("end_infer_time", "2025-01-31 09:50:00+00:00"),
        ("window_revision", -1),
        ("window_revision", True),
        ("window_incomplete", 8),
        ("project", 5),
        ("endpoint_updated", []),
    ],
)
def test_a_wrong_app_event_is_rejected_by_field(field: str, value: Any) -> None:
    event = {**json.loads(message("app_event")), field: value}
    with pytest.raises(RejectedError) as caught:
        read_app_event(json.dumps(event).encode())
    assert caught.value.field == field


def test_an_app_event_reads_as_it_was() -> None:
    event = AppEvent("e", "delay:v1", "my-app", WINDOW, 2, 3, "flights", "")
    assert read_app_event(write_app_event(event)) == event


def envelope(**changes: Any) -> dict[str, Any]:
    (first, *_) = json.loads(message("report"))
    return {**first, **changes}


def read_one(value: Any) -> Any:
    (entry,) = read_report(json.dumps([value]).encode())
    return entry


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("endpoint_id", {"endpoint_id": 5}),
        ("endpoint_name", {"endpoint_name": None}),
        ("application_name", {"application_name": ""}),
        ("start_infer_time", {"start_infer_time": None}),
        ("event_kind", {"event_kind": "alert"}),
        ("event_kind", {"event_kind": None}),
        ("window_revision", {"window_revision": 1.5}),
        ("data", {"data": None}),
        ("data", {"data": "[]"}),
        ("data", {"data": "{"}),
        ("data.result_name", {"data": {**RESULT, "result_name": "1st"}}),
        ("data.result_name", {"data": {**RESULT, "result_name": "a-b"}}),
        ("data.result_value", {"data": {**RESULT, "result_value": math.nan}}),
        ("data.result_value", {"data": {**RESULT, "result_value": True}}),
        ("data.result_value", {"data": {**RESULT, "result_value": "0.5"}}),
        ("data.result_kind", {"data": {**RESULT, "result_kind": 5}}),
        ("data.result_status", {"data": {**RESULT, "result_status": -2}}),
        ("data.result_status", {"data": {**RESULT, "result_status": False}}),
        ("data.result_extra_data", {"data": {**RESULT, "result_extra_data": "[]"}}),
        ("data.result_extra_data", {"data": {**RESULT, "result_extra_data": "x"}}),
        ("data.result_extra_data", {"data": {**RESULT, "result_extra_data": {}}}),
        ("data.metric_value", {"event_kind": "metric", "data": {"metric_name": "m"}}),
        ("data.stats", {"event_kind": "stats", "data": {"stats_name": "s", "stats": []}}),
        ("data.timestamp", {"event_kind": "stats", "data": {"stats_name": "s", "stats": {}}}),
        ("data.outcome", {"event_kind": "window", "data": {"outcome": "ok"}}),
        ("data.envelopes", {"event_kind": "window", "data": {"outcome": "done", "envelopes": -1}}),
        ("data.error", {"event_kind": "window", "data": {"outcome": "done", "error": None}}),
    ],
)
def test_a_wrong_envelope_is_rejected_by_field_and_alone(field: str, changes: dict[str, Any]) -> None:
    body = json.dumps([envelope(), envelope(**changes), envelope()]).encode()
    first, wrong, last = read_report(body)
    assert isinstance(first, Envelope)
    assert first == last
    assert isinstance(wrong, RejectedItem)
    assert (wrong.field, wrong.item) == (field, 1)
    assert json.loads(wrong.body)
    assert wrong.endpoint_id == (UNKNOWN_ENDPOINT if field == "endpoint_id" else first.endpoint_id)


def test_a_missing_kind_is_a_result_and_one_envelope_needs_no_list() -> None:
    value = envelope()
    del value["event_kind"]
    (entry,) = read_report(json.dumps(value).encode())
    assert isinstance(entry, Envelope)
    assert entry.event_kind == "result"


def test_nan_in_stats_and_extra_data_becomes_null() -> None:
    stats = {
        "stats_name": "drift_measures",
        "stats": {"f": {"tvd": math.nan}},
        "timestamp": "2025-01-31 10:00",
    }
    entry = read_one(envelope(event_kind="stats", data=json.dumps(stats)))
    assert entry.content.stats == {"f": {"tvd": None}}
    entry = read_one(envelope(data={**RESULT, "result_extra_data": '{"a": [NaN, 1e999]}'}))
    assert entry.content.extra_data == '{"a":[null,null]}'


def test_a_value_that_readers_would_refuse_can_not_be_made() -> None:
    with pytest.raises(RejectedError, match=r"drift.*must be a finite number, got inf"):
        ValuePoint("e", "app", 0, 1, "drift", math.inf, 1)


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"[5]", b"\xff", b"[" * 100_000, b'{"data":' * 100_000])
def test_what_is_no_report_is_set_aside(body: bytes) -> None:
    (entry,) = read_report(body)
    assert isinstance(entry, RejectedItem)
    with pytest.raises(RejectedError):
        read_app_event(body)
