"""Messages to events: each item is accepted or set aside alone, and nothing else happens here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import attrgetter

from modelmon.columns import stored_names
from modelmon.errors import RejectedError
from modelmon.ledger.batches import KnownNames
from modelmon.model import UNKNOWN_ENDPOINT, DeadLetter, Endpoint, Message, from_us
from modelmon.settings import Settings
from modelmon.stages.stream.batch import Batch, Decoded, EndpointEvents, Numbered, Rejection
from modelmon.stages.stream.items import item_bodies
from modelmon.stages.stream.sparse import most_empty_cells, sparse_events
from modelmon.wire import (
    BatchComplete,
    ErrorEvent,
    Item,
    NopEvent,
    RejectedItem,
    ServingEvent,
    read_message,
    split_function_uri,
)
from modelmon.wire.allowance import Allowance
from modelmon.wire.identity import MOST_REMEMBERED

WHOLE_MESSAGE = -1
_publisher_of, _number_of = attrgetter("publisher_id"), attrgetter("number")
Refused = dict[int, tuple[ServingEvent | ErrorEvent, RejectedError]]
"""Events of one message that could be read and can't be kept, by their numbers in it."""


def decode(batch: Batch, settings: Settings) -> Decoded:
    """Read every message of a batch; never raises for what a message holds."""
    decoded = Decoded(batch)
    aside = _Aside(decoded, settings)
    if batch.starts:
        error = RejectedError(f"stopped the stream function {batch.starts} times")
        for message in batch.messages:
            aside.add(message, WHOLE_MESSAGE, UNKNOWN_ENDPOINT, error, message.body)
        return decoded
    horizon_us = batch.now_us + round(settings.future_seconds * 1_000_000)
    with Allowance() as allowance:
        read = allowance.read
        for message in batch.messages:
            try:
                items = read(read_message, message.body)
            except RejectedError as error:
                aside.add(message, WHOLE_MESSAGE, UNKNOWN_ENDPOINT, error, message.body)
            else:
                _decode_message(decoded, aside, settings, message, items, horizon_us)
    _discover(decoded, settings)
    return decoded


def set_sparse_aside(decoded: Decoded, names: Mapping[str, KnownNames], settings: Settings) -> None:
    """Take those events out of a batch that would leave too many cells of its columns empty."""
    refused: dict[int, Refused] = {}
    limit = most_empty_cells(len(decoded.served))
    for endpoint_id, group in list(decoded.served.items()):
        found = sparse_events(group.events, names.get(endpoint_id, KnownNames()), limit)
        for place, error in found.items():
            of_message = refused.setdefault(group.offsets[place], {})
            of_message[group.items[place]] = group.events[place], error
        if found:
            decoded.take_out(endpoint_id, found)
    aside = _Aside(decoded, settings)
    for message in decoded.batch.messages if refused else ():
        if message.offset in refused:
            aside.add_events(message, refused[message.offset])


def _decode_message(
    decoded: Decoded,
    aside: _Aside,
    settings: Settings,
    message: Message,
    items: Sequence[Item],
    horizon_us: int,
) -> None:
    served, offset = decoded.served, message.offset
    refused: Refused = {}
    for number, item in enumerate(items):
        if type(item) is ServingEvent:
            if item.when_us > horizon_us or item.input_names or item.output_names:
                error = _objection(item, horizon_us, settings)
                if error is not None:
                    refused[number] = item, error
                    continue
            group = served.get(item.endpoint_id)
            if group is None:
                group = served[item.endpoint_id] = EndpointEvents()
            group.events.append(item)
            group.offsets.append(offset)
            group.items.append(number)
        elif type(item) is ErrorEvent and item.when_us > horizon_us:
            refused[number] = item, _in_the_future(item, settings)
        else:
            _decode_other(decoded, aside, message, item)
    if refused:
        aside.add_events(message, refused)


def _decode_other(decoded: Decoded, aside: _Aside, message: Message, item: Item) -> None:
    match item:
        case ErrorEvent():
            decoded.errors.append(item)
        case BatchComplete():
            decoded.completed[item.endpoint_id] = item
        case NopEvent():
            decoded.nop_us = item.timestamp_us  # the last one to come, so a clock that went back counts
        case RejectedItem():
            aside.add_item(message, item)


def _objection(event: ServingEvent, horizon_us: int, settings: Settings) -> RejectedError | None:
    """Why an event that could be read can't be kept."""
    if event.when_us > horizon_us:
        return _in_the_future(event, settings)
    return _objection_to_names(event.input_names or (), event.output_names or ())


def _in_the_future(event: ServingEvent | ErrorEvent, settings: Settings) -> RejectedError:
    when = from_us(event.when_us).isoformat()
    return RejectedError(f"{when} is more than {settings.future_seconds:g} s in the future", "when")


