"""What an endpoint was asked since it serves its model with its reference: since when, and the rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select

from modelmon.apps.sample_frames import is_arrow
from modelmon.column_names import TIMESTAMP
from modelmon.ledger.deployments import MODEL, REFERENCE, deployments
from modelmon.ledger.schema import traffic
from modelmon.ledger.troubled import troubled_spans
from modelmon.model import Window, from_us, to_us
from modelmon.sql.database import Database
from modelmon.stats.frames import as_frame, columns
from modelmon.stats.time_columns import seconds_of
from modelmon.stores.base import SampleStore
from modelmon.stores.listing import list_files
from modelmon.stores.samples_reading import read_pieces

if TYPE_CHECKING:
    from modelmon.stats.frames import Frame

MOST_ROWS = 2_000_000
"""Of more rows in a span, parts of it are read that hold about so many."""
PARTS, FEWEST_PARTS = 64, 8


@dataclass(frozen=True, slots=True)
class Served:
    """Since when the endpoint serves this model with this reference, and its rows in [start, end) as frames.

    `read` raises UnavailableError. Of very many rows it gives some parts of the span, always the same ones.
    """

    since: datetime
    read: Callable[[datetime, datetime], Iterator[Frame]]
    troubled: Callable[[datetime, datetime], list[tuple[datetime, datetime]]] = lambda start, end: []
    """Of incidents of its data that other apps found in a span: the starts of the first and last window."""
    reference: Frame | None = None
    """The rows of the reference, where they are at hand: in `evaluate` alone."""


def served(
    database: Database, samples: SampleStore, endpoint_id: str, window: Window, application_name: str
) -> Served:
    """Of an endpoint, as a window of this app sees it. Raises UnavailableError."""

    def read(start: datetime, end: datetime) -> Iterator[Frame]:
        for first, last in _parts(database, endpoint_id, to_us(start), to_us(end)):
            yield from read_pieces(database, samples, endpoint_id, first, last)

    def troubled(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        with database.read() as connection:
            found = troubled_spans(
                connection, endpoint_id, to_us(start), to_us(end), apart_from=application_name
            )
        return [(from_us(first), from_us(last)) for first, last in found]

    return Served(_since(database, endpoint_id, window), read, troubled)


def served_sample(frame: Frame, window: Window, reference: Frame | None = None) -> Served:
    """Of a sample that is all there is: each row at its `timestamp`; without one they lie evenly in the
    window, in their order."""
    frame = as_frame(frame)
    found = columns(frame)
    start, end = window.start.timestamp(), window.end.timestamp()
    timed = TIMESTAMP in found and found[TIMESTAMP].kind == "other"
    even = start + (end - start) * np.arange(len(frame)) / max(len(frame), 1)
    at = seconds_of(found, TIMESTAMP) if timed else even

    def read(first: datetime, last: datetime) -> Iterator[Frame]:
        inside = (at >= first.timestamp()) & (at < last.timestamp())
        yield frame.filter(inside) if is_arrow(frame) else frame[inside]

    return Served(window.start, read, reference=reference)


def _since(database: Database, endpoint_id: str, window: Window) -> datetime:
    """From its first request on, or from when its model or reference was last replaced before the window's
    end. A replay of what was long ago knows of no replacement."""
    first = select(traffic.c.first_request_us).where(traffic.c.endpoint_id == endpoint_id)
    replaced = select(func.max(deployments.c.at_us)).where(
        deployments.c.endpoint_id == endpoint_id,
        deployments.c.kind.in_((MODEL, REFERENCE)),
        deployments.c.before != "",
        deployments.c.at_us < to_us(window.end),
    )
    with database.read() as connection:
        known = [connection.scalar(first), connection.scalar(replaced)]
    since = max((each for each in known if each is not None), default=to_us(window.start))
    return min(from_us(since), window.start) if known[1] is None else from_us(since)


def _parts(database: Database, endpoint_id: str, start_us: int, end_us: int) -> list[tuple[int, int]]:
    """The whole span, or where it holds too many rows parts of it, drawn by its own bounds."""
    with database.read() as connection:
        rows = sum(file.rows for file in list_files(connection, endpoint_id, start_us, end_us).files)
    if rows <= MOST_ROWS:
        return [(start_us, end_us)]
    edges = [start_us + (end_us - start_us) * place // PARTS for place in range(PARTS + 1)]
    number = max(FEWEST_PARTS, PARTS * MOST_ROWS // rows)
    drawn = random.Random(start_us).sample(list(pairwise(edges)), number)  # noqa: S311 - no secret
    return sorted(drawn)


def halves(start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], tuple[datetime, datetime]]:
    """The first and the second half of a span.

    >>> [str(end - start) for start, end in halves(datetime(2025, 1, 1), datetime(2025, 1, 3))]
    ['1 day, 0:00:00', '1 day, 0:00:00']
    """
    middle = start + max((end - start) // 2, timedelta(0))
    return (start, middle), (middle, end)
