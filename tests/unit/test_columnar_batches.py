"""A columnar batch is its events in other words: it is read, set aside and stored as an array of them is."""

from __future__ import annotations

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.messages import message
from json_paths import paths, replaced
from modelmon.errors import RejectedError
from modelmon.model import Message
from modelmon.stages.stream.plain_messages import read_plain
from modelmon.wire import (
    ErrorEvent,
    RejectedItem,
    ServingEvent,
    batched,
    read_message,
    write_batch,
    write_error_event,
    write_event,
    write_message,
)
from modelmon.wire.batch_writing import BatchedEvent
from modelmon.wire.plain_batches import decode_batches
from repeating import examples
from streaming import ENDPOINT, NOW_US, Bed, event, feed, run
from unit.test_plain_events import LATER_US, VALUES, check

GOLDEN = message("columnar_batch")


def serving(number: int = 1, **fields: Any) -> ServingEvent:
    values: dict[str, Any] = {
        "endpoint_id": ENDPOINT, "endpoint_name": "model", "function_uri": "project/function",
        "model_class": "Model", "version": "", "request_id": f"r-{number}", "when_us": NOW_US + number,
        "latency_us": number, "inputs": [[number + 0.5, 1.0]], "outputs": [[0.5]], "publisher_id": "p",
        "number": number, **fields,
    }  # fmt: skip
    return ServingEvent(**{"effective_sample_count": len(values["inputs"]), **values})


def columnar(events: Sequence[ServingEvent | ErrorEvent]) -> bytes:
    return write_message([_part(each) for each in events])


def _part(each: ServingEvent | ErrorEvent) -> BatchedEvent | bytes:
    return batched(each) if isinstance(each, ServingEvent) else write_error_event(each)


def array(events: Sequence[ServingEvent | ErrorEvent]) -> bytes:
    return write_batch(
        [write_event(each) if isinstance(each, ServingEvent) else write_error_event(each) for each in events]
    )


def in_lists(body: bytes) -> dict[str, Any]:
    """A batch with lists for its packed columns."""
    whole: dict[str, Any] = json.loads(body)
    for name, column in whole["events"].items():
        if isinstance(column, dict):
            form = "<" + "".join({"float64": "d", "int64": "q"}[each] for each in column["types"])
            rows = [list(row) for row in struct.iter_unpack(form, b64decode(column["base64"]))]
            whole["events"][name] = [row[0] for row in rows] if name in ("when_us", "microsec") else rows
    return whole


def packed(*numbers: float, types: Sequence[str] = ("float64",)) -> dict[str, Any]:
    """A packed column."""
    form = "<" + "".join({"float64": "d", "int64": "q"}[each] for each in types) * (
        len(numbers) // len(types)
    )
    return {"types": list(types), "base64": b64encode(struct.pack(form, *numbers)).decode()}


cells = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=4)
    | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
PLAIN_CELLS = (
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9) | st.sampled_from(["a", None])
)
OBJECTS = st.none() | st.dictionaries(st.text(max_size=2), st.integers() | st.text(max_size=2), max_size=2)
NAMES = st.none() | st.sampled_from([("a", "b"), ("y",), (), ("a", "a"), ("x" * 256,), ("f1", "hour", "é")])


def _without_bytes_inside(value: Any) -> Any:
    """Bytes are values of rows alone; deeper they are no JSON."""
    if isinstance(value, list):
        return [_without_bytes_inside(each) for each in value]
    if isinstance(value, dict):
        return {key: _without_bytes_inside(each) for key, each in value.items()}
    return value.hex() if isinstance(value, bytes) else value


@st.composite
def any_events(draw: st.DrawFn) -> list[ServingEvent | ErrorEvent]:
    found: list[ServingEvent | ErrorEvent] = []
    common = _common(draw)
    of_cells = draw(st.sampled_from([PLAIN_CELLS, st.floats(), cells]))
    for number in range(1, draw(st.integers(1, 6)) + 1):
        if draw(st.integers(0, 5)) == 0:
            common = _common(draw)
        if draw(st.integers(0, 7)) == 0:
            found.append(_error(number))
            continue
        inputs, outputs = _rows(draw, of_cells), _rows(draw, of_cells)
        outputs = [*outputs, *[[]] * len(inputs)][: len(inputs)]
        rows = {"inputs": inputs, "outputs": outputs}
        found.append(serving(number + draw(st.sampled_from([0, 0, 0, 1])), **rows, **common, **_own(draw)))
    return found


