"""Messages to events: each item is accepted or set aside alone, and nothing else happens here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from modelmon.errors import RejectedError
from modelmon.model import UNKNOWN_ENDPOINT, DeadLetter, Endpoint, Message, from_us
from modelmon.settings import Settings
from modelmon.stages.stream.batch import Batch, Decoded, EndpointEvents
from modelmon.stages.stream.items import item_bodies
from modelmon.stores.columns import stored_names
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
from modelmon.wire.identity import MOST_REMEMBERED

WHOLE_MESSAGE = -1


def decode(batch: Batch, settings: Settings) -> Decoded:
    """Read every message of a batch; never raises for what a message holds."""
    decoded = Decoded(batch)
    if batch.starts:
        for message in batch.messages:
            error = RejectedError(f"stopped the stream function {batch.starts} times")
            _set_aside(decoded, settings, message, WHOLE_MESSAGE, UNKNOWN_ENDPOINT, error, message.body)
        return decoded
    horizon_us = batch.now_us + round(settings.future_seconds * 1_000_000)
    for message in batch.messages:
        _decode_message(decoded, settings, message, horizon_us)
    _discover(decoded, settings)
    return decoded


def _decode_message(decoded: Decoded, settings: Settings, message: Message, horizon_us: int) -> None:
    served, offset = decoded.served, message.offset
    refused: dict[int, tuple[ServingEvent | ErrorEvent, RejectedError]] = {}
    for number, item in enumerate(read_message(message.body)):
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
            _decode_other(decoded, settings, message, item)
    if refused:
        reject_events(decoded, settings, message, refused)


def _decode_other(decoded: Decoded, settings: Settings, message: Message, item: Item) -> None:
    match item:
        case ErrorEvent():
            decoded.errors.append(item)
        case BatchComplete():
            decoded.completed[item.endpoint_id] = item
        case NopEvent():
            decoded.nop_us = item.timestamp_us  # the last one to come, so a clock that went back counts
        case RejectedItem():
            error = RejectedError(item.reason, item.field)
            _set_aside(decoded, settings, message, item.item, item.endpoint_id, error, item.body, item.rows)
            _note_numbers(decoded, [item])
            if item.endpoint_name:
                _note_endpoint(decoded, item, settings)


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


def reject_events(
    decoded: Decoded,
    settings: Settings,
    message: Message,
    refused: Mapping[int, tuple[ServingEvent | ErrorEvent, RejectedError]],
) -> None:
    """Set events of one message aside that could be read, by their numbers in it."""
    for numbers, body in item_bodies(message.body, refused):
        event, error = refused[numbers[0]]
        rows = sum(_rows(refused[number][0]) for number in numbers)
        _set_aside(decoded, settings, message, numbers[0], event.endpoint_id, error, body, rows)
    for event, _ in refused.values():
        _note_numbers(decoded, [event])
        _note_endpoint(decoded, event, settings)


def _rows(event: ServingEvent | ErrorEvent) -> int:
    return len(event.inputs) if isinstance(event, ServingEvent) else 1


def _set_aside(
    decoded: Decoded,
    settings: Settings,
    message: Message,
    item: int,
    endpoint_id: str,
    error: RejectedError,
    body: bytes,
    rows: int = 1,
) -> None:
    batch = decoded.batch
    letter = DeadLetter(
        stream_id=batch.range.stream_id,
        partition=message.partition,
        offset=message.offset,
        item=item,
        stream=settings.events_stream,
        endpoint_id=endpoint_id,
        field=error.field,
        reason=error.reason,
        body=body,
        created=from_us(batch.now_us),
    )
    decoded.dead_letters.append(letter)
    decoded.rejected[endpoint_id] = decoded.rejected.get(endpoint_id, 0) + rows


def _discover(decoded: Decoded, settings: Settings) -> None:
    """Who was heard of, and which numbers of which publisher were seen."""
    for group in decoded.served.values():
        # Knows more than one that was set aside before it.
        decoded.discovered[group.events[0].endpoint_id] = endpoint_of(group.events[0], settings.project)
        _note_numbers(decoded, group.events)
    for error in decoded.errors:
        _note_endpoint(decoded, error, settings)
        _note_numbers(decoded, [error])


def _note_numbers(decoded: Decoded, events: Sequence[ServingEvent | ErrorEvent | RejectedItem]) -> None:
    numbers = decoded.numbers
    for event in events:
        if event.publisher_id is not None and event.number is not None:
            numbers.setdefault((event.publisher_id, event.endpoint_id), []).append(event.number)


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
