"""Reading is linear: time and memory a byte stay near those of a good message, whatever the shape."""

from __future__ import annotations

import gc
import json
import time
import tracemalloc
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from modelmon.model import Message
from modelmon.stages.stream.single_items import item_bodies
from modelmon.stages.writer.incoming import read_messages
from modelmon.wire import ServingEvent, read_message, read_report
from streaming import event

SIZE = 100_000
MOST_TIMES = 80
"""A reader whose time grows with the square needs thousands of times as long at this size."""
TRIES = 5
MOST_BYTES = 80
FLOOR_BYTES = 2_000_000
"""Bytes of memory for each byte of a message, and for any message: a list of small lists takes 40."""

EVENT: dict[str, Any] = json.loads(event())
HEADERS = ["request", "op", "resp", "when", "microsec"]
BASE = {name: value for name, value in EVENT.items() if name not in HEADERS}
ROW = [EVENT[name] for name in HEADERS]
PROMPT = json.dumps({"prompt": 'say "hi" ' * 50})


def repeated(piece: bytes, size: int = SIZE) -> bytes:
    return b",".join([piece] * max(1, size // (len(piece) + 1)))


def array(piece: bytes, size: int = SIZE) -> bytes:
    return b"[" + repeated(piece, size) + b"]"


def body(inputs: bytes = b"[[1]]", outputs: bytes = b"[0]", **fields: Any) -> bytes:
    """One event with JSON put in for its inputs and outputs."""
    changed = {**EVENT, "request": {"inputs": "INPUTS"}, "resp": {"outputs": "OUTPUTS"}, **fields}
    return json.dumps(changed).encode().replace(b'"INPUTS"', inputs).replace(b'"OUTPUTS"', outputs)


def micro_batch(row: Any, size: int = SIZE, headers: Any = HEADERS, **base: Any) -> bytes:
    whole = json.dumps({**BASE, **base, "headers": headers, "values": "VALUES"}).encode()
    return whole.replace(b'"VALUES"', array(json.dumps(row).encode(), size))


def broken(row: list[Any]) -> list[Any]:
    return [*row[:3], 5, *row[4:]]  # `when` as a number


def columnar(size: int = SIZE, shared: Any = None, **odd: Any) -> bytes:
    """A columnar batch of so many bytes of events; `odd` columns have the same value everywhere."""
    columns = {"when_us": 0, "id": "r", "inputs": [1], "outputs": [0], "microsec": 1, **odd}
    count = max(1, size // (len(json.dumps(columns)) - 50))
    events = {name: [value] * count for name, value in columns.items()}
    base = {name: value for name, value in BASE.items() if name != "effective_sample_count"}
    return json.dumps({"kind": "columnar_batch", **base, **(shared or {}), "events": events}).encode()


def packed_batch(rows: int, types: list[str], cut: int = 0) -> bytes:
    """A columnar batch with its numbers packed; `cut` bytes are missing in its inputs."""

    def column(types: list[str], size: int) -> dict[str, Any]:
        return {"types": types, "base64": b64encode(bytes(size)).decode()}

    whole = json.loads(columnar(1))
    int64 = column(["int64"], 8 * rows)
    whole["events"] = {
        "when_us": int64, "microsec": int64, "id": [""] * rows, "outputs": int64,
        "inputs": column(types, 8 * rows * len(types) - cut),
    }  # fmt: skip
    return json.dumps(whole).encode()


names = [f"n{number}" for number in range(SIZE // 8)]
ones = repeated(b"1", SIZE // 2)
SHAPES: dict[str, bytes] = {
    "events": array(event()),
    "escaped quotes, cut off": b'["' + b'\\"' * (SIZE // 2),
    "escaped quotes, cut off after a backslash": b'["' + b'\\"' * (SIZE // 2) + b"\\",
    "JSON in texts, cut off": array(body(json.dumps([[PROMPT]]).encode()))[: -SIZE // 3],
    "quotes": b"[" + b'"' * SIZE,
    "texts that end nowhere": b"[" + b'"x' * (SIZE // 2) + b"]",
    "backslashes": b'["' + b"\\" * SIZE,
    "commas": b"[" + b"," * SIZE + b"]",
    "numbers": array(b"1"),
    "empty objects": array(b"{}"),
    "objects side by side": b"[" + b"{}" * (SIZE // 2) + b"]",
    "small objects that are no JSON": array(b'{"a":nope,"bbbbbbbbbbbbbbbbbbbbb":1}'),
    "small objects that are no events": array(b'{"model":"delay","endpoint_id":"a/b"}'),
    "small objects with a wrong type": array(b'{"model":5,"endpoint_id":"abcdefgh"}'),
    "rows of a micro-batch": micro_batch(ROW),
    "short rows of a micro-batch": micro_batch([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
    "broken rows of a micro-batch": micro_batch(broken(ROW)),
    "broken rows beside a large field": micro_batch(broken(ROW), SIZE // 2, labels={"x": "y" * (SIZE // 2)}),
    "good rows beside a large field": micro_batch(ROW, SIZE // 2, labels={"x": "y" * (SIZE // 2)}),
    "broken rows beside many headers": micro_batch([[[[[1]]]], "x" * 30], SIZE // 2, names[: SIZE // 20]),
    "rows with bytes": micro_batch([{"inputs": [[{"$bytes": "aGk="}]]}, *ROW[1:]]),
    "a columnar batch": columnar(),
    "a columnar batch of broken events": columnar(when_us="soon"),
    "a columnar batch of empty rows": columnar(inputs=[], outputs=[], id="", microsec=None),
    "a columnar batch with many names": columnar(SIZE // 10, {"input_schema": names}, id="r" * 200),
    "a broken columnar batch with many names": columnar(
        SIZE // 10, {"input_schema": names}, id="r" * 200, when_us="soon"
    ),
    "a columnar batch with large labels": columnar(SIZE // 10, {"labels": {"x": "y" * SIZE}}, id="r" * 600),
    "a columnar batch with many labels": columnar(
        SIZE // 10, {"labels": dict.fromkeys(names[: SIZE // 12], 1)}, id="r" * 600, when_us="soon"
    ),
    "a columnar batch with surrogates": columnar(
        SIZE // 10, {"labels": {"\ud83d\ude00": "x" * 90_000}}, id="r" * 600
    ),
    "a packed batch": packed_batch(SIZE // 50, ["float64"]),
    "a packed batch of integers": packed_batch(SIZE // 50, ["int64"]),
    "a packed batch of one wide row": packed_batch(1, ["float64", "int64"] * (SIZE // 43)),
    "a packed batch that is cut": packed_batch(SIZE // 50, ["float64"], cut=3),
    "types of numbers that are missing": packed_batch(1, ["int64"] * (SIZE // 10), cut=8 * (SIZE // 10)),
    "names": body(request={"inputs": [[1]], "input_schema": names}),
    "a name twice": body(request={"inputs": [[1]], "input_schema": [*names, names[-1]]}),
    "rows of one name each": body(json.dumps([{name: 1} for name in names[: SIZE // 12]]).encode()),
    "a wide row among narrow ones": body(b"[" + b"[1]," * (SIZE // 8) + b"[" + ones + b"]]"),
    "one wide answer to many rows": body(array(b"[1]", SIZE // 2), b"[[" + ones + b"]]"),
    "columns": body(b'{"a":[' + ones + b'],"b":[' + ones + b"]}"),
    "an answer of columns and values": body(
        array(b"[1]", SIZE // 2), json.dumps({"a": [1] * (SIZE // 8), **dict.fromkeys(names, 1)}).encode()
    ),
    "escapes under a long name": b'{"' + b"k" * (SIZE // 2) + b'":' + array(b'"\\ud83d\\ude00"', SIZE // 2)
    + b',"x":NaN,"y":"\\ud800"}',
    "NaN": body(array(b"[NaN]")),
    "integers beyond 64 bits": body(array(b"[11111111111111111111111]")),
    "a number of many digits": body(b"[[" + b"9" * SIZE + b"]]"),
    "brackets": b"[" * SIZE,
    "nested arrays": array(b"[" * 900 + b"]" * 900),
    "long names of classes": array(body(**{"class": "c" * 5000})),
    "no UTF-8": b"[" + b"\xff" * SIZE + b"]",
    "UTF-16": array(event()).decode().encode("utf-16"),
}  # fmt: skip


@contextmanager
def collector_paused() -> Iterator[None]:
    """As the stream function does while it reads."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds_a_byte(read: Callable[[bytes], Any], message: bytes) -> float:
    started = time.process_time()
    read(message)
    return (time.process_time() - started) / len(message)


GOOD = array(event()), body(array(b"[0.5,1.25]"))
"""Many small events, and one with many small rows."""


def is_read_in_time(read: Callable[[bytes], Any], message: bytes) -> bool:
    """Whether it takes little more than good messages do at the moment; a busy machine has more tries."""
    with collector_paused():
        return any(
            seconds_a_byte(read, message)
            < MOST_TIMES * sum(seconds_a_byte(read_message, good) for good in GOOD) / len(GOOD)
            for _ in range(TRIES)
        )


def read_and_part(message: bytes) -> None:
    """Reads a message as the stream function does that sets all its good events aside."""
    items = read_message(message)
    numbers = {place for place, item in enumerate(items) if isinstance(item, ServingEvent)}
    if numbers:
        item_bodies(message, numbers)


def read_as_report(message: bytes) -> None:
    read_messages([Message(0, 0, "", message)], "writer", "id", 0)


READERS = {"events": read_and_part, "reports": read_as_report}


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reader", READERS)
def test_a_message_of_any_shape_costs_little_more_than_a_good_one(reader: str, shape: str) -> None:
    message = SHAPES[shape]
    read: Callable[[bytes], Any] = READERS[reader]
    assert is_read_in_time(read, message)
    tracemalloc.start()
    try:
        read(message)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < FLOOR_BYTES + MOST_BYTES * len(message)


def test_reports_of_many_envelopes_are_read_in_time() -> None:
    envelope = {
        "endpoint_id": "e", "endpoint_name": "e", "application_name": "app", "event_kind": "metric",
        "start_infer_time": "2025-01-31 09:50:00+00:00", "end_infer_time": "2025-01-31 10:00:00+00:00",
        "data": json.dumps({"metric_name": "m", "metric_value": 1}), "window_revision": 1,
    }  # fmt: skip
    message = array(json.dumps(envelope).encode())
    assert len(read_report(message)) > 300
    assert is_read_in_time(read_as_report, message)


@pytest.mark.slow
def test_names_and_classes_that_were_read_are_not_remembered_beyond_a_size() -> None:
    long = [f"{'n' * 200}{number}" for number in range(500)]
    messages = [
        body(
            **{"class": f"{number}{'c' * 100_000}"},
            request={"inputs": [[1]], "input_schema": [*long, f"{number}"]},
        )
        for number in range(30)
    ]
    tracemalloc.start()
    try:
        for message in messages:
            read_message(message)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 500_000