def _common(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "input_names": draw(NAMES), "output_names": draw(NAMES), "labels": draw(OBJECTS),
        "endpoint_id": draw(st.sampled_from([ENDPOINT, ENDPOINT, "other", "no id"])),
        "sampling_percentage": draw(st.sampled_from([100.0, 12.5, 0.0])),
        "op": draw(st.sampled_from(["infer", "infer", "a\0b"])),
    }  # fmt: skip


def _own(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "latency_us": draw(st.sampled_from([5, 5, 5, None, -1])),
        "when_us": draw(st.sampled_from([NOW_US, NOW_US, NOW_US + 10**15, 10**17])),
        "effective_sample_count": draw(st.sampled_from([1, 1, 2, -1])),
        "metrics": draw(OBJECTS), "entities": draw(OBJECTS),
        "request_id": draw(st.text(st.characters(codec="utf-8"), max_size=3)),
    }  # fmt: skip


def _rows(draw: st.DrawFn, of_cells: st.SearchStrategy[Any]) -> list[list[Any]]:
    width = draw(st.sampled_from([2, 2, 0, 3]))
    row = st.lists(of_cells, min_size=width, max_size=width)
    rows = draw(st.lists(row, min_size=1, max_size=draw(st.sampled_from([1, 1, 3]))))
    return [
        [each if isinstance(each, bytes) else _without_bytes_inside(each) for each in row] for row in rows
    ]


def _error(number: int) -> ErrorEvent:
    return ErrorEvent(
        ENDPOINT, "model", "project/function", "Model", "", "r", NOW_US, "broken", "infer", "p", number
    )


def _writable(events: list[ServingEvent | ErrorEvent]) -> list[ServingEvent | ErrorEvent]:
    """Those that `write_event` takes; the others are refused on both ways."""
    found = []
    for each in events:
        try:
            array([each])
        except (RejectedError, OverflowError):
            with pytest.raises((RejectedError, OverflowError)):
                columnar([each])
        else:
            found.append(each)
    return found


def told(items: Sequence[Any]) -> str:
    """Items without the bodies of those set aside, which are of another form but read the same."""
    alone = [[read_message(item.body) for item in items if isinstance(item, RejectedItem)]]
    plain = [
        msgspec.structs.replace(item, body=b"") if isinstance(item, RejectedItem) else item for item in items
    ]
    return repr((plain, [[_alone(each) for each in found] for found in alone[0]]))


def _alone(item: Any) -> Any:
    return msgspec.structs.replace(item, body=b"") if isinstance(item, RejectedItem) else item


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None)
@given(any_events())
def test_a_batch_reads_as_the_array_of_its_events(events: list[ServingEvent | ErrorEvent]) -> None:
    events = _writable(events)
    if events:
        assert told(read_message(columnar(events))) == told(read_message(array(events)))
        check([columnar(events), event(), columnar(events)])


@pytest.mark.slow
@settings(max_examples=examples(40), deadline=None)
@given(any_events())
def test_a_batch_is_stored_as_the_array_of_its_events(events: list[ServingEvent | ErrorEvent]) -> None:
    events = _writable(events)
    if not events:
        return
    with TemporaryDirectory() as folder:
        stored = []
        for name, body in (("columnar", columnar(events)), ("array", array(events))):
            bed = Bed(Path(folder, name))
            run(feed(bed, bed.publish(body, event(inputs=((1.5, 2.5),)))))
            stored.append(_stored(bed))
            bed.close()
    assert stored[0] == stored[1]


