"""What a message of the events stream holds, once read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import msgspec

# Structs, not dataclasses: one is made per event, and a frozen dataclass costs ten times as much.
# Nothing in them can refer back to them, so the collector need not look (gc=False).


class ServingEvent(msgspec.Struct, frozen=True, gc=False):
    """One logged inference request.

    `inputs` and `outputs` have the same number of rows; a row may be shorter or longer than its
    neighbours or than the names, and a value may be nested. `input_names` and `output_names` are the
    event's own, None when it has none. `latency_us` is None where the server could not tell.
    `sampling_percentage` is in (0, 100]; `effective_sample_count` is what was logged after sampling.
    `number` counts the messages of `publisher_id` for this endpoint, from 1.
    """

    endpoint_id: str
    endpoint_name: str
    function_uri: str
    model_class: str
    version: str
    request_id: str
    when_us: int
    latency_us: int | None
    inputs: list[list[Any]]
    outputs: list[list[Any]]
    input_names: tuple[str, ...] | None = None
    output_names: tuple[str, ...] | None = None
    labels: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    entities: dict[str, Any] | None = None
    sampling_percentage: float = 100.0
    effective_sample_count: int = 1
    op: str = "infer"
    publisher_id: str | None = None
    number: int | None = None


class ErrorEvent(msgspec.Struct, frozen=True, gc=False):
    """One request that the model failed on. `error` never holds a NUL character."""

    endpoint_id: str
    endpoint_name: str
    function_uri: str
    model_class: str
    version: str
    request_id: str
    when_us: int
    error: str
    op: str = "infer"
    publisher_id: str | None = None
    number: int | None = None


class BatchComplete(msgspec.Struct, frozen=True, gc=False):
    """A batch job has sent everything it had for this endpoint, from `first_us` to `last_us`."""

    endpoint_id: str
    first_us: int
    last_us: int


class NopEvent(msgspec.Struct, frozen=True, gc=False):
    """The controller's clock: everything published before `timestamp_us` stands before this message."""

    timestamp_us: int


class Actuals(msgspec.Struct, frozen=True, gc=False):
    """What came true for predictions of one endpoint, one entry a row in each list.

    The predictions are named by `request_ids` and `rows` (from 0 within the request), or, where `entity` is
    not "", as those of its `entity_values` made in [since_us, until_us). `columns` is by the name of the
    prediction; None where it is not known yet, and no row has nothing but None.
    """

    endpoint_id: str
    columns: dict[str, list[Any]]
    request_ids: list[str]
    rows: list[int]
    entity: str = ""
    entity_values: list[str] = []
    since_us: list[int] = []
    until_us: list[int] = []

    def __len__(self) -> int:
        return len(self.entity_values if self.entity else self.request_ids)

    def take(self, places: Sequence[int]) -> Self:
        """The rows at these places, in this order."""

        def taken(values: list[Any]) -> list[Any]:
            return [values[place] for place in places] if values else []

        return type(self)(
            self.endpoint_id,
            {name: taken(values) for name, values in self.columns.items()},
            taken(self.request_ids), taken(self.rows), self.entity, taken(self.entity_values),
            taken(self.since_us), taken(self.until_us),
        )  # fmt: skip


class RejectedItem(msgspec.Struct, frozen=True, gc=False):
    """What could not be read: item number, dotted `field` ("" for the whole) and reason.

    `body` is that item alone, so that it can be mended and sent again without its neighbours.
    `publisher_id` and `number` are the event's own where they can still be read: it was not lost. `rows` is
    more than 1 where it stands for several rows of a micro-batch. The rest is the sender, as far as it can
    be told.
    """

    item: int
    endpoint_id: str
    field: str
    reason: str
    body: bytes
    publisher_id: str | None = None
    number: int | None = None
    rows: int = 1
    endpoint_name: str = ""
    function_uri: str = ""
    model_class: str = ""
    version: str = ""


Item = ServingEvent | ErrorEvent | BatchComplete | NopEvent | Actuals | RejectedItem
