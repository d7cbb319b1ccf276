"""Setting messages and parts of them aside: each becomes a dead letter and is counted as rejected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from modelmon.errors import RejectedError
from modelmon.ledger.dead_letters import WHOLE_MESSAGE, letter_of
from modelmon.model import UNKNOWN_ENDPOINT, Message
from modelmon.settings import Settings
from modelmon.stages.stream.batch import Decoded, Numbered, Rejection
from modelmon.stages.stream.discovery import note_endpoint, numbered, numbered_at
from modelmon.stages.stream.single_items import item_bodies
from modelmon.wire import ErrorEvent, RejectedItem, ServingEvent
from modelmon.wire.event_columns import EventColumns


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that could be read and can't be kept."""

    endpoint_id: str
    error: RejectedError
    rows: int
    numbered: Sequence[Numbered]


Objections = Callable[[str, EventColumns], Mapping[int, RejectedError]]
"""Of one endpoint's events, by their places, those that have to go, and why."""


class Aside:
    """Sets messages and parts of them aside."""

    def __init__(self, decoded: Decoded, settings: Settings) -> None:
        self._decoded = decoded
        self._settings = settings

    def add_message(self, message: Message, error: RejectedError) -> None:
        """A message of which nothing could be read."""
        self._add(message, WHOLE_MESSAGE, UNKNOWN_ENDPOINT, error, message.body, 1, ())

    def add_item(self, message: Message, item: RejectedItem) -> None:
        """An item that could not be read."""
        error = RejectedError(item.reason, item.field)
        self._add(message, item.item, item.endpoint_id, error, item.body, item.rows, numbered([item]))
        if item.endpoint_name:
            note_endpoint(self._decoded, item, self._settings)

    def add_refused(self, message: Message, refused: Mapping[int, Refused]) -> None:
        """Events that could be read, by their numbers in the message."""
        for numbers, body in item_bodies(message.body, refused):
            events = [refused[number] for number in numbers]
            rows = sum(event.rows for event in events)
            seen = [each for event in events for each in event.numbered]
            self._add(message, numbers[0], events[0].endpoint_id, events[0].error, body, rows, seen)

    def _add(
        self,
        message: Message,
        item: int,
        endpoint_id: str,
        error: RejectedError,
        body: bytes,
        rows: int,
        seen: Sequence[Numbered],
    ) -> None:
        batch, stream = self._decoded.batch, self._settings.events_stream
        letter = letter_of(
            message, error, stream, batch.range.stream_id, batch.now_us,
            item=item, endpoint_id=endpoint_id, body=body,
        )  # fmt: skip
        self._decoded.rejections.append(Rejection(letter, rows, seen))


def refuse(event: ServingEvent | ErrorEvent, error: RejectedError) -> Refused:
    """One event that was read by itself."""
    rows = len(event.inputs) if isinstance(event, ServingEvent) else 1
    return Refused(event.endpoint_id, error, rows, numbered([event]))


def set_events_aside(decoded: Decoded, objections: Objections, settings: Settings) -> None:
    """Take those events out of a batch that can't be kept beside the others."""
    refused: dict[int, dict[int, Refused]] = {}
    for endpoint_id, events in list(decoded.served.items()):
        found = objections(endpoint_id, events)
        for place, error in found.items():
            seen = numbered_at(endpoint_id, events, [place])
            of_message = refused.setdefault(int(events.offsets[place]), {})
            of_message[int(events.items[place])] = Refused(endpoint_id, error, int(events.rows[place]), seen)
        if found:
            decoded.take_out(endpoint_id, found)
    aside = Aside(decoded, settings)
    for message in decoded.batch.messages if refused else ():
        if message.offset in refused:
            aside.add_refused(message, refused[message.offset])