def _stored(bed: Bed) -> str:
    endpoint_ids = bed.table("endpoints", "endpoint_id")
    tables = {each: bed.sample(each) for each in endpoint_ids}
    rows = {each: (table.schema.to_string(), table.to_pylist()) for each, table in tables.items()}
    counts = bed.table(
        "traffic", "endpoint_id", "received", "stored", "errors", "rejected", "repeated", "missing"
    )
    letters = [
        (*letter, told(read_message(body)))
        for *letter, body in bed.letters("offset", "item", "endpoint_id", "field", "reason", "body")
    ]
    return repr((rows, counts, bed.table("publishers", "publisher_id", "last_number", "gaps"), letters))


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", [None, -1, 0, 1, "x", [], [1], {}, 1.5, "\ud800", "\0", 2**62, 2**63, 10**400]
)
def test_any_field_of_a_batch_may_hold_anything(value: Any) -> None:
    whole = json.loads(GOLDEN)
    for path in paths(whole):
        odd = json.dumps(replaced(whole, path, value)).encode()
        check([GOLDEN, odd, event(), GOLDEN])
        check([b"[%b,%b]" % (GOLDEN, odd)])


@pytest.mark.slow
@settings(max_examples=examples(500), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 999), VALUES), max_size=2), st.booleans())
def test_a_batch_with_values_changed_is_read_the_same_at_once(
    changes: list[tuple[int, Any]], in_array: bool
) -> None:
    whole = json.loads(GOLDEN)
    for place, value in changes:
        known = sorted(paths(whole), key=repr)
        whole = replaced(whole, known[place % len(known)], value) if known else whole
    odd = json.dumps(whole).encode()
    check([GOLDEN, b"[%b, %b]" % (odd, GOLDEN) if in_array else odd, event(endpoint_id="two"), GOLDEN])


def test_batches_and_events_on_one_stream_stay_in_their_order() -> None:
    numbered = [serving(number, latency_us=number) for number in range(1, 60)]
    bodies = [
        columnar(numbered[start : start + 3]) if start % 4 else write_event(numbered[start])
        for start in range(0, 59, 3)
    ]
    check(bodies)
    check([*bodies, columnar([serving(70, endpoint_id="two"), serving(71, model_class="New")])])


def test_what_servers_write_is_read_at_once() -> None:
    for body in (GOLDEN, columnar([serving(1), serving(2)]), columnar([serving(n) for n in range(1, 1_500)])):
        batches, others = decode_batches(body)
        assert batches
        assert not others
    assert decode_batches(array([serving(1), serving(2)])) == ([], [])


def test_batches_are_read_at_once_beside_an_error() -> None:
    body = columnar([serving(1), serving(2), _error(3), serving(4)])
    served, left = read_plain([Message(0, 7, "", body)], LATER_US)
    assert served[ENDPOINT].items.tolist() == [0, 1, 3]
    assert [(each.item, json.loads(each.body)["error"]) for each in left] == [(2, "broken")]
    broken = body.replace(b'"error"', b'"when":5,"error"')
    check([body, broken, event(), body])


def written(*events: ServingEvent | ErrorEvent) -> list[Any]:
    """The kinds and sizes of the parts of one message."""
    found = json.loads(columnar(events))
    parts = found if isinstance(found, list) else [found]
    return [len(part["events"]["id"]) if "events" in part else part.get("error") for part in parts]


def test_what_does_not_fit_begins_another_batch_and_errors_stay_events() -> None:
    error = _error(3)
    assert written(serving(1), serving(2)) == [2]
    assert written(serving(1), serving(2), error, serving(4)) == [2, "broken", 1]
    assert written(serving(1), serving(3)) == [1, 1]  # a number is missing between them
    nobody = msgspec.structs.replace(serving(1), publisher_id=None, number=None)
    assert written(nobody, nobody, serving(1)) == [2, 1]
    for change in ({"labels": {"a": 1}}, {"input_names": ("a",)}, {"op": "predict"}, {"model_class": "New"}):
        assert written(serving(1), serving(2, **change), serving(3)) == [1, 1, 1]
    more = {"metrics": {"a": 1.5}, "entities": {"b": 2}, "inputs": [[1], [2]], "outputs": [[1], [2]]}
    assert written(serving(1), serving(2, **more)) == [2]
    assert written(*(serving(number) for number in range(1, 1_202))) == [1_000, 201]


@pytest.mark.parametrize(("inputs", "outputs"), [([], []), ([[1]], []), ([[1]], [[1], [2]])])
def test_an_event_whose_rows_do_not_pair_is_no_part_of_a_batch(inputs: Any, outputs: Any) -> None:
    with pytest.raises(RejectedError, match="as many rows"):
        batched(serving(1, inputs=inputs, outputs=outputs))


