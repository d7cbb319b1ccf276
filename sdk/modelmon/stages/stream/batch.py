"""The values that pass through the graph, one a step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from modelmon.ledger.batches import KnownNames, Position, SchemaChange
from modelmon.model import BatchRange, DeadLetter, Endpoint, Message, SampleFile
from modelmon.wire import BatchComplete, ErrorEvent, ServingEvent

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Batch:
    """One contiguous range of messages of one partition, recorded as open.

    `now_us` is the wall clock of its first start, so that a repetition decides alike. `starts` is not 0
    when the range stopped the function that often: its message is set aside unread.
    """

    range: BatchRange
    position: Position
    now_us: int
    messages: Sequence[Message]
    starts: int = 0


@dataclass(slots=True)
class EndpointEvents:
    """The serving events of one endpoint, in order, and where each stands; three lists of one length."""

    events: list[ServingEvent] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)

    def without(self, places: Collection[int]) -> EndpointEvents:
        """The events that stand elsewhere."""
        kept = [place for place in range(len(self.events)) if place not in places]
        return EndpointEvents(
            [self.events[place] for place in kept],
            [self.offsets[place] for place in kept],
            [self.items[place] for place in kept],
        )


Numbered = tuple[str, str, int]
"""Publisher, endpoint and number of an event: who has numbered it."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """What was set aside, how many rows it held and which numbers."""

    letter: DeadLetter
    rows: int
    numbered: Sequence[Numbered]


@dataclass(slots=True)
class Decoded:
    """A batch read: each item is here once. `discovered` holds whom it names, less those that turn out to be
    registered; `numbers` (publisher, endpoint) to the numbers of its events; `repeated` endpoint to rows that
    were applied before; `taken_out` (endpoint, when) of events that were read and are not kept."""

    batch: Batch
    served: dict[str, EndpointEvents] = field(default_factory=dict)
    errors: list[ErrorEvent] = field(default_factory=list)
    completed: dict[str, BatchComplete] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    discovered: dict[str, Endpoint] = field(default_factory=dict)
    numbers: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    nop_us: int = 0
    repeated: dict[str, int] = field(default_factory=dict)
    taken_out: set[tuple[str, int]] = field(default_factory=set)

    def take_out(self, endpoint_id: str, places: Collection[int]) -> None:
        """Let some events of an endpoint go: they are not stored, not counted as served, but remembered."""
        group = self.served[endpoint_id]
        self.taken_out.update((endpoint_id, group.events[place].when_us) for place in places)
        if len(places) == len(group.events):
            del self.served[endpoint_id]
        elif places:
            self.served[endpoint_id] = group.without(places)

    def count_repeated(self, endpoint_id: str, rows: int) -> None:
        """These rows were applied before."""
        self.repeated[endpoint_id] = self.repeated.get(endpoint_id, 0) + rows


Int64s = npt.NDArray[np.int64]
NO_LATENCY = -1


@dataclass(frozen=True, slots=True)
class EventNumbers:
    """What is counted of events, one entry an event: read once, since each look at an event is slow.

    `latency_us` is -1 where it is not known; `estimated` is how many predictions an event stands for.
    """

    when_us: Int64s
    rows: Int64s
    latency_us: Int64s
    effective: Int64s
    estimated: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HourTable:
    """The rows of one endpoint and hour: what becomes one file."""

    endpoint_id: str
    hour_us: int
    min_us: int
    max_us: int
    table: pa.Table


@dataclass(frozen=True, slots=True)
class EndpointColumns:
    """One endpoint's part of a batch as columns.

    `minutes`: minute to rows in it. `names`: what the records don't have yet. `types`: stored columns whose
    type is new.
    """

    endpoint_id: str
    numbers: EventNumbers
    hours: Sequence[HourTable]
    stored: int
    first_us: int
    last_us: int
    minutes: Mapping[int, int]
    names: KnownNames | None = None
    changes: Sequence[SchemaChange] = ()
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tabled:
    """A batch as columns, and where its files stand once they are written."""

    decoded: Decoded
    columns: Sequence[EndpointColumns]
    files: Sequence[SampleFile] = ()
