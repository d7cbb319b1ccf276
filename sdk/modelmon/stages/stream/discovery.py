"""Who was heard of in a batch, and which numbers of which publisher were seen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from modelmon.ledger.publishers import Key
from modelmon.model import Endpoint
from modelmon.settings import Settings
from modelmon.stages.stream.batch import Decoded, Numbered
from modelmon.wire import ErrorEvent, RejectedItem, ServingEvent, split_function_uri
from modelmon.wire.checked_columns import distinct
from modelmon.wire.event_columns import NO_NUMBER, EventColumns, Int64s
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
    aside = chain.from_iterable(rejection.numbered for rejection in decoded.rejections)
    _note_numbers(decoded, [*numbered(decoded.errors), *aside])


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
    found = ((events.publisher_ids[place], int(events.numbers[place])) for place in places)
    return [
        (publisher_id, endpoint_id, number)
        for publisher_id, number in found
        if publisher_id is not None and number != NO_NUMBER
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
        decoded.numbers[publisher_id, endpoint_id] = _as_range(events.numbers)


def _as_range(numbers: Int64s) -> Sequence[int]:
    """Numbers that follow one another, as almost always, without an object for each."""
    if (np.diff(numbers) == 1).all():
        return range(int(numbers[0]), int(numbers[-1]) + 1)
    found: list[int] = numbers.tolist()
    return found


def _note_numbers(decoded: Decoded, found: Sequence[Numbered]) -> None:
    more: dict[Key, list[int]] = {}
    for publisher_id, endpoint_id, number in found:
        more.setdefault((publisher_id, endpoint_id), []).append(number)
    decoded.numbers |= {key: [*decoded.numbers.get(key, ()), *numbers] for key, numbers in more.items()}