def test_events_that_share_much_more_than_they_bring_are_cut_and_then_read() -> None:
    events = [serving(number, labels={"prompt": "x" * 20_000}) for number in range(1, 41)]
    assert written(*events) == [16, 16, 8]
    assert read_message(columnar(events)) == events
    check([columnar(events)])


def test_a_batch_that_shares_too_much_or_does_not_fit_together_is_set_aside_as_so_many_rows() -> None:
    whole = in_lists(columnar([serving(number) for number in range(1, 41)]))
    events = whole["events"]
    for changes, field in (
        ({"labels": {"prompt": "x" * 20_000}}, "events"),
        ({"events": {**events, "inputs": events["inputs"][1:]}}, "events.inputs"),
        ({"events": {**events, "microsec": [1]}}, "events.microsec"),
        ({"events": {**events, "rows": [0] * 40}}, "events.rows"),
    ):
        body = json.dumps({**whole, **changes}).encode()
        (item,) = read_message(body)
        assert (type(item), item.field, item.rows, item.body) == (RejectedItem, field, 40, body)
        check([body])


def test_one_event_of_a_batch_is_set_aside_alone_and_can_be_mended() -> None:
    whole = in_lists(columnar([serving(number) for number in range(1, 4)]))
    whole["events"]["microsec"][1] = "soon"
    items = read_message(json.dumps(whole).encode())
    assert [type(item) for item in items] == [ServingEvent, RejectedItem, ServingEvent]
    assert (items[1].item, items[1].field, items[1].number) == (1, "microsec", 2)
    mended = json.loads(items[1].body) | {"microsec": 2}
    assert read_message(json.dumps(mended).encode()) == [serving(2)]


def test_a_reader_that_does_not_know_the_kind_says_so_and_of_whom() -> None:
    (item,) = read_message(columnar([serving(1), serving(2)]).replace(b"columnar_batch", b"columnar_batch_2"))
    assert isinstance(item, RejectedItem)
    assert (item.field, item.endpoint_id, item.endpoint_name) == ("kind", ENDPOINT, "model")
    assert "columnar_batch_2" in item.reason


NUMBERS = st.lists(
    st.tuples(st.floats() | st.just(-0.0), st.integers(-(2**63), 2**63 - 1), st.floats(width=32)), min_size=1
)


@settings(max_examples=examples(200), deadline=None)
@given(NUMBERS, NUMBERS)
def test_numbers_are_packed_and_come_back_bit_by_bit(
    first: list[tuple[float, int, float]], second: list[tuple[float, int, float]]
) -> None:
    events = [
        serving(number, inputs=[list(row) for row in rows], outputs=[[row[1]] for row in rows])
        for number, rows in enumerate((first, second), 1)
    ]
    body = columnar(events)
    columns = json.loads(body)["events"]
    assert columns["inputs"]["types"] == ["float64", "int64", "float64"]
    assert (
        columns["outputs"]["types"]
        == columns["when_us"]["types"]
        == columns["microsec"]["types"]
        == ["int64"]
    )
    read = [each.inputs for each in read_message(body)]
    assert msgspec.msgpack.encode(read) == msgspec.msgpack.encode([each.inputs for each in events])
    assert told(read_message(body)) == told(read_message(json.dumps(in_lists(body)).encode()))
    check([body, json.dumps(in_lists(body)).encode(), columnar([serving(9, inputs=[[1.5, 2.5, 3.5]])])])


@pytest.mark.parametrize(
    "inputs",
    [
        [[[1.5, 2.5]], [[1.5]]],
        [[[1.5, 2.5]], [[1.5, 2]]],
        [[[1.5, 2.5], [1, 2.5]], [[1.5, 2.5]]],
        [[[1.5, 2.5], [1.5]], [[1.5, 2.5]]],
        [[[True]], [[False]]],
        [[[1.5]], [["a"]]],
        [[[1.5]], [[None]]],
        [[[[1.5]]], [[[2.5]]]],
        [[[2**63]], [[1]]],
        [[[]], [[]]],
    ],
)
def test_what_is_not_alike_or_no_number_stays_in_lists(inputs: Any) -> None:
    events = [
        serving(number, inputs=rows, outputs=[[0.5]] * len(rows)) for number, rows in enumerate(inputs, 1)
    ]
    body = columnar(events)
    columns = json.loads(body)["events"]
    assert columns["inputs"] == [row for rows in inputs for row in rows]
    assert columns["outputs"] == packed(*[0.5] * len(columns["inputs"]))
    assert repr(read_message(body)) == repr(read_message(array(events)))
    check([body])


