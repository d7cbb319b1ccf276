"""The V2 protocol, row by row."""

from __future__ import annotations

import json
import logging
import string
import sys
from collections import deque
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmon.errors import RejectedError
from modelmon.model import endpoint_id_of
from modelmon.serving import ModelSpec, ServingSpec, V2ModelServer, create_server, tracking_of
from modelmon.settings import Settings
from unit.serving_support import Failing, Sum, any_stream, events_on, fixed_clock, serve

INFER = "/v2/models/m/infer"
UID = endpoint_id_of("p", "f", "m")


def serve_all(*keys: str) -> Any:
    spec = ServingSpec(
        project="p", function_name="f", models=[ModelSpec(key=key, class_name="Sum") for key in keys]
    )
    settings = Settings.load(project="p", environ={})
    return create_server(spec, settings, classes={"Sum": Sum}, clock=fixed_clock())


def test_an_answer_has_id_model_outputs_time_and_endpoint() -> None:
    assert serve().test(INFER, {"inputs": [[1, 2], [3, 4]]}) == {
        "id": "id-1",
        "model_name": "m",
        "outputs": [3, 7],
        "timestamp": "2025-01-31 12:00:00.000000+00:00",
        "model_endpoint_uid": UID,
    }


@pytest.mark.parametrize("op", ["infer", "predict", ""])
def test_infer_is_predict_and_the_default(op: str) -> None:
    assert serve().test(f"/v2/models/m/{op}", {"inputs": [[1, 2]]})["outputs"] == [3]


@pytest.mark.parametrize(
    ("given_id", "headers", "expected"),
    [
        ("mine", {}, "mine"),
        (0, {}, 0),
        (None, {"MLRUN-EVENT-ID": "h"}, "h"),
        ("mine", {"Mlrun-Event-Id": "h"}, "mine"),
    ],
)
def test_the_id_is_the_bodys_else_the_headers_else_a_new_one(
    given_id: Any, headers: Any, expected: Any
) -> None:
    body = {"inputs": [[1]]} | ({} if given_id is None else {"id": given_id})
    assert serve().test(INFER, body, headers=headers)["id"] == expected


def test_a_header_may_name_the_path() -> None:
    assert serve().test("/anything", {"inputs": [[1]]}, headers={"MLRUN-EVENT-PATH": INFER})["outputs"] == [1]


@pytest.mark.parametrize("path", ["/v2/health", "/", ""])
def test_health_names_the_router(path: str) -> None:
    assert serve().test(path) == {"name": "ModelRouter", "version": "v2", "extensions": []}


@pytest.mark.parametrize("path", ["/v2/models", "/v2/models/"])
def test_the_models_are_listed(path: str) -> None:
    assert serve_all("a", "b:v1").test(path) == {"models": ["a", "b:v1"]}


def test_a_model_describes_itself() -> None:
    answer = serve(spec={"inputs": ["x", "y"], "outputs": ["z"]}).test("/v2/models/m/")
    assert answer == {
        "name": "m",
        "model_endpoint_uid": UID,
        "inputs": [{"name": "x"}, {"name": "y"}],
        "outputs": [{"name": "z"}],
    }


def test_a_model_says_whether_it_is_ready() -> None:
    server = serve()
    assert server.handle("GET", "/v2/models/m/ready", {}, b"").status == 200
    server.models["m"].ready = False
    assert server.handle("GET", "/v2/models/m/ready", {}, b"")[:2] == (408, b"model not ready")
    assert server.handle("POST", INFER, {}, b'{"inputs":[[1]]}')[:2] == (400, b"model m is not ready")


def test_versions_are_models_of_their_own() -> None:
    server = serve_all("m:v1", "m:v2")
    for version in ("v1", "v2"):
        answer = server.test(f"/v2/models/m/versions/{version}/infer", {"inputs": [[1]]})
        assert (answer["model_name"], answer["model_version"]) == ("m", version)
        assert answer["model_endpoint_uid"] == endpoint_id_of("p", "f", "m", version)
    assert server.handle("POST", INFER, {}, b'{"inputs":[[1]]}').status == 400  # which of the two?


def test_a_name_alone_leads_to_its_only_version() -> None:
    assert serve_all("m:v1").test(INFER, {"inputs": [[1]]})["model_version"] == "v1"


def test_an_explanation_has_the_versioned_name_and_no_time() -> None:
    answer = serve_all("m:v1").test("/v2/models/m/versions/v1/explain", {"inputs": [[1]]})
    assert answer["outputs"] == [[1.0]]
    assert answer["model_name"] == "m:v1"
    assert "timestamp" not in answer