def _objection_to_names(features: tuple[str, ...], labels: tuple[str, ...]) -> RejectedError | None:
    is_small = len(features) + len(labels) <= MOST_REMEMBERED
    return _remembered(features, labels) if is_small else _name_error(features, labels)


def _name_error(features: tuple[str, ...], labels: tuple[str, ...]) -> RejectedError | None:
    try:
        stored_names(features, labels)
    except RejectedError as error:
        return error
    return None


_remembered = lru_cache(maxsize=1024)(_name_error)  # events of one endpoint bring the same names


class _Aside:
    """Sets messages and parts of them aside."""

    def __init__(self, decoded: Decoded, settings: Settings) -> None:
        self._decoded = decoded
        self._settings = settings

    def add_item(self, message: Message, item: RejectedItem) -> None:
        """An item that could not be read."""
        error = RejectedError(item.reason, item.field)
        self.add(message, item.item, item.endpoint_id, error, item.body, item.rows, _numbered([item]))
        if item.endpoint_name:
            self._note(item)

    def add_events(self, message: Message, refused: Refused) -> None:
        """Events that could be read."""
        for numbers, body in item_bodies(message.body, refused):
            events = [refused[number][0] for number in numbers]
            rows, error = sum(map(_rows, events)), refused[numbers[0]][1]
            self.add(message, numbers[0], events[0].endpoint_id, error, body, rows, _numbered(events))
        for event, _ in refused.values():
            self._note(event)

    def add(
        self,
        message: Message,
        item: int,
        endpoint_id: str,
        error: RejectedError,
        body: bytes,
        rows: int = 1,
        numbered: Sequence[Numbered] = (),
    ) -> None:
        """One dead letter; `item` -1 is the whole message."""
        batch = self._decoded.batch
        letter = DeadLetter(
            stream_id=batch.range.stream_id,
            partition=message.partition,
            offset=message.offset,
            item=item,
            stream=self._settings.events_stream,
            endpoint_id=endpoint_id,
            field=error.field,
            reason=error.reason,
            body=body,
            created=from_us(batch.now_us),
        )
        self._decoded.rejections.append(Rejection(letter, rows, numbered))

    def _note(self, event: ServingEvent | ErrorEvent | RejectedItem) -> None:
        _note_endpoint(self._decoded, event, self._settings)


def _rows(event: ServingEvent | ErrorEvent) -> int:
    return len(event.inputs) if isinstance(event, ServingEvent) else 1


def _numbered(events: Sequence[ServingEvent | ErrorEvent | RejectedItem]) -> list[Numbered]:
    return [
        (event.publisher_id, event.endpoint_id, event.number)
        for event in events
        if event.publisher_id is not None and event.number is not None
    ]


def _discover(decoded: Decoded, settings: Settings) -> None:
    """Who was heard of, and which numbers of which publisher were seen."""
    for endpoint_id, group in decoded.served.items():
        # Knows more than one that was set aside before it.
        decoded.discovered[endpoint_id] = endpoint_of(group.events[0], settings.project)
        _note_served(decoded, endpoint_id, group.events)
    for error in decoded.errors:
        _note_endpoint(decoded, error, settings)
    _note_numbers(decoded, _numbered(decoded.errors))
    for rejection in decoded.rejections:
        _note_numbers(decoded, rejection.numbered)


def _note_served(decoded: Decoded, endpoint_id: str, events: Sequence[ServingEvent]) -> None:
    publishers = set(map(_publisher_of, events))
    if len(publishers) > 1:
        _note_numbers(decoded, _numbered(events))
    elif publishers != {None}:  # almost always one
        decoded.numbers.setdefault((publishers.pop(), endpoint_id), []).extend(map(_number_of, events))


def _note_numbers(decoded: Decoded, numbered: Sequence[Numbered]) -> None:
    for publisher_id, endpoint_id, number in numbered:
        decoded.numbers.setdefault((publisher_id, endpoint_id), []).append(number)


def _note_endpoint(
    decoded: Decoded, event: ServingEvent | ErrorEvent | RejectedItem, settings: Settings
) -> None:
    if event.endpoint_id not in decoded.discovered:
        decoded.discovered[event.endpoint_id] = endpoint_of(event, settings.project)


def endpoint_of(event: ServingEvent | ErrorEvent | RejectedItem, project: str) -> Endpoint:
    """The record of an endpoint that nobody registered, as far as one event tells."""
    return Endpoint(
        endpoint_id=event.endpoint_id,
        project=project,
        name=event.endpoint_name,
        function_name=split_function_uri(event.function_uri)[1],
        function_uri=event.function_uri,
        model_class=event.model_class,
        version=event.version,
        discovered=True,
    )
