"""Events that would leave too much of a batch's columns empty: width times rows is bounded.

Every row of a column has a cell. A few wide events among many narrow ones, or events that each bring names of
their own, make far more cells than they have values: 60 KB could fill gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, Literal

from modelmon.counting import count
from modelmon.errors import RejectedError
from modelmon.ledger.stored_columns import KnownNames
from modelmon.stages.stream.alignment import row_names
from modelmon.wire.event_columns import EventColumns, is_array
from modelmon.wire.rows import Names

MOST_EMPTY_CELLS = 25_000_000
"""Of all endpoints of a batch: each has the same share, at least LEAST_EMPTY_CELLS."""
LEAST_EMPTY_CELLS = 10_000

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Side:
    """Inputs or outputs of events: where they stand, and what they are called."""

    field: str
    kind: str
    side: Literal["inputs", "outputs"]
    names: Callable[[EventColumns], Sequence[Names]]


INPUTS = Side("request.inputs", "feature", "inputs", attrgetter("input_names"))
OUTPUTS = Side("resp.outputs", "prediction", "outputs", attrgetter("output_names"))


def most_empty_cells(endpoints: int) -> int:
    """How many cells without a value each of so many endpoints may have in one batch."""
    return max(MOST_EMPTY_CELLS // max(1, endpoints), LEAST_EMPTY_CELLS)


def sparse_events(events: EventColumns, known: KnownNames, limit: int) -> dict[int, RejectedError]:
    """Which of one endpoint's events have to go, by their places, for at most `limit` cells to stay empty.

    Those that differ most from what is registered (else from most of the others) go first.
    """
    found: dict[int, RejectedError] = {}
    for side, registered in ((INPUTS, known.features), (OUTPUTS, known.predictions)):
        if _may_be_sparse(events, side, limit):
            found |= _over_the_limit(events, side, registered, limit)
    return found


def _may_be_sparse(events: EventColumns, side: Side, limit: int) -> bool:
    """At most so many columns come of these events; that is looked at first because it costs little."""
    names = side.names(events)
    own = names[:1] if names.count(names[0]) == len(names) else set(names)  # comparing is faster than hashing
    named = sum(map(len, filter(None, own)))
    if not named and is_array(getattr(events, side.side)):
        return False
    widths = list(map(len, chain.from_iterable(events.rows_of(side.side))))
    if not named and len(set(widths)) == 1:
        return False  # most batches: a full table
    return len(widths) * (max(widths) + named) - sum(widths) > limit


def _over_the_limit(
    events: EventColumns, side: Side, registered: Sequence[str], limit: int
) -> dict[int, RejectedError]:
    rows_of = events.rows_of(side.side)
    columns: set[str] = set()
    found = {}
    rows = values = 0
    for names, places in nearest_first(events, side, registered):
        new = [name for name in names if name not in columns]
        for place in places:
            event_rows = rows_of[place]
            after = rows + len(event_rows), values + sum(map(len, event_rows))
            empty = after[0] * (len(columns) + len(new)) - after[1]
            if empty > limit:
                found[place] = _error(side, len(event_rows), len(names), len(columns), empty, limit)
                continue
            rows, values = after
            columns.update(new)
            new = []
    return found


def nearest_first(
    events: EventColumns, side: Side, registered: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    """Columns, and the events that have them; those that have the expected ones first."""
    alike: dict[tuple[tuple[str, ...] | None, int], list[int]] = {}
    for place, (rows, own) in enumerate(zip(events.rows_of(side.side), side.names(events), strict=True)):
        alike.setdefault((own, max(map(len, rows))), []).append(place)
    named = [(row_names(registered, own, width, side.kind), places) for (own, width), places in alike.items()]
    expected = frozenset(registered or max(named, key=lambda entry: len(entry[1]))[0])
    # Sorting keeps the order of what is equally near.
    yield from sorted(named, key=lambda entry: len(expected.symmetric_difference(entry[0])))


def _error(side: Side, rows: int, width: int, others: int, empty: int, limit: int) -> RejectedError:
    return RejectedError(
        f"{count(rows, 'row')} of {count(width, 'column')} beside others of {others:,} would leave "
        f"{empty:,} cells of this batch empty, more than {limit:,}; send rows that have the same columns",
        side.field,
    )
