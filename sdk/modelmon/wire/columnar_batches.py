"""Columnar batches: what events of one endpoint share stands once, and each of their fields is a list.

Here one is taken apart into its events, which are read as such. `plain_batches` reads most of them many times
as fast, to the same end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import msgspec

from modelmon.counting import count
from modelmon.errors import RejectedError
from modelmon.wire.decoding import (
    RawEvent,
    check_elements,
    convert_event,
    parse_leniently,
    refuse_surrogates,
)
from modelmon.wire.fields import read_item, set_aside
from modelmon.wire.identity import shown
from modelmon.wire.items import Item, ServingEvent
from modelmon.wire.packed_numbers import PACKABLE, read_packed, told_rows
from modelmon.wire.parting import Parted, items_of, write_part
from modelmon.wire.rows import holds_bytes
from modelmon.wire.times import LATEST_US, write_moment

KIND = "columnar_batch"
MARK = f'"{KIND}"'.encode()
MOST_SHARED = 16
"""Each event has what its batch shares: so many times the bytes of the message, in all, or so many events."""
_SHARED = {
    "model", "class", "model_class", "version", "function_uri", "endpoint_id", "op", "labels",
    "sampling_percentage",
}  # fmt: skip
_NOT_SHARED = {field.encode_name for field in msgspec.structs.fields(RawEvent)} - _SHARED
_APART = {*_NOT_SHARED, "events", "input_schema", "output_schema"}
_OPTIONAL = ("id", "microsec", "rows", "effective_sample_count", "metrics", "entities")


def part_columnar_batch(body: bytes) -> Parted | None:
    """The events of a columnar batch; None where the message is none.

    Raises RejectedError where its columns don't fit together.
    """
    value, has_surrogates = _parsed(body)
    return None if value is None else _parted(value, body, has_surrogates)


def read_columnar_batch(body: bytes, item: int) -> list[Item] | None:
    """The items of a columnar batch, the first one numbered `item`; None where the message is none."""
    value, has_surrogates = _parsed(body)
    if value is None:
        return None
    try:
        return items_of(_parted(value, body, has_surrogates), item)
    except RejectedError as error:
        return [set_aside(item, error, body, rows=_told_events(value))]


def check_shared(events: int, shared: int, size: int) -> None:
    """RejectedError for events that have far more in common than they bring: all of it is each one's."""
    if events > MOST_SHARED and events * shared > MOST_SHARED * size:
        raise RejectedError(
            f"{events:,} events share {shared:,} bytes in a message of {size:,}: with them each would make "
            f"more than {MOST_SHARED} times as much; send at most {MOST_SHARED} of them in a batch",
            "events",
        )


def shared_bytes(labels: Any, names: tuple[Any, Any]) -> int:
    """What each event of a batch has of it, beside its sender."""
    try:
        return len(msgspec.json.encode((labels, names)))
    except RecursionError:
        raise RejectedError("is nested too deeply", "labels") from None


@dataclass(frozen=True, slots=True)
class _Batch:
    """`base` has the fields that all events share, `ends` where the rows of each begin and end."""

    base: dict[str, Any]
    names: tuple[Any, Any]
    publisher: Any
    events: dict[str, list[Any]]
    ends: list[int]


def _parsed(body: bytes) -> tuple[dict[str, Any] | None, bool]:
    if MARK not in body:
        return None, False
    value, has_surrogates = parse_leniently(body)
    is_batch = isinstance(value, dict) and value.get("kind") == KIND
    return (value if is_batch else None), has_surrogates


def _told_events(value: dict[str, Any]) -> int:
    events = value.get("events")
    when = events.get("when_us") if isinstance(events, dict) else None
    return max(1, len(when) if isinstance(when, list) else told_rows(when))


def _parted(value: dict[str, Any], body: bytes, has_surrogates: bool) -> Parted:
    batch, has_bytes = _taken_apart(value, len(body)), holds_bytes(body)
    found: list[Item | RejectedError] = []
    first = None
    for place in range(len(batch.ends) - 1):
        each = _read(batch, place, has_bytes, has_surrogates)
        if isinstance(each, ServingEvent):
            first = first or each
            # What they share stays one object.
            each = msgspec.structs.replace(
                each, labels=first.labels, input_names=first.input_names, output_names=first.output_names
            )
        found.append(each)
    return Parted(found, lambda places: _part(batch, places), lambda: _shared(batch), len(body))


