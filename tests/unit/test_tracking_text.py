"""Plain events are joined from texts: byte for byte what the general way makes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmon.errors import RejectedError
from modelmon.serving import event as module
from modelmon.serving.event import encode
from modelmon.serving.event_text import EventText
from modelmon.serving.protocol import write_json
from modelmon.serving.recorder import Call, Logged, Source, copied
from modelmon.wire import read_message, write_message

values = st.one_of(
    st.floats(), st.integers(-(2**70), 2**70), st.booleans(), st.none(), st.binary(max_size=3),
    st.sampled_from(["", "a", "null", 'q"', "],[", "ä%", "%(id)b", "\x00"]),
)  # fmt: skip
rows = st.lists(st.lists(values, min_size=2, max_size=2), max_size=4)
numbers = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2)
inputs = st.one_of(st.lists(numbers, min_size=1, max_size=4), rows, st.lists(values, max_size=3))
outputs = st.one_of(st.lists(st.floats(), max_size=4), st.lists(values, max_size=4), rows, values)


def source(names: tuple[str, ...] | None = ("a%", '"b"')) -> Source:
    return Source(
        endpoint_id="e" * 32, endpoint_name="m:v1", function_uri="p/f", model_class="Größe%", version="v1",
        labels={"team": "%(id)b"}, inputs=names, outputs=("y",), host="h", sampling_percentage=50.0,
    )  # fmt: skip


def logged(inputs: Any, outputs: Any, names: tuple[str, ...] | None = ("a%", '"b"'), **more: Any) -> Logged:
    answer = write_json({"id": "i", "outputs": outputs})
    call = Call("infer", "i%", 1_780_000_000_999_999)
    return Logged(source(names), call, 120, copied({"inputs": inputs, **more}), answer, None, None)


def both(event: Logged, client_time: bool = False, *, is_batched: bool = False) -> tuple[Any, Any]:
    text = EventText(event.source, "p" * 32, is_batched=is_batched)
    found = []
    for write in (
        lambda: encode(event, text, 7, client_time),
        lambda: module._any(event, text, 7, client_time),
    ):
        try:
            found.append(write())
        except RejectedError as error:
            found.append(str(error))
    return found[0], found[1]


@given(inputs, outputs, st.sampled_from([None, ("a%", '"b"')]))
def test_however_an_event_is_written_it_is_the_same(
    inputs: Any, outputs: Any, names: tuple[str, ...] | None
) -> None:
    for is_batched in (False, True):
        quick, general = both(logged(inputs, outputs, names), is_batched=is_batched)
        assert quick == general


@pytest.mark.parametrize("client_time", [False, True])
@pytest.mark.parametrize("when", ["2026-01-01 00:00:00+00:00", "yesterday", 5, None])
def test_the_requests_own_time_is_taken_either_way(when: Any, client_time: bool) -> None:
    quick, general = both(logged([[1.5, 2]], [0], timestamp=when), client_time)
    assert quick == general
    assert quick.has_time == (not client_time or when is None or when == "2026-01-01 00:00:00+00:00")


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([[1.5, 2]], [3]),
        ([[1.5, 2]], ["yes"]),
        ([[1.5, 2]], [[0.25, 0.75]]),
        ([[1.5, "x"], [2.5, "y"]], [3, 4]),
        ([[1.5, 2], [3.5, True]], [[1, 0], [0, 1]]),
    ],
)
def test_usual_requests_take_the_quick_way(
    inputs: Any, outputs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(module, "_any")
    event = logged(inputs, outputs)
    written = encode(event, EventText(event.source, "p" * 32), 7, False).event
    found = msgspec.json.decode(written)
    assert (found["request"]["inputs"], found["effective_sample_count"]) == (inputs, len(inputs))
    assert (found["publisher"]["number"], found["microsec"], found["labels"]) == (7, 120, {"team": "%(id)b"})
    part = encode(event, EventText(event.source, "p" * 32, is_batched=True), 7, False).event
    assert read_message(write_message([part])) == read_message(written)