def test_dict_rows_come_in_the_order_of_the_models_inputs() -> None:
    class First(V2ModelServer):
        def predict(self, request: dict[str, Any]) -> Any:
            return request["inputs"]

    server = serve(First, spec={"inputs": ["x", "y"]})
    for op in ("infer_dict", "predict_dict"):
        assert server.test(f"/v2/models/m/{op}", {"inputs": [{"y": 2, "x": 1, "z": 3}]})["outputs"] == [
            [1, 2]
        ]
    missing = server.handle("POST", "/v2/models/m/infer_dict", {}, b'{"inputs":[{"x":1}]}')
    assert missing[:2] == (400, b"inputs.0: has no 'y'; the inputs are x, y")


def test_dict_rows_need_a_model_that_names_its_inputs() -> None:
    reply = serve().handle("POST", "/v2/models/m/infer_dict", {}, b'{"inputs":[{"x":1}]}')
    assert reply.status == 400
    assert b"does not say the order of its inputs" in reply.body


def test_body_may_name_model_and_operation() -> None:
    server = serve_all("a", "b")
    assert server.test("/", {"inputs": [[1]]})["model_name"] == "a"
    assert server.test("/v2/models", {"model": "b", "inputs": [[1]]})["model_name"] == "b"
    assert "timestamp" not in server.test("/v2/models/a", {"operation": "explain", "inputs": [[1]]})


def test_custom_operations_get_the_whole_request() -> None:
    class Custom(Sum):
        def op_echo(self, event: Any) -> Any:
            return {"body": event.body, "method": event.method, "path": event.path, "id": event.id}

        def op_hello(self, event: Any) -> str:
            return "hello"

    server = serve(Custom)
    assert server.test("/v2/models/m/echo", {"a": 1}) == {
        "body": {"a": 1}, "method": "POST", "path": "/v2/models/m/echo", "id": "id-1",
    }  # fmt: skip
    assert server.handle("GET", "/v2/models/m/hello", {}, None) == (200, b"hello", "text/plain")
    assert serve().handle("POST", "/v2/models/m/nothing", {}, b"{}")[:2] == (
        400,
        b"illegal model operation 'nothing': Sum has no op_nothing",
    )


def test_an_unknown_model_is_told_the_available_ones() -> None:
    reply = serve_all("a", "b:v1").handle("POST", "/v2/models/c/infer", {}, b'{"inputs":[[1]]}')
    assert reply == (400, b"there is no model 'c'; available are: a, b:v1", "text/plain")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (INFER, b"{", "the body is not JSON"),
        (INFER, b'{"a":"\xff"}', "the body is not JSON"),
        pytest.param(INFER, b'{"inputs":["\\ud800"]}', "the body is not JSON", id="surrogate"),
        (INFER, b"[" * 100_000, "the body is not JSON"),
        (INFER, b"[1]", "must be a JSON object"),
        (INFER, b"", 'no "inputs"'),
        (INFER, None, 'no "inputs"'),
        (INFER, b"{}", 'no "inputs"'),
        (INFER, b'{"inputs":3}', "inputs: must be a list, an array or a frame, got int"),
        ("/v2/other", b"{}", "paths start with /v2/models"),
        ("/v2/models", b'{"model":[]}', "there is no model"),
        ("/v2/models/m", b'{"operation":{"a":1}}', "operation: must be a text"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(path: str, body: Any, message: str) -> None:
    reply = serve().handle("POST", path, {}, body)
    assert (reply.status, reply.content_type) == (400, "text/plain")
    assert message in reply.body.decode()


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [[1]], "id": "\ud800"},
        {"inputs": [["a\udfff"]]},
        {"inputs": [[1]], "\ud800": 1},
        {"inputs": [[2**70]], "id": "\ud800"},
    ],
    ids=["id", "value", "name", "beside a large number"],
)
def test_half_a_character_is_the_callers_fault_however_the_body_was_parsed(body: Any) -> None:
    server = serve()
    sent = json.dumps(body).encode()
    assert server.handle("POST", INFER, {"content-type": "text/plain"}, sent).status == 400
    parsed = server.handle("POST", INFER, {"content-type": "application/json"}, json.loads(sent))
    assert (parsed.status, b"half a character" in parsed.body) == (400, True)


