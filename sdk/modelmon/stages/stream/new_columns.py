"""Events that bring ever new columns: an endpoint has a limited number beyond those that are registered.

A client that puts an id or a date into its names would make the records, and each sample, grow without end.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain

from modelmon.column_names import original_name
from modelmon.errors import RejectedError
from modelmon.ledger.stored_columns import KnownNames
from modelmon.stages.stream.sparse import INPUTS, OUTPUTS, Side, nearest_first
from modelmon.wire.event_columns import EventColumns, is_array


@dataclass(frozen=True, slots=True)
class ColumnLimit:
    """An endpoint's registered names, the stored columns that it was `seen` with, and how many it may have
    that nobody registered."""

    registered: KnownNames
    seen: Collection[str]
    most: int


def events_with_too_many(
    events: EventColumns, limit: ColumnLimit, without: Collection[int]
) -> dict[int, RejectedError]:
    """Which of one endpoint's events have to go, by their places, for it to keep to its limit; `without`
    those that go anyway. An event whose columns are all known stays.

    Those that differ least from what is registered (else from most of the others) come first.
    """
    if len(limit.seen) + _most_new(events, INPUTS) + _most_new(events, OUTPUTS) <= limit.most:
        return {}
    registered = {*limit.registered.features, *limit.registered.predictions}
    columns = {original_name(column) for column in limit.seen} - registered
    found: dict[int, RejectedError] = {}
    for side, own in ((INPUTS, limit.registered.features), (OUTPUTS, limit.registered.predictions)):
        for names, places in nearest_first(events, side, own):
            left = [place for place in places if place not in without]
            new = set(names) - registered - columns
            if new and left and len(columns) + len(new) > limit.most:
                error = _error(side, new, len(columns), limit.most)
                found |= dict.fromkeys(left, error)
            elif left:
                columns |= new
    return found


def _most_new(events: EventColumns, side: Side) -> int:
    """At most so many columns come of these events; looked at first because it costs little."""
    names = side.names(events)
    own = names[:1] if names.count(names[0]) == len(names) else set(names)
    named = sum(map(len, filter(None, own)))
    held = getattr(events, side.side)
    if is_array(held):
        return named + int(held.shape[1])
    return named + max(map(len, chain.from_iterable(events.rows_of(side.side))))


def _error(side: Side, new: Collection[str], known: int, most: int) -> RejectedError:
    return RejectedError(
        f"{len(new):,} new {side.kind} columns, {min(new)!r} for one, beside {known:,} that nobody "
        f"registered would be more than {most:,} (endpoint_max_columns); send values under "
        "names that stay the same, or register the names",
        side.field,
    )
