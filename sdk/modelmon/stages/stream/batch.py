"""The values that pass through the graph, one a step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from modelmon.ledger.actuals import DerivedActuals, Seen
from modelmon.ledger.batches import Position
from modelmon.ledger.stored_columns import NEW, KnownNames, SchemaChange
from modelmon.model import BatchRange, DeadLetter, Endpoint, Message, SampleFile
from modelmon.stores.reaching import Reach
from modelmon.wire import Actuals, BatchComplete, ErrorEvent
from modelmon.wire.event_columns import EventColumns

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


Event = TypeVar("Event")


@dataclass(slots=True)
class Group(Generic[Event]):
    """Events of one endpoint in the order they came, and where each stands; three lists of one length."""

    events: list[Event] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)


Numbered = tuple[str, str, int]
"""Publisher, endpoint and number of an event: who has numbered it."""


@dataclass(frozen=True, slots=True)
class SentActuals:
    """One event of actuals, and where it stands."""

    event: Actuals
    offset: int
    item: int


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
    served: dict[str, EventColumns] = field(default_factory=dict)
    errors: list[ErrorEvent] = field(default_factory=list)
    completed: dict[str, BatchComplete] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    discovered: dict[str, Endpoint] = field(default_factory=dict)
    numbers: dict[tuple[str, str], Sequence[int]] = field(default_factory=dict)
    nop_us: int = 0
    repeated: dict[str, int] = field(default_factory=dict)
    taken_out: set[tuple[str, int]] = field(default_factory=set)
    actuals: list[SentActuals] = field(default_factory=list)

    def take_out(self, endpoint_id: str, places: Collection[int]) -> None:
        """Let some events of an endpoint go: they are not stored, not counted as served, but remembered."""
        events = self.served[endpoint_id]
        self.taken_out.update((endpoint_id, int(events.when_us[place])) for place in places)
        if len(places) == len(events):
            del self.served[endpoint_id]
        elif places:
            kept = [place for place in range(len(events)) if place not in places]
            self.served[endpoint_id] = events.take(kept)

    def count_repeated(self, endpoint_id: str, rows: int) -> None:
        """These rows were applied before."""
        self.repeated[endpoint_id] = self.repeated.get(endpoint_id, 0) + rows


@dataclass(frozen=True, slots=True)
class HourTable:
    """The rows of one endpoint and hour, of actuals those of a day: what becomes one file.

    `variant` tells it from what another start of the batch may have written: "" where the messages alone
    decide what is in it.
    """

    endpoint_id: str
    hour_us: int
    min_us: int
    max_us: int
    table: pa.Table
    reach: Reach = "hour"
    variant: str = ""


@dataclass(frozen=True, slots=True)
class EndpointColumns:
    """One endpoint's part of a batch as columns.

    `minutes`: minute to rows in it. `names`: what the records don't have yet. `types`: stored columns whose
    type is new.
    """

    endpoint_id: str
    events: EventColumns
    hours: Sequence[HourTable]
    stored: int
    first_us: int
    last_us: int
    minutes: Mapping[int, int]
    names: KnownNames | None = None
    changes: Sequence[SchemaChange] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def new(self) -> list[str]:
        """Stored columns that nobody registered."""
        return [change.column for change in self.changes if change.change == NEW]


@dataclass(frozen=True, slots=True)
class Tabled:
    """A batch as columns, and where its files stand once they are written. `seen`: how its endpoints stood
    with their actuals; `actuals`: what it adds to these."""

    decoded: Decoded
    columns: Sequence[EndpointColumns]
    files: Sequence[SampleFile] = ()
    seen: Mapping[str, Seen] = field(default_factory=dict)
    actuals: DerivedActuals = field(default_factory=DerivedActuals)