def test_a_large_number_and_unknown_types_are_let_in_from_a_parsed_body() -> None:
    assert serve().handle("POST", INFER, {}, {"inputs": [[2**70]], "x": np.ones(2)}).status == 200


@pytest.mark.parametrize("method", ["DELETE", "TRACE", "OPTIONS", "PATCH", "BREW"])
@pytest.mark.parametrize("path", [INFER, "/v2/models/m", "/v2/models/m/predict", "/v2/models", "/"])
def test_only_post_infers(method: str, path: str) -> None:
    reply = serve().handle(method, path, {}, b'{"inputs":[[1]]}')
    assert reply.status == 405
    assert reply.body.decode() == f"{method} does not infer: use POST, got {method} {path}"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_request_that_can_not_infer_is_no_error_of_the_model(method: str) -> None:
    url = any_stream()
    server = serve(tracking=tracking_of(url))
    assert server.handle(method, INFER, {}, b"").status == 405
    server.close_now()
    assert events_on(url) == []


def test_head_is_get_without_the_body() -> None:
    for path in ("/", "/v2/models/", "/v2/models/m", "/v2/models/m/ready"):
        assert serve().handle("HEAD", path, {}, b"").status == 200


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_model_s_own_operation_gets_every_method(method: str) -> None:
    class Own(Sum):
        def op_how(self, request: Any) -> str:
            return request.method

    assert serve(Own).handle(method, "/v2/models/m/how", {}, b"").body == method.encode()


def test_an_operation_that_can_not_be_called_is_none() -> None:
    class Odd(Sum):
        op_limit = 3

    reply = serve(Odd).handle("POST", "/v2/models/m/limit", {}, b"{}")
    assert reply.status == 400
    assert b"illegal model operation 'limit'" in reply.body


@pytest.mark.parametrize("hook", ["preprocess", "validate", "predict", "postprocess", "explain"])
def test_a_model_that_exits_is_answered_and_logged_as_any_failure(hook: str) -> None:
    def leave(*_: Any) -> Any:
        sys.exit(3)

    url = any_stream()
    server = serve(type("Leaving", (Sum,), {hook: leave}), tracking_of(url))
    path = "/v2/models/m/explain" if hook == "explain" else INFER
    reply = server.handle("POST", path, {}, b'{"inputs":[[1]]}')
    assert reply.status == (400 if hook in ("preprocess", "validate") else 500)
    server.close_now()
    (found,) = events_on(url)
    assert found.error == "SystemExit: 3"


def test_an_operation_or_a_log_hook_that_exits_ends_nothing() -> None:
    class Leaving(Sum):
        def op_leave(self, request: Any) -> Any:
            sys.exit(3)

        def logged_results(self, request: Any, response: Any, op: str) -> Any:
            sys.exit(3)

    server = serve(Leaving, tracking_of(any_stream()))
    assert server.handle("POST", "/v2/models/m/leave", {}, b"{}").status == 500
    assert server.handle("POST", INFER, {}, b'{"inputs":[[1]]}').status == 200
    server.close_now()


def test_an_interrupt_by_hand_is_not_kept_from_a_person() -> None:
    class Interrupted(Sum):
        def predict(self, request: Any) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve(Interrupted).test(INFER, {"inputs": [[1]]})


