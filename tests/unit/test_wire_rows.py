"""Which rows an event's inputs and outputs are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelmon.errors import RejectedError
from modelmon.wire import RejectedItem, ServingEvent, read_message
from modelmon.wire.rows import read_rows

ONE: list[Any] = [[0]]

# inputs, outputs, input rows, output rows, input names, output names
CASES: dict[str, tuple[Any, Any, Any, Any, Any, Any]] = {
    "rows pairwise": ([[1], [2]], [3, 4], [[1], [2]], [[3], [4]], None, None),
    "rows of rows": ([[1], [2]], [[3], [4, 5]], [[1], [2]], [[3], [4, 5]], None, None),
    "outputs mixed": ([[1], [2]], [3, [4]], [[1], [2]], [[3], [4]], None, None),
    "flat is one sample": ([1, 2, 3], [0], [[1, 2, 3]], [[0]], None, None),
    "mixed is one sample": ([[1], 2], [0], [[[1], 2]], [[0]], None, None),
    "null among rows is one sample": ([[1], None], [0], [[[1], None]], [[0]], None, None),
    "scalar": (5, 6, [[5]], [[6]], None, None),
    "text": ("a question", "an answer", [["a question"]], [["an answer"]], None, None),
    "several outputs of one input": ([[1]], [0.1, 0.9], [[1]], [[0.1, 0.9]], None, None),
    "no outputs of one input": ([[1]], [], [[1]], [[]], None, None),
    "one output row too many": ([[1]], [[2], [3]], [[1], []], [[2], [3]], None, None),
    "outputs missing": ([[1], [2], [3]], [4, 5], [[1], [2], [3]], [[4], [5], []], None, None),
    "wide outputs missing": (
        [[1], [2]],
        [[4, 5]],
        [[1], [2]],
        [[4, 5], []],
        None,
        None,
    ),
    "inputs missing": ([], [[1]], [[]], [[1]], None, None),
    "ragged rows stay": ([[1], [2, 3]], [0, 0], [[1], [2, 3]], [[0], [0]], None, None),
    "nested values stay": ([[[1, [2]], {"a": 1}]], [0], [[[1, [2]], {"a": 1}]], [[0]], None, None),
    "dict rows": (
        [{"a": 1, "b": 2}, {"b": 3, "c": 4}],
        [0, 1],
        [[1, 2, None], [None, 3, 4]],
        [[0], [1]],
        ("a", "b", "c"),
        None,
    ),
    "dict outputs": ([[1]], [{"y": 2, "z": 3}], [[1]], [[2, 3]], None, ("y", "z")),
    "one dict is one row": ({"a": 1, "b": "x"}, {"y": 2}, [[1, "x"]], [[2]], ("a", "b"), ("y",)),
    "columns": ({"a": [1, 2], "b": [3, 4]}, [0, 1], [[1, 3], [2, 4]], [[0], [1]], ("a", "b"), None),
    "unequal lists are values": ({"a": [1, 2], "b": [3]}, [0], [[[1, 2], [3]]], [[0]], ("a", "b"), None),
    "classes with the probabilities of one request": (
        [[1, 2]],
        {"classes": ["no", "yes"], "proba": [0.7, 0.3]},
        [[1, 2]],
        [[["no", "yes"], [0.7, 0.3]]],
        None,
        ("classes", "proba"),
    ),
    "classes with the probabilities of three requests": (
        [[1], [2], [3]],
        {"classes": ["no", "yes"], "proba": [[0.7, 0.3], [0.6, 0.4], [0.5, 0.5]], "model": "m"},
        [[1], [2], [3]],
        [[["no", "yes"], [0.7, 0.3], "m"], [None, [0.6, 0.4], None], [None, [0.5, 0.5], None]],
        None,
        ("classes", "proba", "model"),
    ),
    "probabilities by class of one request": (
        [[1]],
        {"proba": [0.7, 0.3]},
        [[1]],
        [[[0.7, 0.3]]],
        None,
        ("proba",),
    ),
    "answers by name of one request": ([[1]], {"y": [5], "z": ["a"]}, [[1]], [[5, "a"]], None, ("y", "z")),
    "answers by name of two requests": (
        [[1], [2]],
        {"y": [5, 6], "z": ["a", "b"]},
        [[1], [2]],
        [[5, "a"], [6, "b"]],
        None,
        ("y", "z"),
    ),
    "a list in an answer that is no column": (
        [[1], [2], [3]],
        {"y": [5, 6]},
        [[1], [2], [3]],
        [[[5, 6]], [], []],
        None,
        ("y",),
    ),
    "named inputs answered by name": (
        {"a": [1, 2]},
        {"y": [3, 4], "c": ["k"]},
        [[1], [2]],
        [[3, ["k"]], [4, None]],
        ("a",),
        ("y", "c"),
    ),
    "no inputs answered by name": ([], {"y": [], "z": 1}, [[]], [[[], 1]], None, ("y", "z")),
    "bytes": ([[{"$bytes": "aGk="}]], [{"$bytes": "aGk="}], [[b"hi"]], [[b"hi"]], None, None),
    "bytes flat": ([{"$bytes": "aGk="}, 2], [0], [[b"hi", 2]], [[0]], None, None),
    "bytes named": ({"a": {"$bytes": ""}}, [0], [[b""]], [[0]], ("a",), None),
    "bytes deep stay JSON": (
        [[[{"$bytes": "aGk="}]]],
        [0],
        [[[{"$bytes": "aGk="}]]],
        [[0]],
        None,
        None,
    ),
}


def read(inputs: Any, outputs: Any, **request: Any) -> Any:
    event = {
        "model": "m",
        "endpoint_id": "e",
        "when": "2025-01-31 10:00:00",
        "request": {"inputs": inputs, **request},
        "resp": {"outputs": outputs},
    }
    (item,) = read_message(json.dumps(event).encode())
    return item


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_rows(case: tuple[Any, ...]) -> None:
    inputs, outputs, *rows_and_names = case
    event = read(inputs, outputs)
    assert isinstance(event, ServingEvent), event
    assert [event.inputs, event.outputs, event.input_names, event.output_names] == rows_and_names
    assert event.effective_sample_count == len(event.inputs) == len(event.outputs)


def test_a_schema_names_the_columns_and_orders_those_of_dicts() -> None:
    assert read([[1, 2]], [0], input_schema=["b", "a"]).input_names == ("b", "a")
    event = read([{"a": 1, "b": 2, "c": 3}], [0], input_schema=["b", "a"])
    assert (event.input_names, event.inputs) == (("b", "a", "c"), [[2, 1, 3]])


@pytest.mark.parametrize(
    "inputs",
    [
        [{"CITY": "Oslo", "Spent": 9.0, "visits": 3}],
        {"CITY": ["Oslo"], "Spent": [9.0], "visits": [3]},
        {"CITY": "Oslo", "Spent": 9.0, "visits": 3},
    ],
    ids=["rows", "columns", "one row"],
)
def test_names_that_differ_from_the_schema_in_case_only_are_those_of_the_schema(inputs: Any) -> None:
    schema = ["Visits", "spent", "City"]
    event = read(inputs, [0], input_schema=schema)
    assert (event.input_names, event.inputs) == (tuple(schema), [[3, 9.0, "Oslo"]])


def test_each_row_may_spell_the_names_of_the_schema_in_its_own_way() -> None:
    rows = [{"sepal_width": 1}, {"Sepal-Width": 2}, {"sepal width": 3, "Sepal Width": 4}]
    event = read(rows, [0, 0, 0], input_schema=["sepal width"])
    assert event.input_names == ("sepal width", "Sepal Width")
    assert event.inputs == [[1, None], [2, None], [3, 4]]


def test_outputs_that_differ_from_their_schema_in_case_only_are_those_of_the_schema() -> None:
    _, outputs, _, names = read_rows([[1]], [{"Churned": 1}], None, ("churned",))
    assert (names, outputs) == (("churned",), [[1]])


def test_rows_without_names_beside_named_ones_have_those_of_the_schema() -> None:
    mixed = [{"City": "Oslo", "Visits": 3}, [1, 2.0, "Rome"], {"City": "Bonn"}, [4]]
    event = read(mixed, [0, 1, 0, 1], input_schema=["Visits", "spent", "City"])
    assert event.input_names == ("Visits", "spent", "City")
    assert event.inputs == [[3, None, "Oslo"], [1, 2.0, "Rome"], [None, None, "Bonn"], [4, None, None]]
    assert event.effective_sample_count == 4


@pytest.mark.parametrize(("schema", "known"), [(None, "0 names are"), (["a"], "1 name is")])
def test_rows_without_names_beside_named_ones_need_a_schema_that_names_them(schema: Any, known: str) -> None:
    item = read([{"a": 1}, [1, 2]], [0, 1], input_schema=schema)
    assert isinstance(item, RejectedItem)
    assert item.field == "request.inputs"
    assert item.reason == (
        f"a row of 2 values without names stands beside rows with names, and {known} known of the inputs "
        "(input_schema); give all rows as objects, or all as lists"
    )


@pytest.mark.parametrize(
    "names",
    [["a", "a"], [""], ["a\0"], ["x" * 256], "a", [1]],
    ids=["twice", "empty", "nul", "long", "text", "number"],
)
def test_a_name_that_can_name_no_column_is_rejected(names: Any) -> None:
    item = read([[1, 2]], [0], input_schema=names)
    assert isinstance(item, RejectedItem)
    assert item.field.startswith("request.input_schema")


def test_a_dict_row_with_a_bad_name_is_rejected() -> None:
    item = read([{"": 1}], [0])
    assert isinstance(item, RejectedItem)
    assert item.field == "request.inputs"


@pytest.mark.parametrize("text", ["*", "aGk", 5, None])
def test_bytes_that_are_not_base64_are_rejected(text: Any) -> None:
    item = read([[1]], [{"$bytes": text}])
    assert isinstance(item, RejectedItem)
    assert item.field == "resp.outputs"


def test_rows_that_each_bring_their_own_names_are_rejected_before_they_fill_the_memory() -> None:
    rows = [{f"name {row}": 1} for row in range(4_000)]
    with pytest.raises(RejectedError, match="4,000 rows with 4,000 different names have only 4,000 values"):
        read_rows(rows, [0] * 4_000, None, None)


@pytest.mark.parametrize(
    ("inputs", "outputs", "names"),
    [
        ({"a": [1] * 4_000}, [0], tuple(f"name {n}" for n in range(4_000))),
        ([[1]] * 4_000, {"a": [1] * 4_000, **{f"name {n}": 1 for n in range(4_000)}}, None),
    ],
    ids=["a schema far wider than the columns", "many values of the whole answer"],
)
def test_columns_that_are_mostly_empty_are_rejected(inputs: Any, outputs: Any, names: Any) -> None:
    with pytest.raises(RejectedError, match="different names have only"):
        read_rows(inputs, outputs, names, None)


def test_rows_that_share_one_name_in_ten_are_read() -> None:
    rows = [{f"name {(row + each) % 100}": 1 for each in range(10)} for row in range(1_000)]
    inputs, *_ = read_rows(rows, [0] * 1_000, None, None)
    assert {len(row) for row in inputs} == {100}
