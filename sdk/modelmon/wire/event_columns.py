"""The serving events of one endpoint as columns: what is counted and stored of them, one entry an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from modelmon.wire.identity import Sender
from modelmon.wire.items import ServingEvent
from modelmon.wire.rows import Names, Rows

Int64s = npt.NDArray[np.int64]
NO_LATENCY = -1


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Serving events of one endpoint in the order they came: one entry an event in each field.

    `sender` is the first one's. `offsets` say in which message an event stood, `items` where in it, `rows`
    how many it has. `latency_us` is -1 where it is not known; `estimated` is how many predictions an event
    stands for. The other fields are those of a ServingEvent.
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
    inputs: list[Rows]
    outputs: list[Rows]
    input_names: list[Names]
    output_names: list[Names]
    labels: list[dict[str, Any] | None]
    metrics: list[dict[str, Any] | None]
    entities: list[dict[str, Any] | None]
    publisher_ids: list[str | None]
    numbers: list[int | None]

    def __len__(self) -> int:
        return len(self.request_ids)

    def take(self, places: Sequence[int]) -> EventColumns:
        """The events at these places, in this order."""
        index = np.asarray(places, np.int64)
        return EventColumns(self.sender, *(_taken(getattr(self, name), index) for name in _FIELDS))


_FIELDS = tuple(field.name for field in fields(EventColumns))[1:]


def _taken(values: Any, index: Int64s) -> Any:
    return values[index] if isinstance(values, np.ndarray) else [values[place] for place in index.tolist()]


def joined(parts: Sequence[EventColumns]) -> EventColumns:
    """Events of one endpoint that were read in several parts, in the order they came."""
    if len(parts) == 1:
        return parts[0]
    columns = (_in_a_row([getattr(part, name) for part in parts]) for name in _FIELDS)
    events = EventColumns(parts[0].sender, *columns)
    order = np.lexsort((events.items, events.offsets))
    if (order[1:] > order[:-1]).all():
        return events
    first = min(parts, key=lambda part: (part.offsets[0], part.items[0]))
    return replace(events.take(order.tolist()), sender=first.sender)


def _in_a_row(values: Sequence[Any]) -> Any:
    return np.concatenate(values) if isinstance(values[0], np.ndarray) else list(chain.from_iterable(values))


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
        numbers=[event.number for event in events],
    )
