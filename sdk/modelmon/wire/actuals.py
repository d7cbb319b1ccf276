"""Actuals on the events stream: what came true for predictions of one endpoint, column by column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec

from modelmon.counting import count
from modelmon.errors import RejectedError
from modelmon.wire.decoding import REFUSED, Scalar, decode_any, decode_leniently, refused
from modelmon.wire.identity import check_endpoint_id, check_name, check_text, shown
from modelmon.wire.items import Actuals
from modelmon.wire.times import LATEST_US, read_moment, write_moment

KIND = "actuals"
LONGEST_REQUEST_ID = 512
MOST_ROWS_OF_REQUEST = 2**31 - 1
STARTS = tuple(b'%b{"kind":%b"actuals"' % (array, space) for array in (b"", b"[") for space in (b"", b" "))
"""How a message of actuals begins where its kind stands first, as `write_actuals` has it."""
_Texts = list[str | int | float | bool]


class RawActuals(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Either `request_ids` name the predictions, or `entity` with `entity_values` and `since` does."""

    columns: dict[str, list[Scalar]]
    request_ids: list[str | int | float] | None = None
    rows: list[int] | None = None
    entity: str | None = None
    entity_values: _Texts | None = None
    since: list[str] | None = None
    until: list[str] | None = None


class _Event(msgspec.Struct, gc=False):
    actuals: RawActuals
    endpoint_id: str | None = None


_decode = msgspec.json.Decoder(_Event).decode


def read_actuals(body: bytes) -> Actuals:
    """The actuals of one event. Raises RejectedError naming the field."""
    event = _event(body)
    raw = event.actuals
    endpoint_id = check_endpoint_id(event.endpoint_id)
    count = _count(raw)
    columns = _with_values({check_name(name, "actuals.columns"): raw.columns[name] for name in raw.columns})
    kept = [place for place in range(count) if any(column[place] is not None for column in columns.values())]
    if not kept:
        raise RejectedError("holds no value: all of them are null", "actuals.columns")
    found = _by_request(raw, count) if raw.entity is None else _by_entity(raw, raw.entity, count)
    whole = msgspec.structs.replace(found, endpoint_id=endpoint_id, columns=columns)
    return whole if len(kept) == count else whole.take(kept)


def rows_of(body: bytes) -> int:
    """How many rows an event that can't be read seems to have, at least 1."""
    try:
        held = decode_any(body)["actuals"]
        lists = [each for each in (held.get("request_ids"), held.get("entity_values")) if type(each) is list]
    except (RejectedError, LookupError, TypeError, AttributeError):
        return 1
    return max([1, *map(len, lists)])


def write_actuals(event: Actuals, *, project: str = "") -> bytes:
    """Actuals as one message. Raises RejectedError for what `read_actuals` would refuse."""
    named: dict[str, Any] = {"request_ids": event.request_ids, "rows": event.rows}
    if event.entity:
        named = {
            "entity": event.entity,
            "entity_values": event.entity_values,
            "since": list(map(write_moment, event.since_us)),
            "until": list(map(write_moment, event.until_us)),
        }
    body = {
        "kind": KIND,
        "project": project,
        "endpoint_id": event.endpoint_id,
        KIND: {**named, "columns": _with_values(event.columns)},
    }
    written = msgspec.json.encode(body)
    read_actuals(written)
    return written


def _event(body: bytes) -> _Event:
    try:
        return _decode(body)
    except REFUSED:
        value = decode_leniently(body)  # which takes NaN, and says more
    try:
        return msgspec.convert(value, _Event)
    except msgspec.ValidationError as error:
        found = refused(error)
        if found.field.startswith("actuals.columns["):
            said = str(error).partition(" - at")[0].lower()
            told = f"holds numbers, texts, true, false and null alone; {said}"
            raise RejectedError(told, found.field) from None
        raise found from None
    except RecursionError:
        raise RejectedError("is nested too deeply") from None


