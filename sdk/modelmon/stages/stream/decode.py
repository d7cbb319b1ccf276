"""Messages to events: each item is accepted or set aside alone, and nothing else happens here."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from modelmon.counting import count
from modelmon.errors import RejectedError
from modelmon.model import Message
from modelmon.settings import Settings
from modelmon.stages.stream.aside import Aside, Refused, refuse
from modelmon.stages.stream.batch import Batch, Decoded, Group, SentActuals
from modelmon.stages.stream.discovery import discover, note_endpoint
from modelmon.stages.stream.objections import in_the_future, objection
from modelmon.stages.stream.plain_messages import Left, read_plain
from modelmon.wire import (
    Actuals,
    BatchComplete,
    ErrorEvent,
    Item,
    NopEvent,
    RejectedItem,
    ServingEvent,
    read_message,
)
from modelmon.wire.allowance import Allowance
from modelmon.wire.event_columns import columns_of, joined


def decode(batch: Batch, settings: Settings) -> Decoded:
    """Read every message of a batch; never raises for what a message holds."""
    decoded = Decoded(batch)
    if batch.starts:
        error = RejectedError(f"stopped the stream function {count(batch.starts, 'time')}")
        for message in batch.messages:
            Aside(decoded, settings).add_message(message, error)
        return decoded
    horizon_us = batch.now_us + round(settings.future_seconds * 1_000_000)
    decoded.served, left = read_plain(batch.messages, horizon_us)
    if left:
        _OneByOne(decoded, settings, horizon_us).read(left)
    discover(decoded, settings)
    return decoded


class _OneByOne:
    """Reads messages of any form."""

    def __init__(self, decoded: Decoded, settings: Settings, horizon_us: int) -> None:
        self._decoded = decoded
        self._settings = settings
        self._horizon_us = horizon_us
        self._aside = Aside(decoded, settings)
        self._served: dict[str, Group[ServingEvent]] = {}

    def read(self, left: Sequence[Left]) -> None:
        with Allowance() as allowance:
            for message, first, body in left:
                try:
                    items = allowance.read(read_message, body)
                except RejectedError as error:
                    self._aside.add_message(message, error)
                else:
                    self._take_in(message, items, first)
        for endpoint_id, found in self._served.items():
            parts = [columns_of(found.events, found.offsets, found.items)]
            if endpoint_id in self._decoded.served:
                parts.append(self._decoded.served[endpoint_id])
            self._decoded.served[endpoint_id] = joined(parts)

    def _take_in(self, message: Message, items: Sequence[Item], first: int) -> None:
        refused: dict[int, Refused] = {}
        for number, item in enumerate(items, first):
            error = self._objection(item)
            if error is not None and isinstance(item, ServingEvent | ErrorEvent):
                refused[number] = refuse(item, error)
                note_endpoint(self._decoded, item, self._settings)
            elif type(item) is ServingEvent:
                group = self._served.setdefault(item.endpoint_id, Group())
                group.events.append(item)
                group.offsets.append(message.offset)
                group.items.append(number)
            else:
                self._take_in_other(message, item, number)
        if refused:
            self._aside.add_refused(message, refused)

    def _objection(self, item: Item) -> RejectedError | None:
        """Why an item that could be read can't be kept."""
        if type(item) is ServingEvent:
            return objection(item, self._horizon_us, self._settings)
        if type(item) is ErrorEvent and item.when_us > self._horizon_us:
            return in_the_future(item, self._settings)
        return None

    def _take_in_other(self, message: Message, item: Item, number: int) -> None:
        match item:
            case ErrorEvent():
                self._decoded.errors.append(item)
            case Actuals():
                self._decoded.actuals.append(SentActuals(item, message.offset, number))
            case BatchComplete():
                self._decoded.completed[item.endpoint_id] = item
            case NopEvent():
                # The last one to come, so a clock that went back counts.
                self._decoded.nop_us = item.timestamp_us
            case RejectedItem():
                self._aside.add_item(message, structs.replace(item, item=number))
