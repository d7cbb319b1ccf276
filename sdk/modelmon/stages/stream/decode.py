"""Messages to events: each item is accepted or set aside alone, and nothing else happens here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from modelmon.errors import RejectedError
from modelmon.model import UNKNOWN_ENDPOINT, DeadLetter, Endpoint, Message, from_us
from modelmon.settings import Settings
from modelmon.stages.stream.batch import Batch, Decoded, EndpointEvents
from modelmon.stages.stream.items import item_body
from modelmon.stores.columns import stored_names
from modelmon.wire import (
    BatchComplete,
    ErrorEvent,
    NopEvent,
    RejectedItem,
    ServingEvent,
    read_message,
    split_function_uri,
)

WHOLE_MESSAGE = -1


def decode(batch: Batch, settings: Settings) -> Decoded:
    """Read every message of a batch; never raises for what a message holds."""
    decoded = Decoded(batch)
    if batch.starts:
        for message in batch.messages:
            reason = f"stopped the stream function {batch.starts} times"
            _set_aside(decoded, settings, message, WHOLE_MESSAGE, UNKNOWN_ENDPOINT, reason)
        return decoded
    horizon_us = batch.now_us + round(settings.future_seconds * 1_000_000)
    for message in batch.messages:
        _decode_message(decoded, settings, message, horizon_us)
    _discover(decoded, settings)
    return decoded


def _decode_message(decoded: Decoded, settings: Settings, message: Message, horizon_us: int) -> None:
    served, offset = decoded.served, message.offset
    for number, item in enumerate(read_message(message.body)):
        if type(item) is ServingEvent:
            if item.when_us > horizon_us or item.input_names or item.output_names:
                error = _objection(item, horizon_us, settings)
                if error is not None:
                    _reject_event(decoded, settings, message, number, item, error)
                    continue
            group = served.get(item.endpoint_id)
            if group is None:
                group = served[item.endpoint_id] = EndpointEvents()
            group.events.append(item)
            group.offsets.append(offset)
            group.items.append(number)
        else:
            _decode_other(decoded, settings, message, number, item, horizon_us)


def _decode_other(
    decoded: Decoded,
    settings: Settings,
    message: Message,
    number: int,
    item: ServingEvent | ErrorEvent | BatchComplete | NopEvent | RejectedItem,
    horizon_us: int,
) -> None:
    match item:
        case ErrorEvent() if item.when_us > horizon_us:
            _reject_event(decoded, settings, message, number, item, _in_the_future(item, settings))
        case ErrorEvent():
            decoded.errors.append(item)
        case BatchComplete():
            decoded.completed[item.endpoint_id] = item
        case NopEvent():
            decoded.nop_us = item.timestamp_us  # the last one to come, so a clock that went back counts
        case RejectedItem():
            _set_aside(
                decoded,
                settings,
                message,
                item.item,
                item.endpoint_id,
                item.reason,
                field=item.field,
                body=item.body,
            )
            if item.publisher_id is not None and item.number is not None:
                decoded.numbers.setdefault((item.publisher_id, item.endpoint_id), []).append(item.number)


def _objection(event: ServingEvent, horizon_us: int, settings: Settings) -> RejectedError | None:
    """Why an event that could be read can't be kept."""
    if event.when_us > horizon_us:
        return _in_the_future(event, settings)
    return _objection_to_names(event.input_names or (), event.output_names or ())


def _in_the_future(event: ServingEvent | ErrorEvent, settings: Settings) -> RejectedError:
    when = from_us(event.when_us).isoformat()
    return RejectedError(f"{when} is more than {settings.future_seconds:g} s in the future", "when")


@lru_cache(maxsize=4096)
def _objection_to_names(features: tuple[str, ...], labels: tuple[str, ...]) -> RejectedError | None:
    try:
        stored_names(features, labels)
    except RejectedError as error:
        return error
    return None


def _reject_event(
    decoded: Decoded,
    settings: Settings,
    message: Message,
    number: int,
    event: ServingEvent | ErrorEvent,
    error: RejectedError,
) -> None:
    _set_aside(
        decoded,
        settings,
        message,
        number,
        event.endpoint_id,
        error.reason,
        field=error.field,
        body=item_body(message.body, number),
        rows=len(event.inputs) if isinstance(event, ServingEvent) else 1,
    )
    _note_numbers(decoded, [event])
    _note_endpoint(decoded, event, settings)


def _set_aside(
    decoded: Decoded,
    settings: Settings,
    message: Message,
    item: int,
    endpoint_id: str,
    reason: str,
    *,
    field: str = "",
    body: bytes | None = None,
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
        field=field,
        reason=reason,
        body=message.body if body is None else body,
        created=from_us(batch.now_us),
    )
    decoded.dead_letters.append(letter)
    decoded.rejected[endpoint_id] = decoded.rejected.get(endpoint_id, 0) + rows


def _discover(decoded: Decoded, settings: Settings) -> None:
    """Who was heard of, and which numbers of which publisher were seen."""
    for group in decoded.served.values():
        _note_endpoint(decoded, group.events[0], settings)
        _note_numbers(decoded, group.events)
    for error in decoded.errors:
        _note_endpoint(decoded, error, settings)
        _note_numbers(decoded, [error])


def _note_numbers(decoded: Decoded, events: Sequence[ServingEvent | ErrorEvent]) -> None:
    """`events` are of one endpoint."""
    for publisher_id in {event.publisher_id for event in events} - {None}:
        seen = [event.number for event in events if event.publisher_id == publisher_id]
        decoded.numbers.setdefault((str(publisher_id), events[0].endpoint_id), []).extend(filter(None, seen))


def _note_endpoint(decoded: Decoded, event: ServingEvent | ErrorEvent, settings: Settings) -> None:
    if event.endpoint_id not in decoded.discovered:
        decoded.discovered[event.endpoint_id] = endpoint_of(event, settings.project)


def endpoint_of(event: ServingEvent | ErrorEvent, project: str) -> Endpoint:
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