def _count(raw: RawActuals) -> int:
    """The number of rows, which all lists have."""
    if (raw.request_ids is None) == (raw.entity is None):
        raise RejectedError("name the predictions either by request_ids or by entity", KIND)
    if not raw.columns:
        raise RejectedError("holds no column; name the prediction that came true", "actuals.columns")
    of_entity: dict[str, Any] = {"entity_values": raw.entity_values, "since": raw.since}
    needed: dict[str, Any] = of_entity if raw.request_ids is None else {"request_ids": raw.request_ids}
    for name, values in needed.items():
        if values is None:
            raise RejectedError("missing, it stands beside entity", f"actuals.{name}")
    optional: dict[str, Any] = {"rows": raw.rows} if raw.request_ids is not None else {"until": raw.until}
    foreign: dict[str, Any] = (
        {"rows": raw.rows} if raw.request_ids is None else {**of_entity, "until": raw.until}
    )
    for name, values in foreign.items():
        if values is not None:
            raise RejectedError("does not go together with how the predictions are named", f"actuals.{name}")
    lists = {**needed, **{name: values for name, values in optional.items() if values is not None}}
    lists |= {f"columns.{name}": values for name, values in raw.columns.items()}
    return _same_length(lists)


def _same_length(lists: dict[str, Any]) -> int:
    (first, values), *others = lists.items()
    if not values:
        raise RejectedError("holds no row: the list is empty", f"actuals.{first}")
    for name, other in others:
        if len(other) != len(values):
            raise RejectedError(
                f"has {count(len(other), 'value')}, {first} has {len(values):,}: one for each row",
                f"actuals.{name}",
            )
    return len(values)


def _with_values(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The columns with null for NaN, which is what frames write of what is not known yet."""
    found = {}
    for name, values in columns.items():
        if float in set(map(type, values)):
            values = [None if value != value else value for value in values]
            infinite = next((each for each in values if type(each) is float and math.isinf(each)), None)
            if infinite is not None:
                raise RejectedError(f"must be finite, got {infinite}", f"actuals.columns.{name}")
        found[name] = values
    return found


def _by_request(raw: RawActuals, count: int) -> Actuals:
    ids = [each if type(each) is str else str(each) for each in raw.request_ids or ()]
    rows = raw.rows if raw.rows is not None else [0] * count
    for each in set(ids):
        if not 0 < len(each) <= LONGEST_REQUEST_ID:
            _wrong(
                f"a request's id has 1 to {LONGEST_REQUEST_ID} characters, got {shown(each)}", "request_ids"
            )
        check_text(each, "actuals.request_ids")
    for row in (min(rows), max(rows)):
        if not 0 <= row <= MOST_ROWS_OF_REQUEST:
            _wrong(f"a row of a request counts from 0 to {MOST_ROWS_OF_REQUEST}, got {row}", "rows")
    return Actuals("", {}, ids, rows)


def _by_entity(raw: RawActuals, entity: str, count: int) -> Actuals:
    values = [_spelled(each) for each in raw.entity_values or ()]
    for each in set(values):
        if not 0 < len(each) <= LONGEST_REQUEST_ID:
            _wrong(f"has 1 to {LONGEST_REQUEST_ID} characters, got {shown(each)}", "entity_values")
        check_text(each, "actuals.entity_values")
    since = [read_moment(each, "actuals.since") for each in raw.since or ()]
    until = [read_moment(each, "actuals.until") for each in raw.until or ()] or [each + 1 for each in since]
    for first, end in zip(since, until, strict=True):
        if not first < end <= LATEST_US:
            _wrong(f"must come after since {write_moment(first)}, got {write_moment(end)}", "until")
    return Actuals("", {}, [], [], check_name(entity, "actuals.entity"), values, since, until)


def _wrong(reason: str, field: str) -> NoReturn:
    raise RejectedError(reason, f"actuals.{field}")


def _spelled(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else repr(value)


def cut(event: Actuals, rows: int) -> Sequence[Actuals]:
    """The same actuals as events of so many rows each, in order."""
    return [event.take(range(first, min(first + rows, len(event)))) for first in range(0, len(event), rows)]
