"""Who was heard of in a batch, and which numbers of which publisher were seen."""

from __future__ import annotations

from collections.abc import Sequence

from modelmon.model import Endpoint
from modelmon.settings import Settings
from modelmon.stages.stream.batch import Decoded, Numbered
from modelmon.wire import ErrorEvent, RejectedItem, ServingEvent, split_function_uri
from modelmon.wire.checked_columns import distinct
from modelmon.wire.event_columns import EventColumns
from modelmon.wire.identity import Sender

Heard = ServingEvent | ErrorEvent | RejectedItem | Sender
"""What tells of an endpoint."""


def discover(decoded: Decoded, settings: Settings) -> None:
    """Note every endpoint and every number of a batch."""
    for endpoint_id, events in decoded.served.items():
        # Knows more than one that was set aside before it.
        decoded.discovered[endpoint_id] = endpoint_of(events.sender, settings.project)
        _note_served(decoded, endpoint_id, events)
    for error in decoded.errors:
        note_endpoint(decoded, error, settings)
    _note_numbers(decoded, numbered(decoded.errors))
    for rejection in decoded.rejections:
        _note_numbers(decoded, rejection.numbered)


def note_endpoint(decoded: Decoded, heard: Heard, settings: Settings) -> None:
    """Somebody was heard of."""
    if heard.endpoint_id not in decoded.discovered:
        decoded.discovered[heard.endpoint_id] = endpoint_of(heard, settings.project)


def numbered(events: Sequence[ServingEvent | ErrorEvent | RejectedItem]) -> list[Numbered]:
    """The numbers of those events that have one."""
    return [
        (event.publisher_id, event.endpoint_id, event.number)
        for event in events
        if event.publisher_id is not None and event.number is not None
    ]


def numbered_at(endpoint_id: str, events: EventColumns, places: Sequence[int]) -> list[Numbered]:
    """The same for events at some places."""
    found = ((events.publisher_ids[place], events.numbers[place]) for place in places)
    return [
        (publisher_id, endpoint_id, number)
        for publisher_id, number in found
        if publisher_id is not None and number is not None
    ]


def endpoint_of(heard: Heard, project: str) -> Endpoint:
    """The record of an endpoint that nobody registered, as far as one event tells."""
    return Endpoint(
        endpoint_id=heard.endpoint_id,
        project=project,
        name=heard.endpoint_name,
        function_name=split_function_uri(heard.function_uri)[1],
        function_uri=heard.function_uri,
        model_class=heard.model_class,
        version=heard.version,
        discovered=True,
    )


def _note_served(decoded: Decoded, endpoint_id: str, events: EventColumns) -> None:
    publisher_id, *others = distinct(events.publisher_ids)
    if others:
        _note_numbers(decoded, numbered_at(endpoint_id, events, range(len(events))))
    elif publisher_id is not None:  # almost always one
        numbers = filter(None, events.numbers)  # they count from 1
        decoded.numbers.setdefault((publisher_id, endpoint_id), []).extend(numbers)


def _note_numbers(decoded: Decoded, found: Sequence[Numbered]) -> None:
    for publisher_id, endpoint_id, number in found:
        decoded.numbers.setdefault((publisher_id, endpoint_id), []).append(number)
