"""The serving events of one endpoint as columns: what is counted and stored of them, one entry an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain, islice, pairwise, repeat
from operator import itemgetter
from typing import Any, Literal, TypeGuard, TypeVar, overload

import numpy as np
import numpy.typing as npt

from modelmon.wire.identity import Sender
from modelmon.wire.items import ServingEvent
from modelmon.wire.rows import Names, Rows

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
NO_LATENCY = -1
TURNED_AT_ONCE = 2_048
"""So many numbers."""
NO_NUMBER = 0
"""Of a publisher: it counts from 1."""


T = TypeVar("T")


class Repeated(Sequence[T]):
    """One value so many times, in the room of one."""

    __slots__ = ("_length", "value")

    def __init__(self, value: T, length: int) -> None:
        self.value, self._length = value, length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Repeated[T]: ...
    def __getitem__(self, place: int | slice) -> T | Repeated[T]:
        found = range(self._length)[place]
        return Repeated(self.value, len(found)) if isinstance(found, range) else self.value

    def __iter__(self) -> Iterator[T]:
        return repeat(self.value, self._length)

    def count(self, value: object) -> int:
        """How often it is there, without a look at each."""
        return self._length if value is self.value or value == self.value else 0


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Serving events of one endpoint in the order they came: one entry an event in each field.

    `sender` is the first one's. `offsets` say in which message an event stood, `items` where in it, `rows`
    how many it has. `latency_us` is -1 where it is not known, `numbers` 0 where its publisher gave it none;
    `estimated` is how many predictions an event stands for. The other fields are those of a ServingEvent;
    inputs or outputs that are nothing but floats, in rows of one width, are one array of all rows.
    """

    sender: Sender
    offsets: Int64s
    items: Int64s
    when_us: Int64s
    latency_us: Int64s
    rows: Int64s
    effective: Int64s
    estimated: npt.NDArray[np.float64]
    request_ids: list[str]
    inputs: list[Rows] | Floats
    outputs: list[Rows] | Floats
    input_names: Sequence[Names]
    output_names: Sequence[Names]
    labels: Sequence[dict[str, Any] | None]
    metrics: Sequence[dict[str, Any] | None]
    entities: Sequence[dict[str, Any] | None]
    publisher_ids: Sequence[str | None]
    numbers: Int64s

    def __len__(self) -> int:
        return len(self.request_ids)

    def take(self, places: Sequence[int]) -> EventColumns:
        """The events at these places, in this order."""
        index = np.asarray(places, np.int64)
        pick = _picker(index.tolist())
        columns = {name: _taken(getattr(self, name), index, pick) for name in _OF_EVENTS}
        for side in _SIDES:
            of_side = getattr(self, side)
            columns[side] = of_side[self._rows_at(index)] if is_array(of_side) else pick(of_side)
        return EventColumns(self.sender, **columns)

    def _rows_at(self, index: Int64s) -> Int64s:
        counts = self.rows[index]
        before = np.cumsum(self.rows) - self.rows
        starts = before[index] - (np.cumsum(counts) - counts)
        places: Int64s = np.repeat(starts, counts) + np.arange(int(counts.sum()))
        return places

    def rows_of(self, side: Literal["inputs", "outputs"]) -> list[Rows]:
        """The rows of each event as lists, whatever they are held as."""
        held: list[Rows] | Floats = getattr(self, side)
        if isinstance(held, list):
            return held
        rows = iter(held.tolist())
        return [list(islice(rows, count)) for count in self.rows.tolist()]

    def split(self, endpoint_ids: Sequence[str], senders: Mapping[str, Sender]) -> dict[str, EventColumns]:
        """By endpoint, where these are the endpoints of the events."""
        if len(senders) == 1:
            return {endpoint_id: replace(self, sender=sender) for endpoint_id, sender in senders.items()}
        number = {endpoint_id: place for place, endpoint_id in enumerate(senders)}
        of_events = np.array([number[endpoint_id] for endpoint_id in endpoint_ids])
        grouped = self.take(np.argsort(of_events, kind="stable").tolist())
        ends = np.cumsum(np.bincount(of_events, minlength=len(senders))).tolist()
        rows = np.r_[0, np.cumsum(grouped.rows)].tolist()
        return {
            endpoint_id: grouped._slice(sender, slice(start, end), slice(rows[start], rows[end]))
            for (endpoint_id, sender), (start, end) in zip(senders.items(), pairwise([0, *ends]), strict=True)
        }

    def _slice(self, sender: Sender, events: slice, rows: slice) -> EventColumns:
        columns = {name: getattr(self, name)[events] for name in _OF_EVENTS}
        for side in _SIDES:
            of_side = getattr(self, side)
            columns[side] = of_side[rows if is_array(of_side) else events]
        return EventColumns(sender, **columns)


