"""For any bytes at all the readers answer with their documented results, never with another exception."""

from __future__ import annotations

import json
import string
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.messages import APP_EVENTS, EVENTS, REPORTS, message
from json_paths import paths, replaced
from modelmon.errors import RejectedError
from modelmon.wire import (
    AppEvent,
    Envelope,
    RejectedItem,
    ServingEvent,
    read_app_event,
    read_message,
    read_report,
    write_event,
)
from repeating import times

GOLDEN = [message(name) for name in (*EVENTS, *APP_EVENTS, *REPORTS)]


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_names, value.values()))
    return set().union(*map(_names, value)) if isinstance(value, list) else set()


NAMES = sorted(set().union(*(_names(json.loads(body)) for body in GOLDEN)))
TIMES = ["2025-01-31 10:00:00.123456+00:00", "2025-01-31T10:00:00Z", "0001-01-01T00:00:00+23:59"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**18, max_value=10**320)
    | st.floats()
    | st.text(st.characters(codec=None), max_size=20)
    | st.sampled_from([*TIMES, "25b301f850456b8dfea41938e728c4bc", "p/f", "\0", "\ud800", "batch_complete"])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=6)
    ),
    max_leaves=25,
)  # fmt: skip


def check(body: bytes) -> None:
    items = read_message(body)
    assert items
    for number, item in enumerate(items):
        if isinstance(item, RejectedItem):
            assert item.item == number
            assert item.reason
            (item.field + item.reason + item.endpoint_id).encode()
        elif isinstance(item, ServingEvent):
            assert len(item.inputs) == len(item.outputs) > 0
            assert all(type(row) is list for row in item.inputs + item.outputs)
            written = write_event(item)
            (again,) = read_message(written)
            assert isinstance(again, ServingEvent), again
            assert repr(again.inputs) == repr(item.inputs)
    assert all(isinstance(entry, Envelope | RejectedItem) for entry in read_report(body))
    with suppress(RejectedError):
        assert isinstance(read_app_event(body), AppEvent)


@pytest.mark.parametrize("depth", [9, 100, 400, 700, 850, 900, 950, 980, 1000, 5000])
@pytest.mark.parametrize("golden", GOLDEN)
def test_any_value_nested_deeply(golden: bytes, depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    message = json.loads(golden)
    first = message[0] if isinstance(message, list) else message
    for field in first:
        body = json.dumps({**first, field: "DEEP"}).encode()
        check(body.replace(b'"DEEP"', deep))
        check(
            body.replace(b'"DEEP"', json.dumps({"stats": "DEEP"}).replace('"DEEP"', deep.decode()).encode())
        )
        if field == "data":
            data = json.dumps({**json.loads(first["data"]), "stats": "DEEP", "result_extra_data": "DEEP"})
            text = data.replace('"DEEP"', deep.decode())
            check(json.dumps({**first, "data": text}).encode())


@pytest.mark.long
@settings(max_examples=times(300, few=100), deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    check(body)


@pytest.mark.long
@settings(max_examples=times(500, few=100), deadline=None)
@given(JSON)
def test_any_json(value: Any) -> None:
    check(json.dumps(value).encode())


PUBLISHERS: list[Any] = ["\ud800", {"id": "\ud800", "number": 1}, {"id": "a", "number": "\ud800"}, {"id": {}}]


@pytest.mark.parametrize("surrogate", ["\ud800", {"\ud800": 1}, ["\ud800"]], ids=["text", "key", "list"])
def test_half_a_surrogate_pair_anywhere_and_a_publisher_that_is_none(surrogate: Any) -> None:
    for golden in map(json.loads, GOLDEN):
        for path in paths(golden):
            changed = replaced(golden, path, surrogate)
            for publisher in PUBLISHERS if isinstance(changed, dict) else ():
                check(json.dumps({**changed, "publisher": publisher}).encode())
            check(json.dumps(changed).encode())


@pytest.mark.long
@settings(max_examples=times(500, few=100), deadline=None)
@given(st.sampled_from(GOLDEN), st.data())
def test_golden_messages_with_a_value_changed(golden: bytes, data: st.DataObject) -> None:
    value = json.loads(golden)
    place = value
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = place[key]
    check(json.dumps(value).encode())


@pytest.mark.long
@settings(max_examples=times(500, few=100), deadline=None)
@given(
    st.sampled_from(GOLDEN),
    st.integers(0, 2000),
    st.integers(0, 5),
    st.sampled_from([c.encode() for c in string.punctuation + "0e\\u \0"]) | st.binary(max_size=3),
)
def test_golden_messages_with_bytes_cut_and_put_in(golden: bytes, at: int, cut: int, put: bytes) -> None:
    at %= len(golden)
    check(golden[:at] + put + golden[at + cut :])