def test_a_predict_that_returns_nothing_is_a_failure_that_the_log_explains(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Forgetful(Sum):
        def predict(self, request: Any) -> Any:
            sum(request["inputs"][0])

    with caplog.at_level(logging.ERROR):
        assert serve(Forgetful).handle("POST", INFER, {}, b'{"inputs":[[1]]}').status == 500
    assert "predict() returned None: it has to return one output for each of the inputs" in caplog.text


def test_what_preprocess_and_validate_raise_is_the_callers_fault() -> None:
    class Strict(Sum):
        def preprocess(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
            return {"inputs": request["rows"]}

        def validate(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
            if len(request["inputs"]) > 1:
                raise ValueError("one row at a time")
            return request

    server = serve(Strict)
    assert server.test(INFER, {"rows": [[1, 2]]})["outputs"] == [3]
    assert server.handle("POST", INFER, {}, b"{}")[:2] == (400, b"KeyError: 'rows'")
    assert server.handle("POST", INFER, {}, b'{"rows":[1,2]}')[:2] == (400, b"ValueError: one row at a time")


def test_a_model_that_fails_is_a_500_with_an_id_that_the_log_explains(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        reply = serve(Failing).handle("POST", INFER, {}, b'{"inputs":[[1]]}')
    assert reply.status == 500
    assert b"error id-2" in reply.body
    assert b"no such column" not in reply.body
    assert b"Traceback" not in reply.body
    assert "id-2" in caplog.text
    assert "no such column" in caplog.text


def test_one_failing_caller_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Picky(Sum):
        def predict(self, request: dict[str, Any]) -> Any:
            if request["inputs"][0][0] == "other":
                raise KeyError("another line")
            raise ValueError(f"can't read {request['inputs']}")

    server = serve(Picky)
    with caplog.at_level(logging.ERROR):
        for number in range(50):
            server.handle("POST", INFER, {}, b'{"inputs":[["%d%s"]]}' % (number, b"x" * 100_000))
        server.handle("POST", INFER, {}, b'{"inputs":[["other"]]}')
    assert len(caplog.records) == 51
    assert sum(record.exc_info is not None for record in caplog.records) == 2  # one of each kind
    assert "its traceback is above" in caplog.records[1].message
    assert max(len(record.message) for record in caplog.records) < 3_000


def test_a_model_may_blame_the_request() -> None:
    class Choosy(Sum):
        def predict(self, request: dict[str, Any]) -> Any:
            raise RejectedError("must not be negative", "inputs.0")

    assert serve(Choosy).handle("POST", INFER, {}, b'{"inputs":[[-1]]}')[:2] == (
        400,
        b"inputs.0: must not be negative",
    )


@pytest.mark.parametrize("outputs", [object(), {(1, 2): 3}])
def test_outputs_that_json_cannot_hold_are_the_models_fault(outputs: Any) -> None:
    class Odd(Sum):
        def predict(self, request: dict[str, Any]) -> Any:
            return outputs

    assert serve(Odd).handle("POST", INFER, {}, b'{"inputs":[[1]]}').status == 500


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (np.array([[1.5, 2.0]]), [[1.5, 2.0]]),
        (np.array([1, 2], dtype=np.int64), [1, 2]),
        ([np.float32(0.5), np.bool_(True), np.str_("a")], [0.5, True, "a"]),
        (np.array([np.nan, np.inf]), [None, None]),
        ((n for n in (1, 2)), [1, 2]),
        (range(2), [0, 1]),
        ({"a": 1, "b": 2}.values(), [1, 2]),
        (deque([1, 2]), [1, 2]),
        (MappingProxyType({"a": range(2)}), {"a": [0, 1]}),
        ({"a": np.arange(2)}, {"a": [0, 1]}),
    ],
)
def test_numpy_outputs_and_collections_become_json(outputs: Any, expected: Any) -> None:
    class Odd(Sum):
        def predict(self, request: dict[str, Any]) -> Any:
            return outputs

    assert serve(Odd).test(INFER, {"inputs": [[1]]})["outputs"] == expected


def test_nan_in_a_request_is_taken() -> None:
    assert serve().test(INFER, b'{"inputs":[[NaN, 1]]}')["outputs"] == [None]


def test_an_image_is_one_input() -> None:
    class Size(V2ModelServer):
        def predict(self, request: dict[str, Any]) -> Any:
            return [len(image) for image in request["inputs"]]

    assert serve(Size).test(INFER, b"\x89PNG", headers={"Content-Type": "image/png"})["outputs"] == [4]


def test_a_parsed_body_is_taken_as_it_is() -> None:
    reply = serve().handle("POST", INFER, {"Content-Type": "application/json"}, {"inputs": [[1, 2]]})
    assert json.loads(reply.body)["outputs"] == [3]


PATHS = st.one_of(
    st.text(max_size=20).map(lambda tail: f"/v2/models/{tail}"),
    st.text(alphabet=string.printable, max_size=30),
    st.sampled_from([INFER, "/", "", "/v2/models/m/explain", "/v2/models/m/infer_dict", "/v2/health"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
BODIES = st.one_of(
    st.none(),
    st.binary(max_size=40),
    JSON.map(lambda value: json.dumps(value).encode()),
    JSON.map(lambda value: json.dumps({"inputs": value}).encode()),
    JSON.map(lambda value: {"inputs": value}),
)


@given(method=st.sampled_from(["GET", "POST", "PUT", ""]), path=PATHS, body=BODIES)
def test_no_request_raises_or_shows_a_traceback(method: str, path: str, body: Any) -> None:
    reply = serve().handle(method, path, {}, body)
    assert reply.status in (200, 400, 405, 500)
    assert isinstance(reply.body, bytes)
    assert b"Traceback" not in reply.body