@pytest.mark.parametrize(
    ("name", "column", "field", "reason"),
    [
        ("inputs", {"types": ["float64"]}, "events.inputs", "missing required field `base64`"),
        ("inputs", {**packed(1.5), "types": []}, "events.inputs.types", "must name the type of each number"),
        ("inputs", {**packed(1.5), "types": ["float32"]}, "events.inputs.types[0]", "float32"),
        ("inputs", {**packed(1.5), "types": "float64"}, "events.inputs.types", "expected `array`"),
        ("inputs", {**packed(1.5), "base64": "AAA"}, "events.inputs.base64", "base64"),
        ("inputs", {**packed(1.5), "base64": "é==="}, "events.inputs.base64", "base64"),
        ("inputs", {**packed(1.5), "base64": 5}, "events.inputs.base64", "expected `bytes`"),
        ("inputs", packed(1.5, types=["float64"]) | {"types": ["int64"] * 2}, "events.inputs.base64",
         "must hold whole rows of 2 numbers of 8 bytes, got 8 bytes"),
        ("inputs", packed(1.5), "events.inputs", "must be a list of 2 values, got 1"),
        ("outputs", packed(), "events.outputs", "must be a list of 2 values, got 0"),
        ("when_us", packed(1.5, 2.5), "events.when_us.types", 'must be ["int64"]'),
        ("when_us", packed(1, 2, types=["int64"] * 2), "events.when_us.types", 'must be ["int64"]'),
        ("microsec", packed(5, types=["int64"]), "events.microsec", "must be a list of 2 values, got 1"),
        ("id", packed(5, 6, types=["int64"]), "events.id", "must be a list of 2 values"),
    ],
)  # fmt: skip
def test_a_broken_packed_column_sets_the_batch_aside_with_its_reason(
    name: str, column: Any, field: str, reason: str
) -> None:
    whole = json.loads(columnar([serving(1), serving(2)]))
    whole["events"][name] = column
    body = json.dumps(whole).encode()
    (item,) = read_message(body)
    assert (type(item), item.field, item.body, item.endpoint_id) == (RejectedItem, field, body, ENDPOINT)
    assert reason in item.reason
    assert item.rows == 2
    check([body, columnar([serving(3)])])


def test_times_and_latencies_that_are_wrong_in_a_packed_column_set_aside_their_event_alone() -> None:
    whole = json.loads(columnar([serving(number) for number in range(1, 4)]))
    for name, numbers in (("when_us", [NOW_US, -1, NOW_US]), ("microsec", [1, -1, 1])):
        body = json.dumps(replaced(whole, ("events", name), packed(*numbers, types=["int64"]))).encode()
        items = read_message(body)
        assert [type(item) for item in items] == [ServingEvent, RejectedItem, ServingEvent]
        check([body])


def test_packed_floats_become_columns_without_a_list() -> None:
    body = columnar([serving(number) for number in range(1, 4)])
    served, left = read_plain([Message(0, 7, "", body), Message(0, 8, "", body)], LATER_US)
    assert not left
    assert isinstance(served[ENDPOINT].inputs, np.ndarray)
    assert served[ENDPOINT].inputs.tolist() == [[number + 0.5, 1.0] for number in (1, 2, 3, 1, 2, 3)]


@pytest.mark.slow
def test_a_packed_feature_that_is_nothing_but_nan_is_stored_as_one_in_lists(tmp_path: Path) -> None:
    events = [serving(number, inputs=[[float("nan"), float(number)]]) for number in (1, 2)]
    stored = []
    for body in (columnar(events), json.dumps(in_lists(columnar(events))).encode()):
        bed = Bed(tmp_path / str(len(stored)))
        run(feed(bed, bed.publish(body)))
        stored.append(_stored(bed))
        assert bed.sample(ENDPOINT).column("f0").to_pylist() == [None, None]
        bed.close()
    assert stored[0] == stored[1]