_SIDES = ("inputs", "outputs")
_FIELDS = tuple(field.name for field in fields(EventColumns))[1:]
_OF_EVENTS = tuple(name for name in _FIELDS if name not in _SIDES)


def is_array(rows: list[Rows] | Floats) -> TypeGuard[Floats]:
    """Whether inputs or outputs are one array of floats."""
    return isinstance(rows, np.ndarray)


def _taken(values: Any, index: Int64s, pick: Callable[[Sequence[Any]], list[Any]]) -> Any:
    return values[index] if isinstance(values, np.ndarray) else pick(values)


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], list[Any]]:
    """What takes these places out of a list: in C, where there is more than one."""
    if len(places) < 2:
        return lambda values: [values[place] for place in places]
    pick = itemgetter(*places)
    return lambda values: list(pick(values))


def joined(parts: Sequence[EventColumns]) -> EventColumns:
    """Events of one endpoint that were read in several parts, in the order they came."""
    events = in_a_row(parts)
    order = np.lexsort((events.items, events.offsets))
    if (order[1:] > order[:-1]).all():
        return events
    first = min(parts, key=lambda part: (part.offsets[0], part.items[0]))
    return replace(events.take(order.tolist()), sender=first.sender)


def in_a_row(parts: Sequence[EventColumns]) -> EventColumns:
    """All events of these parts, as they stand, with the first one's sender."""
    if len(parts) == 1:
        return parts[0]
    columns = {name: _strung([getattr(part, name) for part in parts]) for name in _OF_EVENTS}
    for side in _SIDES:
        columns[side] = _strung(_alike(parts, side))
    return EventColumns(parts[0].sender, **columns)


def _alike(parts: Sequence[EventColumns], side: Any) -> Sequence[Any]:
    """Arrays of one width where all parts have such; else lists."""
    held = [getattr(part, side) for part in parts]
    if all(map(is_array, held)) and len({each.shape[1] for each in held}) == 1:
        return held
    return [part.rows_of(side) for part in parts]


def _strung(values: Sequence[Any]) -> Any:
    return in_one(values) if isinstance(values[0], np.ndarray) else list(chain.from_iterable(values))


def in_columns(rows: Floats) -> Floats:
    """The same rows, laid out column by column, as they are stored: turned in pieces that the processor's
    cache holds, in a quarter of the time of turning all at once."""
    count, width = rows.shape
    turned = np.empty((width, count))
    step = max(1, TURNED_AT_ONCE // max(1, width))
    for start in range(0, count, step):
        turned[:, start : start + step] = rows[start : start + step].T
    return turned.T


def in_one(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Arrays one after the other, rows of several values laid out column by column."""
    joined: npt.NDArray[Any] = np.concatenate(arrays)
    return in_columns(joined) if joined.ndim == 2 else joined


def columns_of(events: Sequence[ServingEvent], offsets: Sequence[int], items: Sequence[int]) -> EventColumns:
    """Events of one endpoint that were read one by one."""
    first = events[0]
    effective = np.array([event.effective_sample_count for event in events], np.int64)
    percentage = np.array([event.sampling_percentage for event in events], np.float64)
    latency_us = [NO_LATENCY if event.latency_us is None else event.latency_us for event in events]
    return EventColumns(
        sender=Sender(
            first.endpoint_id, first.endpoint_name, first.function_uri, first.model_class, first.version
        ),
        offsets=np.array(offsets, np.int64),
        items=np.array(items, np.int64),
        when_us=np.array([event.when_us for event in events], np.int64),
        latency_us=np.array(latency_us, np.int64),
        rows=np.array([len(event.inputs) for event in events], np.int64),
        effective=effective,
        estimated=effective * 100.0 / percentage,
        request_ids=[event.request_id for event in events],
        inputs=[event.inputs for event in events],
        outputs=[event.outputs for event in events],
        input_names=[event.input_names for event in events],
        output_names=[event.output_names for event in events],
        labels=[event.labels for event in events],
        metrics=[event.metrics for event in events],
        entities=[event.entities for event in events],
        publisher_ids=[event.publisher_id for event in events],
        numbers=np.array([event.number or NO_NUMBER for event in events], np.int64),
    )
