"""Reading and writing the events stream."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from golden.messages import EVENTS, expected, message, plain
from modelmon.errors import RejectedError
from modelmon.model import UNKNOWN_ENDPOINT, endpoint_id_of
from modelmon.wire import (
    BatchComplete,
    ErrorEvent,
    NopEvent,
    RejectedItem,
    ServingEvent,
    read_message,
    split_function_uri,
    write_batch,
    write_batch_complete,
    write_error_event,
    write_event,
    write_nop_event,
)

ENDPOINT = "25b301f850456b8dfea41938e728c4bc"
WHEN_US = 1738317600123456
EVENT: dict[str, Any] = {
    "model": "delay",
    "endpoint_id": ENDPOINT,
    "function_uri": "flights/serving",
    "request": {"id": "r", "inputs": [[1, 2]]},
    "resp": {"outputs": [0]},
    "when": "2025-01-31 10:00:00.123456+00:00",
    "microsec": 5,
}


def body(**changes: Any) -> bytes:
    """The event with some fields changed; a field given as ... is left out."""
    return json.dumps({k: v for k, v in {**EVENT, **changes}.items() if v is not ...}).encode()


def read(**changes: Any) -> Any:
    (item,) = read_message(body(**changes))
    return item


def refused(**changes: Any) -> RejectedItem:
    item = read(**changes)
    assert isinstance(item, RejectedItem), item
    assert item.body == body(**changes)
    return item


@pytest.mark.parametrize("name", EVENTS)
def test_a_golden_message_reads_as_recorded(name: str) -> None:
    assert plain(read_message(message(name))) == expected(name)


@pytest.mark.parametrize(
    ("when", "microseconds"),
    [
        ("2025-01-31 10:00:00.123456+00:00", WHEN_US),
        ("2025-01-31T10:00:00.123456Z", WHEN_US),
        ("2025-01-31T12:00:00.123456+02:00", WHEN_US),
        ("2025-01-31 10:00:00.123456", WHEN_US),  # naive is UTC
        ("2025-01-31 10:00:00.123456789", WHEN_US),  # nanoseconds are cut off
        ("1970-01-01 00:00", 0),
    ],
)
def test_when_is_read_in_every_iso_form(when: str, microseconds: int) -> None:
    assert read(when=when).when_us == microseconds


@pytest.mark.parametrize(
    "when",
    [..., None, "", "now", 1738317600, 1738317600.5, "2025-01-31", "20250131T100000", "2025-13-01 00:00:00",
     "1969-12-31 23:59:59", "0001-01-01 00:00:00+23:59", "9999-12-31 23:59:59-23:59"],
)  # fmt: skip
def test_a_when_that_is_no_time_says_what_is_right(when: Any) -> None:
    item = refused(when=when)
    assert item.field == "when"
    assert "2025-01-31 10:00:00.123456+00:00" in item.reason or "between 1970 and 9999" in item.reason


def test_an_epoch_number_is_called_a_number() -> None:
    assert "1738317600 is a number" in refused(when=1738317600).reason


@pytest.mark.parametrize(
    ("microsec", "latency_us"),
    [(0, 0), (1_250_000, 1_250_000), (12.6, 13), (0.4, 0), (None, None), (..., None)],
)
def test_latency_is_whole_microseconds_or_none(microsec: Any, latency_us: int | None) -> None:
    assert read(microsec=microsec).latency_us == latency_us


@pytest.mark.parametrize(
    "microsec", [-1, -0.5, math.nan, math.inf, -math.inf, True, "5", 10**30, 100 * 86_400_000_001]
)
def test_a_latency_that_can_not_be_is_rejected(microsec: Any) -> None:
    assert refused(microsec=microsec).field == "microsec"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("model", {"model": ...}),
        ("model", {"model": ""}),
        ("model", {"model": 5}),
        ("model", {"model": "x" * 256}),
        ("model", {"model": "a\0b"}),
        ("version", {"version": "\0"}),
        ("class", {"class": "\0"}),
        ("function_uri", {"function_uri": "p/f\0"}),
        ("op", {"op": "infer\0"}),
        ("endpoint_id", {"endpoint_id": "a/b"}),
        ("endpoint_id", {"endpoint_id": ""}),
        ("endpoint_id", {"endpoint_id": "x" * 65}),
        ("endpoint_id", {"endpoint_id": ..., "function_uri": "serving"}),
        ("endpoint_id", {"endpoint_id": ..., "function_uri": ...}),
        ("request", {"request": 5}),
        ("request.inputs", {"request": ...}),
        ("request.inputs", {"request": {"id": "r"}}),
        ("request.inputs", {"request": {"inputs": []}, "resp": {"outputs": []}}),
        ("request.id", {"request": {"id": [], "inputs": [[1]]}}),
        ("resp.outputs", {"resp": None}),
        ("resp.outputs", {"resp": {"outputs": None}}),
        ("labels", {"labels": ["a"]}),
        ("metrics", {"metrics": 5}),
        ("sampling_percentage", {"sampling_percentage": 0}),
        ("sampling_percentage", {"sampling_percentage": 100.1}),
        ("sampling_percentage", {"sampling_percentage": math.nan}),
        ("effective_sample_count", {"effective_sample_count": -1}),
        ("effective_sample_count", {"effective_sample_count": 1.5}),
        ("publisher.number", {"publisher": {"id": "a", "number": 0}}),
        ("publisher.number", {"publisher": {"id": "a", "number": "1"}}),
        ("publisher.id", {"publisher": {"id": "", "number": 1}}),
        ("publisher", {"publisher": {"id": "a"}}),
        ("kind", {"kind": "regular_event"}),
        ("headers", {"headers": 5, "values": [[1]]}),
        ("values", {"headers": ["request"], "values": []}),
    ],
)
def test_what_is_wrong_is_named(field: str, changes: dict[str, Any]) -> None:
    item = refused(**changes)
    assert item.field == field
    assert item.item == 0


def test_a_rejected_item_says_whose_it_is_where_that_can_be_told() -> None:
    assert refused(when=5).endpoint_id == ENDPOINT
    derived = endpoint_id_of("flights", "serving", "delay", "")
    assert refused(when=5, endpoint_id=...).endpoint_id == derived
    assert refused(when=5, endpoint_id="a/b").endpoint_id == derived
    nameless = refused(when=5, endpoint_id=..., model=...)
    assert (nameless.endpoint_id, nameless.endpoint_name) == (UNKNOWN_ENDPOINT, "")


@pytest.mark.parametrize(
    "changes",
    [
        {"when": 1738317600},
        {"when": 5, "function_uri": ...},
        {"when": 5, "function_uri": "serving"},
        {"when": 5, "function_uri": 7},
        {"when": "\ud800"},
        {"resp": None},
        {"endpoint_id": "a/b", "function_uri": ...},
        {"class": 5},
    ],
)
def test_what_is_set_aside_is_known_by_its_models_name(changes: dict[str, Any]) -> None:
    item = refused(**{"endpoint_id": ..., **changes})
    assert item.endpoint_name == "delay"
    assert item.endpoint_id != UNKNOWN_ENDPOINT


def test_a_models_name_that_no_endpoint_can_have_tells_nothing() -> None:
    for name in ("", "x" * 256, "a\0b", 5, "\ud800", ":" + "v" * 255):
        item = refused(when=5, endpoint_id=..., model=name)
        assert (item.endpoint_id, item.endpoint_name) == (UNKNOWN_ENDPOINT, "")


def test_a_rejected_item_keeps_its_publishers_number() -> None:
    item = refused(when=5, publisher={"id": "ab", "number": 3})
    assert (item.publisher_id, item.number) == ("ab", 3)


def test_an_endpoint_without_id_is_known_by_function_model_and_version() -> None:
    uri = "flights/serving:latest@0a1b"
    without = read(endpoint_id=..., function_uri=uri, model="delay", version="v1")
    assert without.endpoint_id == endpoint_id_of("flights", "serving", "delay", "v1")
    assert without.endpoint_name == "delay:v1"
    colon = read(endpoint_id=..., function_uri=uri, model="delay:v1", version=...)
    both = read(endpoint_id=..., function_uri=uri, model="delay:v1", version="v1")
    assert colon == both == without


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("p/f", ("p", "f")),
        ("p/f:tag", ("p", "f")),
        ("p/f@hash", ("p", "f")),
        ("p/f:tag@hash", ("p", "f")),
        ("p", ("", "")),
        ("", ("", "")),
        ("/f", ("", "")),
        ("p/f/g", ("", "")),
        ("p/" + "f" * 256, ("", "")),
    ],
)
def test_a_function_uri_tells_project_and_function(uri: str, parts: tuple[str, str]) -> None:
    assert split_function_uri(uri) == parts


def test_the_request_id_falls_back_to_the_response_and_may_be_a_number() -> None:
    assert read(request={"inputs": [[1]]}, resp={"id": "r-9", "outputs": [0]}).request_id == "r-9"
    assert read(request={"id": 0, "inputs": [[1]]}).request_id == "0"
    assert read(request={"inputs": [[1]]}).request_id == ""


def test_what_a_server_does_not_say_has_a_default() -> None:
    event = read(microsec=..., request={"inputs": [[1], [2]]}, resp={"outputs": [1, 2]})
    assert (event.sampling_percentage, event.effective_sample_count, event.op) == (100.0, 2, "infer")
    assert (event.labels, event.metrics, event.entities) == (None, None, None)


def test_an_error_event_needs_no_outputs_and_holds_no_nul() -> None:
    error = read(error="bad\0thing", resp=..., microsec=...)
    assert isinstance(error, ErrorEvent)
    assert error.error == "bad\ufffdthing"
    assert read(error={"code": 1}).error == '{"code":1}'
    assert isinstance(read(error=""), ErrorEvent)


def test_each_element_of_an_array_is_accepted_or_set_aside_alone() -> None:
    good, bad = body(), body(when=None)
    items = read_message(b" [" + good + b" , " + bad + b',{"a":tru}, NaN,' + good + b"]\n")
    assert [type(item) for item in items] == [ServingEvent, *[RejectedItem] * 3, ServingEvent]
    assert [item.item for item in items if isinstance(item, RejectedItem)] == [1, 2, 3]
    assert [item.body for item in items if isinstance(item, RejectedItem)] == [bad, b'{"a":tru}', b"NaN"]


def test_rows_of_a_micro_batch_count_on_as_items_and_can_be_sent_again_alone() -> None:
    batch = json.loads(message("v16_micro_batch"))
    good = batch["values"][0]
    rows = write_batch([json.dumps({**batch, "values": [good, 5, [1], good]}).encode(), body(when=0), body()])
    items = read_message(rows)
    assert [item.item for item in items if isinstance(item, RejectedItem)] == [1, 2, 4]
    alone = items[1]
    assert isinstance(alone, RejectedItem)
    assert alone.field == "values[1]"
    assert json.loads(alone.body)["values"] == [5]
    assert len(items) == 6


@pytest.mark.parametrize(
    "whole",
    [b"", b" ", b"null", b"5", b'"text"', b"[]", b"[", b"]", b"{", b"{]", b"[{}", b"[1]2", b"\xff", b"[\xff]",
     b'{"a":"\xff"}', b"[" * 100_000, b'{"a":' * 100_000,
     b'{"request":{"inputs":' + b"[" * 9 + b"]" * 9 + b"}}"],
)  # fmt: skip
def test_what_is_no_event_at_all_is_set_aside(whole: bytes) -> None:
    (item,) = read_message(whole)
    assert isinstance(item, RejectedItem)
    assert item.endpoint_id == UNKNOWN_ENDPOINT
    assert item.reason


def test_a_byte_order_mark_and_white_space_are_no_fault() -> None:
    assert read_message(b"\xef\xbb\xbf\n " + body()) == read_message(body())


def test_a_lone_surrogate_is_refused_by_name_and_a_pair_is_a_character() -> None:
    text = body(request={"id": "r", "inputs": [["PLACE"]]})
    (lone,) = read_message(text.replace(b"PLACE", b"\\ud800"))
    assert isinstance(lone, RejectedItem)
    assert (lone.field, lone.endpoint_id) == ("request.inputs[0][0]", ENDPOINT)
    (named,) = read_message(body(endpoint_id=...).replace(b'"delay"', b'"\\ud800"'))
    assert isinstance(named, RejectedItem)
    assert (named.field, named.endpoint_id) == ("model", UNKNOWN_ENDPOINT)
    (pair,) = read_message(text.replace(b"PLACE", b"\\ud83d\\ude00"))
    assert isinstance(pair, ServingEvent)
    assert pair.inputs == [["😀"]]


def test_integers_beyond_64_bits_become_floats_and_beyond_those_their_digits() -> None:
    text = body(request={"id": "r", "inputs": [["PLACE"]]})
    for digits, value in (
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", float(2**63)),
        ("18446744073709551616", float(2**64)),
        ("9" * 400, "9" * 400),
        ("9" * 5000, "9" * 5000),
    ):
        (event,) = read_message(text.replace(b'"PLACE"', digits.encode()))
        assert isinstance(event, ServingEvent)
        assert event.inputs == [[value]]
        assert type(event.inputs[0][0]) is type(value)


def serving_event(**changes: Any) -> ServingEvent:
    values: dict[str, Any] = {
        "endpoint_id": ENDPOINT,
        "endpoint_name": "delay:v1",
        "function_uri": "flights/serving",
        "model_class": "MyModel",
        "version": "v1",
        "request_id": "r",
        "when_us": WHEN_US,
        "latency_us": 1_250_000,
        "inputs": [[1, "x", None, True, b"\x89PNG", {"deep": [1]}], [2.5]],
        "outputs": [[0.5], [0.25]],
        "input_names": ("a", "b", "c", "d", "e", "f"),
        "output_names": ("y",),
        "labels": {"k": "v"},
        "metrics": {"m": 1.5},
        "entities": {"customer": 5},
        "sampling_percentage": 50.0,
        "effective_sample_count": 2,
        "op": "predict",
        "publisher_id": "9f86d081",
        "number": 7,
    }
    return ServingEvent(**{**values, **changes})


def test_a_written_event_reads_as_it_was() -> None:
    for event in (
        serving_event(),
        serving_event(
            endpoint_name="delay",
            version="",
            latency_us=None,
            input_names=None,
            output_names=None,
            labels=None,
            metrics=None,
            entities=None,
            publisher_id=None,
            number=None,
        ),
    ):
        assert read_message(write_event(event)) == [event]


def test_a_written_event_has_every_field_that_mlrun_reads() -> None:
    event = json.loads(write_event(serving_event(inputs=[[1.5]], outputs=[[2]]), host="pod", worker=3))
    golden = json.loads(message("v2"))
    assert set(golden) <= set(event)
    assert {name: type(event[name]) for name in golden} == {name: type(golden[name]) for name in golden}
    assert set(golden["resp"]) <= set(event["resp"])
    assert (event["host"], event["worker"], event["model"]) == ("pod", 3, "delay:v1")
    assert event["resp"]["timestamp"] == "2025-01-31 10:00:01.373456+00:00"


def test_nan_and_infinity_survive_writing_beside_null() -> None:
    event = serving_event(inputs=[[math.inf, -math.inf, None, np.float32("inf")]], outputs=[[math.nan]])
    (back,) = read_message(write_event(event))
    assert isinstance(back, ServingEvent)
    assert back.inputs == [[math.inf, -math.inf, None, math.inf]]
    assert math.isnan(back.outputs[0][0])


def test_numpy_values_are_written_as_their_own() -> None:
    event = serving_event(
        inputs=[[np.int64(1), np.float64(0.5), np.bool_(True), np.arange(2)]], outputs=[[np.nan]]
    )
    (back,) = read_message(write_event(event))
    assert isinstance(back, ServingEvent)
    assert back.inputs == [[1, 0.5, True, [0, 1]]]


def test_what_json_can_not_hold_is_an_error_that_says_its_type() -> None:
    with pytest.raises(RejectedError, match="object is nothing that JSON can hold"):
        write_event(serving_event(inputs=[[object()]]))


def test_error_nop_and_batch_complete_read_as_they_were() -> None:
    error = ErrorEvent(
        ENDPOINT, "delay:v1", "flights/serving", "MyModel", "v1", "r", WHEN_US, "boom", "infer", "ab", 2
    )
    complete = BatchComplete(ENDPOINT, 0, WHEN_US)
    bodies = [
        write_error_event(error, inputs=[[1, b"x"]]),
        write_nop_event(WHEN_US, project="flights"),
        write_batch_complete(complete, project="flights", completed_us=WHEN_US),
    ]
    assert read_message(write_batch(bodies)) == [error, NopEvent(WHEN_US), complete]
    assert {"error", "op", "when", "request", "endpoint_id"} <= set(json.loads(bodies[0]))
