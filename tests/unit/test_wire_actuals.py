"""Actuals on the wire: what is read, and what is said of an event that can't be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelmon.errors import RejectedError
from modelmon.wire import Actuals, RejectedItem, read_message, write_actuals
from modelmon.wire.actuals import cut, read_actuals

ENDPOINT = "endpoint-1"
BY_ID = {"request_ids": ["a", "b"], "rows": [0, 1], "columns": {"late": [1, 0]}}
BY_ENTITY = {
    "entity": "customer", "entity_values": ["7"], "since": ["2025-01-31T10:00:00Z"], "columns": {"late": [1]},
}  # fmt: skip


def body(actuals: Any, endpoint_id: Any = ENDPOINT) -> bytes:
    return json.dumps({"kind": "actuals", "endpoint_id": endpoint_id, "actuals": actuals}).encode()


@pytest.mark.parametrize(
    ("actuals", "field", "reason"),
    [
        ({**BY_ID, "columns": {}}, "actuals.columns", "holds no column"),
        ({**BY_ID, "columns": {"late": [1]}}, "actuals.columns.late", "has 1 value, request_ids has 2"),
        ({**BY_ID, "columns": {"late": [None, float("nan")]}}, "actuals.columns", "holds no value"),
        (
            {**BY_ID, "columns": {"late": [1, float("inf")]}},
            "actuals.columns.late",
            "must be finite, got inf",
        ),
        (
            {**BY_ID, "columns": {"late": [1, [2]]}},
            "actuals.columns[...][1]",
            "texts, true, false and null alone",
        ),
        ({**BY_ID, "columns": {"": [1, 0]}}, "actuals.columns", "1 to 255 characters"),
        ({**BY_ID, "rows": [0, -1]}, "actuals.rows", "counts from 0 to"),
        ({**BY_ID, "rows": [0]}, "actuals.rows", "has 1 value, request_ids has 2"),
        ({**BY_ID, "rows": ["0", 1]}, "actuals.rows[0]", "expected `int`"),
        ({**BY_ID, "request_ids": ["a", ""]}, "actuals.request_ids", "1 to 512 characters, got ''"),
        ({**BY_ID, "request_ids": ["a", "b" * 513]}, "actuals.request_ids", "1 to 512 characters"),
        ({**BY_ID, "request_ids": ["a", "\x00"]}, "actuals.request_ids", "NUL"),
        ({**BY_ID, "request_ids": []}, "actuals.request_ids", "the list is empty"),
        ({**BY_ID, "when": []}, "actuals", "unknown field `when`"),
        ({**BY_ID, **BY_ENTITY}, "actuals", "either by request_ids or by entity"),
        ({"columns": {"late": [1]}}, "actuals", "either by request_ids or by entity"),
        ({**BY_ENTITY, "since": None}, "actuals.since", "missing"),
        ({**BY_ENTITY, "since": ["yesterday"]}, "actuals.since", "'yesterday' is no time"),
        ({**BY_ENTITY, "until": BY_ENTITY["since"]}, "actuals.until", "must come after since"),
        ({**BY_ENTITY, "rows": [0]}, "actuals.rows", "does not go together"),
        ({**BY_ENTITY, "entity_values": [""]}, "actuals.entity_values", "1 to 512 characters"),
        ([], "actuals", "expected `object`"),
        (None, "actuals", "expected `object`"),
    ],
)
def test_an_event_that_can_not_be_read_says_which_field_is_wrong(
    actuals: Any, field: str, reason: str
) -> None:
    (item,) = read_message(body(actuals))
    assert isinstance(item, RejectedItem)
    assert (item.field, item.endpoint_id) == (field, ENDPOINT)
    assert reason in item.reason


@pytest.mark.parametrize("endpoint_id", [None, "", "a b", 7])
def test_it_names_an_endpoint(endpoint_id: Any) -> None:
    (item,) = read_message(body(BY_ID, endpoint_id))
    assert isinstance(item, RejectedItem)
    assert item.field == "endpoint_id"


def test_a_rejected_event_counts_as_many_rows_as_it_seems_to_have() -> None:
    (item,) = read_message(body({**BY_ID, "columns": {}}))
    assert isinstance(item, RejectedItem)
    assert item.rows == 2


def test_an_event_among_others_is_read_alone() -> None:
    found = read_message(b"[" + body(BY_ID) + b",5," + body(BY_ENTITY) + b"]")
    assert [type(each) for each in found] == [Actuals, RejectedItem, Actuals]


def test_what_is_written_is_read_and_what_can_not_be_read_is_not_written() -> None:
    event = Actuals(ENDPOINT, {"late": [True, "ä", 2.5]}, ["a", "b", "c"], [0, 1, 2])
    assert read_actuals(write_actuals(event)) == event
    with pytest.raises(RejectedError, match="counts from 0"):
        write_actuals(Actuals(ENDPOINT, {"late": [1]}, ["a"], [-1]))


def test_events_are_cut_by_rows() -> None:
    event = Actuals(ENDPOINT, {"late": [0, 1, 2, 3, 4]}, list("abcde"), [0] * 5)
    assert [each.request_ids for each in cut(event, 2)] == [["a", "b"], ["c", "d"], ["e"]]
