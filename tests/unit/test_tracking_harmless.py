"""Tracking never harms serving: the answer is the same bytes, however tracking is set, whatever it meets."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmon.serving import ModelServing, Tracking, V2ModelServer, tracking_of
from modelmon.serving.recorder import Logged
from repeating import times
from unit.serving_support import Sum, any_stream, events_on, fixed_clock, serve

OPERATIONS = ("infer", "predict", "infer_dict", "explain", "echo")


class Model(V2ModelServer):
    def explain(self, request: dict[str, Any]) -> Any:
        return self.predict(request)

    def op_echo(self, event: Any) -> Any:
        return event.body


class SameList(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        return request["inputs"]


class Mutating(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        inputs = request["inputs"]
        request.clear()
        inputs.append("x")
        for row in inputs:
            if isinstance(row, list):
                row.reverse()
        return inputs


class Array(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        return np.array([len(json.dumps(row)) for row in request["inputs"]], dtype=np.float32)


class Generator(Model):
    def predict(self, request: dict[str, Any]) -> Iterator[Any]:
        return (row for row in request["inputs"])


class Scalar(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        return len(request["inputs"])


class Nothing(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        return None


class Failing(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        raise KeyError(str(request["inputs"]))


class NotJson(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        return [object()]


class OddRequest(Model):
    """Hands on a request that can hardly be copied."""

    def preprocess(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
        request["self"] = self
        request["rows"] = (n for n in range(3))
        request[(1, 2)] = {3: object()}  # type: ignore[index]
        return request

    def predict(self, request: dict[str, Any]) -> Any:
        return [*request["rows"], str(type(request["self"]).__name__)]


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError


class FailsUnprintably(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        raise Unprintable


class Replacing(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        return [1] * len(request["inputs"])

    def logged_results(self, request: dict[str, Any], response: Any, op: str) -> tuple[Any, Any]:
        response["outputs"].clear()
        request["inputs"].clear()
        return [self], response


class Measuring(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        self.set_metric("size", object())
        return [1]


class OddMetrics(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        self.metrics = 3  # type: ignore[assignment]
        return [1]


class BareAnswer(Model):
    def predict(self, request: dict[str, Any]) -> Any:
        return [1]

    def postprocess(self, response: dict[str, Any]) -> Any:
        return response.pop("outputs")


MODELS = [
    SameList, Mutating, Array, Generator, Scalar, Nothing, Failing, NotJson, OddRequest, FailsUnprintably,
    Replacing, Measuring, OddMetrics, BareAnswer,
]  # fmt: skip

CELLS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
NESTED = st.recursive(
    CELLS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
INPUTS = st.one_of(
    st.lists(st.lists(CELLS, max_size=4), max_size=6),
    st.lists(CELLS, max_size=6),
    st.lists(st.fixed_dictionaries({"x": CELLS, "y": CELLS}), max_size=4),
    st.lists(NESTED, max_size=4),
    NESTED,
)
REQUESTS = st.one_of(
    st.fixed_dictionaries(
        {"inputs": INPUTS},
        optional={
            "id": CELLS,
            "timestamp": CELLS,
            "entities": NESTED,
            "model": st.just("m"),
            "other": NESTED,
        },
    ),
    st.dictionaries(st.sampled_from(["inputs", "id", "model", "operation"]), NESTED),
)
BODIES = st.one_of(
    REQUESTS,
    REQUESTS.map(lambda body: json.dumps(body).encode()),
    st.binary(max_size=10),
)  # fmt: skip

QUARTER_HOUR = 900.0  # the publisher's own rhythm plays no part here
SETTINGS = {"publish_flush_seconds": QUARTER_HOUR, "publish_buffer_events": 4}
POLICY = {"client_time": True}
WAYS = {
    "on": lambda: tracking_of(any_stream()),
    "sampled": lambda: tracking_of(any_stream(), sample=2, sampling_percentage=50, tracking_policy=POLICY),
    "batched": lambda: tracking_of(any_stream(), batch=3),
    "down": lambda: tracking_of("sqlite:////dev/null/events"),
}


def servers(model: type[V2ModelServer]) -> dict[str, ModelServing]:
    """The same model untracked ("off") and tracked in every way, each with a clock of its own."""
    spec = {"inputs": ["x", "y"]}
    ways = {"off": Tracking(enabled=False)} | {name: way() for name, way in WAYS.items()}
    return {
        name: serve(model, way, spec=spec, clock=fixed_clock(), draw=lambda: 0.3, **SETTINGS)
        for name, way in ways.items()
    }


@pytest.fixture(scope="module")
def all_servers() -> Iterator[dict[type[V2ModelServer], dict[str, ModelServing]]]:
    made = {model: servers(model) for model in MODELS}
    yield made
    for each in made.values():
        for server in each.values():
            server.close_now(0.05)


@pytest.mark.long
@settings(max_examples=times(500, few=80), deadline=None)
@given(
    model=st.sampled_from(MODELS),
    operation=st.sampled_from(OPERATIONS),
    body=BODIES,
    header=st.sampled_from([{}, {"MLRUN-EVENT-ID": "given"}]),
)
def test_the_answer_is_the_same_bytes_with_tracking_on_off_sampled_batched_or_down(
    all_servers: dict[Any, dict[str, ModelServing]], model: Any, operation: str, body: Any, header: Any
) -> None:
    logging.disable(logging.CRITICAL)  # models that fail on purpose, thousands of times
    try:
        replies = {
            name: server.handle("POST", f"/v2/models/m/{operation}", header, copy.deepcopy(body))
            for name, server in all_servers[model].items()
        }
    finally:
        logging.disable(logging.NOTSET)
    assert len(set(replies.values())) == 1, replies


@pytest.mark.slow
def test_a_huge_request_is_answered_and_logged_whole() -> None:
    rows = [[float(column) for column in range(20)] for _ in range(20_000)]
    url = any_stream()
    off, on = serve(), serve(tracking=tracking_of(url))
    body = json.dumps({"inputs": rows}).encode()
    answers = {server.handle("POST", "/v2/models/m/infer", {}, body) for server in (off, on)}
    on.close_now(30)
    assert len(answers) == 1
    [event] = events_on(url)
    assert event.inputs == rows


def test_a_recorder_that_fails_does_not_show(caplog: pytest.LogCaptureFixture) -> None:
    class Hostile:
        """Has a tolist that fails: copying it for the log does too, answering does not need it."""

        def tolist(self) -> Any:
            raise RuntimeError("not now")

    class Odd(Sum):
        def preprocess(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
            return request | {"extra": Hostile()}

    off, on = serve(Odd), serve(Odd, tracking_of(any_stream()))
    caplog.set_level(logging.WARNING)
    replies = {server.handle("POST", "/v2/models/m/infer", {}, {"inputs": [[1, 2]]}) for server in (off, on)}
    assert [reply.status for reply in replies] == [200]
    on.close_now()
    assert on.stats()["unreadable"] == 1
    assert "1 event was not logged; the last one: RuntimeError: not now" in caplog.text


def test_copies_are_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Logged] = []
    server = serve(Mutating, tracking_of(any_stream()))
    monkeypatch.setattr("modelmon.serving.publisher.Publisher.put", lambda self, logged: taken.append(logged))
    body = {"inputs": [[1, [2]]]}
    server.handle("POST", "/v2/models/m/infer", {}, body)
    assert body != {"inputs": [[1, [2]]]}  # the model did change what it got
    assert all(isinstance(copied, bytes) for copied in (taken[0].request, taken[0].response))
