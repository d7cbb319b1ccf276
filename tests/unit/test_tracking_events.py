"""What the events say of the requests they log."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest

from modelmon import wire
from modelmon.model import endpoint_id_of
from modelmon.serving import V2ModelServer, tracking_of
from unit.serving_support import (
    NOON_US,
    Failing,
    Sum,
    any_stream,
    events_on,
    fixed_clock,
    logged,
    messages_on,
    serve,
)

ROWS = [[float(row), row + 0.5] for row in range(200)]
CLIENT_TIME = {"client_time": True}


def test_a_request_becomes_one_event() -> None:
    [event] = logged(
        Sum,
        [{"id": "r1", "inputs": [[1, 2], [3, 4]], "entities": {"tail": "N1"}}],
        spec={"labels": {"team": "a"}, "inputs": ["x", "y"], "outputs": ["z"], "version": "v1"},
    )
    uid = endpoint_id_of("p", "f", "m", "v1")
    assert event == wire.ServingEvent(
        endpoint_id=uid,
        endpoint_name="m:v1",
        function_uri="p/f",
        model_class="Sum",
        version="v1",
        request_id="r1",
        when_us=NOON_US,
        latency_us=1500,
        inputs=[[1, 2], [3, 4]],
        outputs=[[3], [7]],
        input_names=("x", "y"),
        output_names=("z",),
        labels={"team": "a"},
        metrics=None,
        entities={"tail": "N1"},
        sampling_percentage=100.0,
        effective_sample_count=2,
        op="infer",
        publisher_id=event.publisher_id,
        number=1,
    )


def test_mlruns_parser_finds_every_field_it_needs() -> None:
    url = any_stream()
    server = serve(tracking=tracking_of(url))
    server.test("/v2/models/m/infer", {"inputs": [[1, 2]]})
    server.close_now()
    [message] = messages_on(url)
    event = json.loads(message.body)
    assert message.key == event["endpoint_id"] == endpoint_id_of("p", "f", "m")
    assert {"class", "worker", "model", "host", "function_uri", "sampling_percentage", "op"} <= event.keys()
    assert event["when"] == "2025-01-31 12:00:00.000000+00:00"
    assert event["microsec"] == 1500
    assert event["request"]["inputs"] == [[1, 2]]
    assert event["request"]["id"] == event["resp"]["id"] == "id-1"
    assert len(event["resp"]["outputs"]) == event["effective_sample_count"] == 1


def test_latency_counts_on_beyond_a_second() -> None:
    [event] = logged(Sum, [{"inputs": [[1]]}], clock=fixed_clock(latency_us=1_250_000))
    assert event.latency_us == 1_250_000


def test_a_flat_list_is_one_sample() -> None:
    class First(V2ModelServer):
        def predict(self, request: dict[str, Any]) -> Any:
            return [request["inputs"][0]]

    [event] = logged(First, [{"inputs": [1, 2, 3]}])
    assert (event.inputs, event.outputs, event.effective_sample_count) == ([[1, 2, 3]], [[1]], 1)


def test_dict_rows_are_logged_with_their_names() -> None:
    [event] = logged(
        Sum, [{"inputs": [{"y": 2, "x": 1}]}], path="/v2/models/m/infer_dict", spec={"inputs": ["x", "y"]}
    )
    assert (event.op, event.inputs, event.input_names) == ("infer_dict", [[1, 2]], ("x", "y"))


@pytest.mark.parametrize("operation", ["infer", "infer_dict"])
def test_named_rows_are_placed_by_name_case_and_order_aside(operation: str) -> None:
    class Known(V2ModelServer):
        def predict(self, request: dict[str, Any]) -> Any:
            return [0 for _ in request["inputs"]]

    [event] = logged(
        Known,
        [{"inputs": [{"CITY": "Oslo", "Spent": 9.0, "visits": 3}]}],
        path=f"/v2/models/m/{operation}",
        spec={"inputs": ["Visits", "spent", "City"]},
    )
    assert (event.input_names, event.inputs) == (("Visits", "spent", "City"), [[3, 9.0, "Oslo"]])


def test_rows_with_and_without_names_in_one_request_are_a_row_each() -> None:
    class Known(V2ModelServer):
        def predict(self, request: dict[str, Any]) -> Any:
            return [0 for _ in request["inputs"]]

    rows = [{"City": "Oslo", "Visits": 3}, [1, 2.0, "Rome"], {"City": "Bonn"}]
    [event] = logged(Known, [{"inputs": rows}], spec={"inputs": ["Visits", "spent", "City"]})
    assert event.inputs == [[3, None, "Oslo"], [1, 2.0, "Rome"], [None, None, "Bonn"]]
    assert (event.outputs, event.effective_sample_count) == ([[0], [0], [0]], 3)


def test_an_explanation_is_logged_under_its_operation() -> None:
    [event] = logged(Sum, [{"inputs": [[1, 2]]}], path="/v2/models/m/explain")
    assert (event.op, event.outputs) == ("explain", [[1.0]])


def test_custom_operations_are_never_logged() -> None:
    class Custom(Sum):
        def op_fail(self, event: Any) -> Any:
            raise ValueError

    assert logged(Custom, [{"inputs": [[1]]}], path="/v2/models/m/fail") == []


def test_a_request_without_rows_is_not_logged() -> None:
    assert logged(Sum, [{"inputs": []}]) == []


class Vandal(V2ModelServer):
    """Changes what it was given, and answers with the very list."""

    def predict(self, request: dict[str, Any]) -> Any:
        inputs = request["inputs"]
        for row in inputs:
            row[0]["nested"].append("x")
            row.append("mutated")
        request["entities"] = {"a": 1}
        inputs.reverse()
        return inputs


def test_what_is_logged_is_what_came_in_whatever_the_model_does_to_it() -> None:
    [event] = logged(Vandal, [{"inputs": [[{"nested": [1]}], [{"nested": [2]}]]}])
    assert event.inputs == [[{"nested": [1]}], [{"nested": [2]}]]
    assert event.outputs == [[{"nested": [2, "x"]}, "mutated"], [{"nested": [1, "x"]}, "mutated"]]
    assert event.entities is None


def test_what_is_logged_of_a_hook_is_what_it_passed_on() -> None:
    class Doubling(Sum):
        def preprocess(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
            return {"inputs": (np.array(request["inputs"]) * 2).tolist()}

        def postprocess(self, response: dict[str, Any]) -> Any:
            return response | {"outputs": ["big" if value > 5 else "small" for value in response["outputs"]]}

    [event] = logged(Doubling, [{"inputs": [[1], [4]]}])
    assert (event.inputs, event.outputs) == ([[2], [8]], [["small"], ["big"]])


def test_an_answer_without_outputs_is_logged_with_the_models_own() -> None:
    class Terse(Sum):
        def postprocess(self, response: dict[str, Any]) -> Any:
            return "done"

    [event] = logged(Terse, [{"inputs": [[1, 2]]}])
    assert event.outputs == [[3]]


def test_arrays_and_tuples_in_the_inputs_are_logged_as_lists() -> None:
    class Arrays(Sum):
        def preprocess(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
            return {"inputs": np.array(request["inputs"])}

        def validate(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
            return request

        def predict(self, request: dict[str, Any]) -> Any:
            request["inputs"] *= 0
            return request["inputs"].sum(axis=1)

    [event] = logged(Arrays, [{"inputs": [[1, 2], [3, 4]]}])
    assert (event.inputs, event.outputs) == ([[1, 2], [3, 4]], [[0], [0]])


def test_integers_beyond_64_bits_do_not_lose_the_event() -> None:
    [event] = logged(Sum, [{"inputs": [[2**70]]}])
    assert event.inputs == [[float(2**70)]]


def test_missing_values_stay_missing_or_nan() -> None:
    class Zero(V2ModelServer):
        def predict(self, request: dict[str, Any]) -> Any:
            return [0]

    [event] = logged(Zero, [b'{"inputs": [[null, NaN]]}'])
    assert event.inputs[0][0] is None
    assert event.inputs[0][1] != event.inputs[0][1]


def test_logged_results_replaces_what_is_logged_and_not_what_is_answered() -> None:
    class Private(Sum):
        def logged_results(self, request: dict[str, Any], response: Any, op: str) -> tuple[Any, Any]:
            response["outputs"].append("never sent")
            return [[len(row)] for row in request["inputs"]], [["hidden"]]

    url = any_stream()
    server = serve(Private, tracking_of(url))
    assert server.test("/v2/models/m/infer", {"inputs": [[1, 2]]})["outputs"] == [3]
    server.close_now()
    [event] = events_on(url)
    assert (event.inputs, event.outputs, event.request_id) == ([[2]], [["hidden"]], "id-1")


def test_a_logged_results_that_fails_costs_the_event_not_the_answer() -> None:
    class Broken(Sum):
        def logged_results(self, request: dict[str, Any], response: Any, op: str) -> tuple[Any, Any]:
            raise ValueError("oops")

    url = any_stream()
    server = serve(Broken, tracking_of(url))
    assert server.test("/v2/models/m/infer", {"inputs": [[1, 2]]})["outputs"] == [3]
    server.close_now()
    assert events_on(url) == []


def test_a_metric_goes_with_the_events_from_then_on() -> None:
    class Measured(Sum):
        def predict(self, request: dict[str, Any]) -> Any:
            if request["inputs"] == [[2]]:
                self.set_metric("size", 7)
            return super().predict(request)

    events = logged(Measured, [{"inputs": [[n]]} for n in (1, 2, 3)])
    assert [event.metrics for event in events] == [None, {"size": 7}, {"size": 7}]


@pytest.mark.parametrize(
    ("timestamp", "expected_us", "is_bad"),
    [
        ("2013-04-11T12:00:00Z", 1_365_681_600_000_000, 0),
        ("2013-04-11 14:00:00.000001+02:00", 1_365_681_600_000_001, 0),
        ("2013-04-11 12:00:00", 1_365_681_600_000_000, 0),
        ("yesterday", NOON_US, 1),
        (1_365_681_600, NOON_US, 1),
        ("0001-01-01 00:00:00", NOON_US, 1),
        (None, NOON_US, 0),
    ],
)
def test_client_time_takes_the_requests_own_time_or_else_the_servers(
    timestamp: Any, expected_us: int, is_bad: int
) -> None:
    url = any_stream()
    server = serve(tracking=tracking_of(url, tracking_policy=CLIENT_TIME))
    answer = server.test("/v2/models/m/infer", {"inputs": [[1]], "timestamp": timestamp})
    server.close_now()
    [event] = events_on(url)
    assert event.when_us == expected_us
    assert server.stats()["bad_timestamps"] == is_bad
    assert answer["timestamp"] == "2025-01-31 12:00:00.000000+00:00"


def test_without_client_time_a_timestamp_is_only_a_field() -> None:
    [event] = logged(Sum, [{"inputs": [[1]], "timestamp": "2013-04-11T12:00:00Z"}])
    assert event.when_us == NOON_US


# sampling


def test_every_sample_th_request_is_logged() -> None:
    events = logged(Sum, [{"inputs": [[n]]} for n in range(1, 11)], sample=3)
    assert [event.inputs for event in events] == [[[3]], [[6]], [[9]]]
    assert [event.number for event in events] == [1, 2, 3]  # no gap: nothing was lost


def test_rows_are_sampled_with_their_outputs() -> None:
    draws = itertools.cycle([0.1, 0.9])
    [event] = logged(Sum, [{"inputs": ROWS}], sampling_percentage=50, draw=lambda: next(draws))
    assert event.inputs == ROWS[::2]
    assert event.outputs == [[sum(row)] for row in ROWS[::2]]
    assert (event.effective_sample_count, event.sampling_percentage) == (100, 50.0)


def test_about_the_asked_share_of_rows_is_logged() -> None:
    events = logged(Sum, [{"inputs": ROWS} for _ in range(50)], sampling_percentage=10)
    assert 800 <= sum(event.effective_sample_count for event in events) <= 1200  # of 10,000


def test_no_event_when_no_row_is_taken() -> None:
    draws = iter([0.9, 0.9, 0.1])
    events = logged(
        Sum, [{"inputs": [[n]]} for n in range(3)], sampling_percentage=50, draw=lambda: next(draws)
    )
    assert [(event.inputs, event.number) for event in events] == [([[2]], 1)]


def test_a_flat_list_is_sampled_as_one_row() -> None:
    draws = iter([0.1, 0.9])
    bodies = [{"inputs": [1, 2, 3]}, {"inputs": [4, 5, 6]}]
    [event] = logged(Sum, bodies, sampling_percentage=50, draw=lambda: next(draws))
    assert event.inputs == [[1, 2, 3]]


def test_the_estimate_of_all_rows_is_right_with_both_kinds_of_sampling() -> None:
    draws = itertools.cycle([0.1, 0.9])
    bodies = [{"inputs": ROWS} for _ in range(4)]
    events = logged(Sum, bodies, sample=2, sampling_percentage=50, draw=lambda: next(draws))
    estimate = sum(event.effective_sample_count * 100 / event.sampling_percentage for event in events)
    assert estimate == 4 * len(ROWS)


def test_replaced_rows_are_sampled_too() -> None:
    class Private(Sum):
        def logged_results(self, request: dict[str, Any], response: Any, op: str) -> tuple[Any, Any]:
            return [["a"], ["b"]], [["x"], ["y"]]

    draws = iter([0.9, 0.1])  # none for the row that came, one for each of the rows instead
    [event] = logged(Private, [{"inputs": [[1]]}], sampling_percentage=50, draw=lambda: next(draws))
    assert (event.inputs, event.outputs) == ([["b"]], [["y"]])


# errors


def test_a_model_that_fails_is_logged_as_an_error() -> None:
    [event] = logged(Failing, [{"id": "r1", "inputs": [[1]]}])
    assert isinstance(event, wire.ErrorEvent)
    assert event.error == "KeyError: 'no such column'"
    assert (event.request_id, event.when_us, event.op, event.number) == ("r1", NOON_US, "infer", 1)


def test_errors_are_never_sampled() -> None:
    bodies = [{"inputs": [[n]]} for n in range(10)]
    events = logged(Failing, bodies, sample=1000, sampling_percentage=1, draw=lambda: 0.999)
    assert len(events) == 10


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "the body is not JSON: Input data was truncated"),
        ({"inputs": 3}, "inputs: must be a list, an array or a frame, got int"),
        ({}, 'inputs: the request has no "inputs"'),
    ],
)
def test_a_request_that_is_refused_is_logged_as_an_error(body: Any, error: str) -> None:
    [event] = logged(Sum, [body])
    assert (type(event), event.error) == (wire.ErrorEvent, error)


@pytest.mark.parametrize("hook", ["preprocess", "validate", "postprocess"])
def test_an_error_in_any_hook_is_logged(hook: str) -> None:
    def fail(*arguments: Any) -> Any:
        raise ValueError("bad day")

    [event] = logged(type("Moody", (Sum,), {hook: fail}), [{"inputs": [[1]]}])
    assert (type(event), event.error) == (wire.ErrorEvent, "ValueError: bad day")


def test_outputs_that_can_not_be_answered_are_logged_as_an_error() -> None:
    class Odd(Sum):
        def predict(self, request: dict[str, Any]) -> Any:
            return [object()]

    [event] = logged(Odd, [{"inputs": [[1]]}])
    assert isinstance(event, wire.ErrorEvent)


def test_an_error_carries_the_inputs_as_they_came() -> None:
    class Angry(V2ModelServer):
        def predict(self, request: dict[str, Any]) -> Any:
            request["inputs"].clear()
            raise ValueError("bad day")

    url = any_stream()
    server = serve(Angry, tracking_of(url))
    server.handle("POST", "/v2/models/m/infer", {}, b'{"inputs":[[1,2]]}')
    server.close_now()
    [message] = messages_on(url)
    assert json.loads(message.body)["request"]["inputs"] == [[1, 2]]


def test_requests_to_no_model_are_nobodys_errors() -> None:
    assert logged(Sum, [{"inputs": [[1]]}], path="/v2/models/other/infer") == []
