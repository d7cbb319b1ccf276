"""What predict, preprocess and logged_results return as frames is answered and logged as rows."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelmon.serving import V2ModelServer, tracking_of
from modelmon.wire.plain_lists import plain
from unit.serving_support import Sum, any_stream, events_on, serve

INFER = "/v2/models/m/infer"
ROWS = [[1, 2], [3, 4]]
FRAME = pd.DataFrame(ROWS, columns=["a", "b"])


class Polars:
    """What polars' frame offers, as far as it is asked."""

    shape = (2, 2)

    def __len__(self) -> int:
        return 2

    def to_dicts(self) -> list[dict[str, Any]]:
        return FRAME.to_dict("records")


FRAMES = {
    "pandas": FRAME,
    "nullable": FRAME.convert_dtypes(),
    "arrow": pa.table({"a": [1, 3], "b": [2, 4]}),
    "a record batch": pa.table({"a": [1, 3], "b": [2, 4]}).to_batches()[0],
    "polars": Polars(),
}
NAMELESS = {
    "numbers as names": pd.DataFrame(ROWS),
    "a name twice": pd.DataFrame(ROWS, columns=["a", "a"]),
    "numpy": np.array(ROWS),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_that_predict_returns_is_answered_and_logged_as_rows(name: str) -> None:
    class Framed(V2ModelServer):
        def predict(self, request: dict[str, Any]) -> Any:
            return FRAMES[name]

    url = any_stream()
    server = serve(Framed, tracking_of(url))
    assert server.test(INFER, {"inputs": ROWS})["outputs"] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    server.close_now()
    [event] = events_on(url)
    assert (event.outputs, event.output_names, event.inputs) == (ROWS, ("a", "b"), ROWS)


@pytest.mark.parametrize("name", NAMELESS)
def test_columns_without_names_of_their_own_are_rows_of_values(name: str) -> None:
    class Framed(V2ModelServer):
        def predict(self, request: dict[str, Any]) -> Any:
            return NAMELESS[name]

    assert serve(Framed).test(INFER, {"inputs": ROWS})["outputs"] == ROWS


@pytest.mark.parametrize("name", [*FRAMES, *NAMELESS])
def test_a_frame_that_preprocess_makes_reaches_predict_and_is_logged_as_rows(name: str) -> None:
    made = {**FRAMES, **NAMELESS}[name]

    class Framed(V2ModelServer):
        def preprocess(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
            return {**request, "inputs": made}

        def predict(self, request: dict[str, Any]) -> Any:
            assert request["inputs"] is made
            return [0] * len(request["inputs"])

    url = any_stream()
    server = serve(Framed, tracking_of(url))
    assert server.test(INFER, {"inputs": ROWS})["outputs"] == [0, 0]
    server.close_now()
    [event] = events_on(url)
    assert event.inputs == ROWS


def test_rows_of_a_frame_are_sampled_each_for_itself() -> None:
    class Framed(Sum):
        def preprocess(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
            return {**request, "inputs": FRAME}

        def predict(self, request: dict[str, Any]) -> Any:
            return request["inputs"]["a"]

    url, draws = any_stream(), iter([0.1, 0.9])
    server = serve(Framed, tracking_of(url, sampling_percentage=50), draw=lambda: next(draws))
    assert server.test(INFER, {"inputs": ROWS})["outputs"] == [1, 3]
    server.close_now()
    [event] = events_on(url)
    assert (event.inputs, event.outputs) == ([[1, 2]], [[1]])


@pytest.mark.parametrize("name", [*FRAMES, *NAMELESS])
def test_frames_from_logged_results_are_logged_as_rows(name: str) -> None:
    class Framed(Sum):
        def logged_results(self, request: dict[str, Any], response: Any, op: str) -> tuple[Any, Any]:
            frame = {**FRAMES, **NAMELESS}[name]
            return frame, frame

    url = any_stream()
    server = serve(Framed, tracking_of(url))
    assert server.test(INFER, {"inputs": [[5, 6], [7, 8]]})["outputs"] == [11, 15]
    server.close_now()
    [event] = events_on(url)
    assert (event.inputs, event.outputs) == (ROWS, ROWS)


def test_gaps_and_times_of_a_frame_are_null_and_iso_texts() -> None:
    frame = pd.DataFrame(
        {
            "float": [0.5, np.nan],
            "Int64": pd.array([1, None], dtype="Int64"),
            "text": ["a", None],
            "time": pd.to_datetime(["2025-01-02", None], utc=True),
            "category": pd.Categorical(["x", None]),
        }
    )
    first, second = plain(frame)
    assert first == {
        "float": 0.5, "Int64": 1, "text": "a", "time": datetime(2025, 1, 2, tzinfo=UTC), "category": "x",
    }  # fmt: skip
    assert set(second.values()) == {None}
    assert plain(np.array(["2025-01-02"], dtype="datetime64[ns]")) == [datetime.fromisoformat("2025-01-02")]
    assert plain(pd.Series([1, None], dtype="Int64")) == [1, None]


class Box:
    """A type of the user's own."""


@pytest.mark.parametrize("outputs", [Box(), [Box()], {"a": [Box()]}, pd.DataFrame({"a": [Box()]})])
def test_an_output_that_can_not_be_written_is_named_in_the_event_and_in_the_log(
    outputs: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(V2ModelServer):
        def predict(self, request: dict[str, Any]) -> Any:
            return outputs

    url = any_stream()
    server = serve(Odd, tracking_of(url))
    caplog.set_level(logging.ERROR)
    assert server.handle("POST", INFER, {}, json.dumps({"inputs": ROWS}).encode()).status == 500
    server.close_now()
    [event] = events_on(url)
    assert f"{__name__}.Box is nothing that JSON can hold: give numbers, texts" in event.error
    assert f"{__name__}.Box is nothing that JSON can hold" in caplog.text


def test_an_input_that_can_not_be_written_is_logged_as_its_type() -> None:
    class Odd(V2ModelServer):
        def preprocess(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
            return {"inputs": [[Box(), 1]]}

        def predict(self, request: dict[str, Any]) -> Any:
            return [0]

    url = any_stream()
    server = serve(Odd, tracking_of(url))
    server.test(INFER, {"inputs": [[1]]})
    server.close_now()
    [event] = events_on(url)
    assert event.inputs == [[f"<{__name__}.Box>", 1]]


@pytest.mark.parametrize("inputs", [3, "text", Box(), {"a": 1}])
def test_inputs_that_are_no_rows_are_refused_by_the_name_of_their_type(inputs: Any) -> None:
    class Odd(Sum):
        def preprocess(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
            return {"inputs": inputs}

    reply = serve(Odd).handle("POST", INFER, {}, b'{"inputs":[[1]]}')
    assert reply.status == 400
    assert reply.body.decode().startswith("inputs: must be a list, an array or a frame, got ")
    assert type(inputs).__name__ in reply.body.decode()
