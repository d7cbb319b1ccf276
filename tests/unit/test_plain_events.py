"""Events that are read many at once are read as each of them is read by itself, whatever is on the stream."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.messages import EVENTS, message
from json_paths import paths, replaced
from modelmon.errors import RejectedError
from modelmon.ledger.batches import Position
from modelmon.model import BatchRange, Message
from modelmon.settings import Settings
from modelmon.stages.stream import decode as decoding
from modelmon.stages.stream import plain_messages
from modelmon.stages.stream.batch import Batch, Decoded
from modelmon.wire.checked_columns import as_array
from modelmon.wire.event_columns import EventColumns, Repeated, is_array
from modelmon.wire.moment_columns import read_moments
from modelmon.wire.times import LATEST_US, read_moment, write_moment
from repeating import examples
from streaming import NOW_US, event

LATER_US = 1_800_000_000_000_000
GOLDEN = [message(name) for name in EVENTS]
TIMES = (
    "2025-01-31 10:00:00.123456+00:00", "2025-01-31T10:00:00Z", "2025-02-29 10:00:00.000000+00:00",
    "2024-02-29T23:59:59.999999+00:00", "2025-13-01 00:00:00.000000+00:00",
    "1969-12-31 23:59:59.999999+00:00", "2025-01-31 24:00:00.000000+00:00",
    "2025-01-31 10:00:60.000000+00:00", "9999-12-31 00:00:00.000000+00:00",
    "2025-01-00 10:00:00.000000+00:00", "2025-01-31 10:00:00.123456+01:00",
    "2099-01-01 00:00:00.000000+00:00", "2025-01-31-10:00:00.123456+00:00",
    "2025-01-31 10:00:00,123456+00:00", "2025-W1-31 0:00:00.12345+00:00",
    "２025-01-31 10:00:00.12345+00:00", "\0" * 32, "x",
)  # fmt: skip


def decoded(bodies: Sequence[bytes], *, at_once: bool) -> Decoded:
    messages = [Message(0, 3 * place, "", body) for place, body in enumerate(bodies)]
    batch = Batch(BatchRange("s", 0, 0, 3 * len(bodies)), Position("s", 0, 1, -1), LATER_US, messages)
    if at_once:
        return decoding.decode(batch, Settings(project="p"))
    with patch.object(
        decoding, "read_plain", lambda messages, _: ({}, [*map(plain_messages.whole, messages)])
    ):
        return decoding.decode(batch, Settings(project="p"))


def told(found: Decoded) -> dict[str, Any]:
    """Everything of a batch that was read, so that what differs is unlike: types, NaN, order."""
    return {
        "served": {endpoint_id: columns(events) for endpoint_id, events in sorted(found.served.items())},
        "discovered": dict(sorted(found.discovered.items())),
        "numbers": dict(sorted(found.numbers.items())),
        "rest": [found.errors, found.completed, found.rejections, found.nop_us],
    }


def columns(events: EventColumns) -> dict[str, str]:
    values = {field.name: getattr(events, field.name) for field in fields(events)}
    values |= {"inputs": events.rows_of("inputs"), "outputs": events.rows_of("outputs")}
    return {
        name: repr((value.dtype, value.tolist()) if isinstance(value, np.ndarray) else plain(value))
        for name, value in values.items()
    }


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, Repeated) else value


def check(bodies: Sequence[bytes]) -> None:
    assert told(decoded(bodies, at_once=True)) == told(decoded(bodies, at_once=False))


PLAIN = event([[1.5, 2]], [[0]], publisher_id="a", number=1, labels={"a": 1}, input_names=("x", "y"))
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([*TIMES, "a", "\0", "\ud800", 2**63, -1, 10**400, 0, 101, 1e-9, "infer"])
    | st.lists(st.none() | st.integers() | st.lists(st.floats() | st.text(), max_size=3), max_size=3)
    | st.dictionaries(st.sampled_from(["id", "number", "$bytes", "a"]), st.text() | st.integers(), max_size=2)
)
BASES = [PLAIN, event([[1], [2.5]], [["a"], ["b"]], endpoint_id="two"), *GOLDEN]


@st.composite
def bodies_of_all_kinds(draw: st.DrawFn) -> bytes:
    value = json.loads(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(0, 2))):
        value = replaced(value, draw(st.sampled_from(sorted(paths(value), key=repr))), draw(VALUES))
    if draw(st.integers(0, 5)) == 0:
        value = [value, json.loads(PLAIN), value]
    body = json.dumps(value).encode()
    return draw(st.sampled_from([body, body, body, b" " + body, body + b"\n", body[:-1], body + b"}"]))


@pytest.mark.slow
@settings(max_examples=examples(1_500), deadline=None)
@given(st.lists(bodies_of_all_kinds(), min_size=1, max_size=6))
def test_whatever_is_on_the_stream_is_read_the_same_at_once_and_one_by_one(bodies: list[bytes]) -> None:
    check(bodies)


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", [None, -1, 0, 1, "x", "", [], {}, 1.5, "\ud800", "\0", 2**62, 2**63, 10**400, [[[1]]], *TIMES]
)
def test_any_field_of_a_plain_event_may_hold_anything(value: Any) -> None:
    whole = json.loads(PLAIN)
    for path in paths(whole):
        odd = json.dumps(replaced(whole, path, value)).encode()
        check([PLAIN, odd, PLAIN])
        check([b"[%b,%b]" % (PLAIN, odd), event(endpoint_id="two"), PLAIN])


@pytest.mark.parametrize(
    "changes",
    [
        {"request": {"id": "r", "inputs": []}, "resp": {"outputs": []}},
        {"request": {"id": "r", "inputs": [[]]}, "resp": {"outputs": [[]]}},
        {"request": {"id": "r", "inputs": [[1], [2]]}, "resp": {"outputs": [[1], 2]}},
        {"request": {"id": "r", "inputs": [[1], [2]]}, "resp": {"outputs": [1, 2]}, "microsec": None},
        {"request": {"id": "r", "inputs": [[1, 2]]}, "resp": {"outputs": [1, 2]}, "microsec": 2.5},
        {"request": {"id": "r", "inputs": [[1, 2]], "input_schema": ["a", "a"]}},
        {"request": {"id": "r", "inputs": [[1, 2]], "input_schema": ["a", "\0"]}},
        {"request": {"id": "r", "inputs": [[1, 2]], "input_schema": ["a", "x" * 250]}},
        {"request": {"id": "r", "inputs": [[1, 2]], "input_schema": []}},
        {"request": {"id": None, "inputs": [[1, 2]]}, "resp": {"id": 5, "outputs": [[1]]}},
        {"sampling_percentage": 12.5, "effective_sample_count": None, "labels": {}, "metrics": {"a": [1]}},
        {"publisher": None},
        {"publisher": {"id": "b", "number": 0}},
        {"publisher": {"id": "", "number": 5}},
        {"endpoint_id": "no id"},
        {"endpoint_id": None},
        {"version": "2", "op": "predict", "class": None, "model_class": "M"},
    ],
    ids=repr,
)
def test_what_events_may_differ_in(changes: dict[str, Any]) -> None:
    odd = json.dumps({**json.loads(PLAIN), **changes}).encode()
    check([odd])
    check([PLAIN, odd, PLAIN, odd])
    check([odd, PLAIN])


@pytest.mark.parametrize("golden", [*GOLDEN, PLAIN])
def test_events_in_the_form_of_servers_are_read_the_same(golden: bytes) -> None:
    check([golden])
    check([PLAIN, golden, golden, PLAIN])


def test_events_that_are_read_at_once_and_others_stay_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_messages, "CHUNK_BYTES", 1_000)
    bodies = [
        event([[float(number)] if number % 7 else [[number]]], endpoint_id="one" if number % 3 else "two",
              when_us=NOW_US + number, publisher_id=f"p{number % 5 > 3}", number=number)
        for number in range(1, 60)
    ]  # fmt: skip
    check(bodies)
    check([b"[" + b",".join(bodies[start : start + 4]) + b"]" for start in range(0, 59, 4)])


def test_events_held_as_one_array_are_told_apart_and_taken_like_those_in_lists() -> None:
    bodies = [
        event(
            [[number + 0.5, row + 0.25] for row in range(1 + number % 3)],
            [[row + 0.75] for row in range(1 + number % 3)],
            endpoint_id=f"endpoint-{number % 4}",
        )
        for number in range(20)
    ]
    check(bodies)
    at_once, one_by_one = decoded(bodies, at_once=True).served, decoded(bodies, at_once=False).served
    assert {is_array(events.inputs) and is_array(events.outputs) for events in at_once.values()} == {True}
    for endpoint_id, events in at_once.items():
        taken, expected = (each.take([3, 0, 4]) for each in (events, one_by_one[endpoint_id]))
        assert columns(taken) == columns(expected)


def test_most_events_are_read_at_once() -> None:
    mlrun = json.loads(message("v2"))
    flat = {**mlrun, "resp": {**mlrun["resp"], "outputs": [0.5] * len(mlrun["request"]["inputs"])}}
    messages = [Message(0, place, "", body) for place, body in enumerate([PLAIN, json.dumps(flat).encode()])]
    served, left = plain_messages.read_plain(messages, LATER_US)
    assert (len(served), list(left)) == (2, [])


def times_of(read: Callable[[], list[int]]) -> list[int] | str:
    try:
        return read()
    except RejectedError as error:
        return f"{error.field}: {error.reason}"


@pytest.mark.parametrize("text", TIMES)
def test_times_are_read_the_same_at_once(text: str) -> None:
    for texts in ([text], [TIMES[0], text]):
        at_once = times_of(lambda texts=texts: read_moments(texts, "when").tolist())
        assert at_once == times_of(lambda texts=texts: [read_moment(each, "when") for each in texts])


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.integers(0, LATEST_US - 1), min_size=1))
def test_any_day_and_hour(times_us: list[int]) -> None:
    assert read_moments([write_moment(time_us) for time_us in times_us], "when").tolist() == times_us


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 15, 16, 17, 65_535, 65_536])
def test_floats_are_told_from_everything_else_whatever_their_number(count: int) -> None:
    floats = [0.5 * number for number in range(count)]
    rows = as_array([[[value] for value in floats]])
    assert isinstance(rows, np.ndarray)
    assert rows[:, 0].tolist() == floats
    for other in (1, 2**63 - 1, True, None, "\u02c0" * 4, "x" * 8):  # \u02c0 begins with the mark of a float
        for place in {0, count - 1}:
            mixed = [*floats[:place], other, *floats[place + 1 :]]
            assert isinstance(as_array([[[value] for value in mixed]]), list)


def test_an_array_of_floats_keeps_infinity_and_minus_zero_and_what_is_no_number() -> None:
    rows = as_array([[[math.inf, -0.0, -math.inf, math.nan]]])
    assert isinstance(rows, np.ndarray)
    assert [repr(value) for value in rows[0].tolist()] == ["inf", "-0.0", "-inf", "nan"]