def _taken_apart(value: dict[str, Any], size: int) -> _Batch:
    events, ends = _columns(value.get("events"))
    count = len(ends) - 1
    check_elements(count, size)
    base = {name: each for name, each in value.items() if name not in _APART}
    names = value.get("input_schema"), value.get("output_schema")
    if count > MOST_SHARED:
        check_shared(count, shared_bytes(base.get("labels"), names), size)
    return _Batch(base, names, value.get("publisher"), events, ends)


def _columns(events: Any) -> tuple[dict[str, list[Any]], list[int]]:
    if not isinstance(events, dict):
        raise RejectedError(f"must be an object with a list for each field, got {shown(events)}", "events")
    events = events | {
        name: read_packed(events[name], name) for name in PACKABLE if type(events.get(name)) is dict
    }
    when = events.get("when_us")
    if not isinstance(when, list) or not when:
        raise RejectedError(
            f"must be a list with the time of each event, got {shown(when)}", "events.when_us"
        )
    found = {"when_us": when}
    for name in _OPTIONAL:
        if (column := events.get(name)) is not None:
            found[name] = _checked(column, name, len(when))
    counts = found.pop("rows", None) or [1] * len(when)
    if not all(type(each) is int and each > 0 for each in counts):
        raise RejectedError("must be whole numbers of at least 1", "events.rows")
    ends = [0, *accumulate(counts)]
    for side in ("inputs", "outputs"):
        found[side] = _checked(events.get(side), side, ends[-1])
    return found, ends


def _checked(column: Any, name: str, length: int) -> list[Any]:
    if isinstance(column, list) and len(column) == length:
        return column
    got = f"{len(column):,}" if isinstance(column, list) else shown(column)
    raise RejectedError(f"must be a list of {count(length, 'value')}, got {got}", f"events.{name}")


def _read(batch: _Batch, place: int, has_bytes: bool, has_surrogates: bool) -> Item | RejectedError:
    event = _event(batch, place)
    try:
        if has_surrogates:
            refuse_surrogates(event)
        return read_item(convert_event(event), has_bytes)
    except RejectedError as error:
        return error


def _event(batch: _Batch, place: int) -> dict[str, Any]:
    """One event as it is written alone."""
    own = {name: column[place] for name, column in batch.events.items() if name not in ("inputs", "outputs")}
    when_us = own.pop("when_us")
    is_moment = type(when_us) is int and 0 <= when_us < LATEST_US
    rows = slice(batch.ends[place], batch.ends[place + 1])
    request = {"id": own.pop("id", None), "entities": own.pop("entities", None)}
    request |= {"inputs": batch.events["inputs"][rows], "input_schema": batch.names[0]}
    event = {
        **batch.base,
        "request": _present(request),
        "resp": _present({"outputs": batch.events["outputs"][rows], "output_schema": batch.names[1]}),
        "when": write_moment(when_us) if is_moment else when_us,
        "publisher": _publisher(batch, place),
    }
    return _present(event | own)


def _publisher(batch: _Batch, place: int) -> Any:
    """The batch tells the number of its first event."""
    match batch.publisher:
        case {"number": int(number)} if type(number) is int:
            return {**batch.publisher, "number": number + place}
    return batch.publisher


def _part(batch: _Batch, places: Sequence[int]) -> bytes:
    """A message of some events: one as an event, several as a batch."""
    if len(places) == 1:
        return write_part(_event(batch, places[0]))
    events: dict[str, Any] = {}
    for name, column in batch.events.items():
        if name in ("inputs", "outputs"):
            column = [column[batch.ends[place] : batch.ends[place + 1]] for place in places]
            events[name] = [row for rows in column for row in rows]
        else:
            events[name] = [column[place] for place in places]
    events["rows"] = [batch.ends[place + 1] - batch.ends[place] for place in places]
    return write_part({**_whole(batch), "publisher": _publisher(batch, places[0]), "events": events})


def _whole(batch: _Batch) -> dict[str, Any]:
    names = dict(zip(("input_schema", "output_schema"), batch.names, strict=True))
    return {"kind": KIND, **batch.base, **names}


def _shared(batch: _Batch) -> int:
    return len(write_part(_whole(batch)))


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
