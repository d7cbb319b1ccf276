"""Which verdicts come next: the windows that the ledger has noted, with the values that count of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelmon.ledger import endpoints
from modelmon.ledger.acknowledged import acknowledged
from modelmon.ledger.exporting import read_judged
from modelmon.model import Endpoint, ValuePoint, WindowKey
from modelmon.private_columns import is_private
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore

MOST_WINDOWS, MOST_POINTS = 200, 2_000
"""Of one request; a window with more points goes alone."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes in one request: everything up to the number `upto`, of so many windows."""

    upto: int
    windows: int
    values: Sequence[ValuePoint]
    endpoints: Mapping[str, Endpoint]


def next_parcel(
    database: Database, series: SeriesStore, settings: Settings, upto: int, most: int = MOST_WINDOWS
) -> Parcel | None:
    """What follows the number `upto`, of `most` windows at most; None where nothing does.

    Of a window that was judged again meanwhile the newest verdict is told, once. A window whose endpoint was
    forgotten, or of which nothing counts, has no values.
    """
    with database.read() as connection:
        found = read_judged(connection, upto, most)
        if not found:
            return None
        counting = acknowledged(connection, [each.key for each in found])
        known = endpoints.get_many(connection, {each.key.endpoint_id for each in found})
    told = {  # the last time that a window was noted with the revision that counts
        each.key: each.number
        for each in found
        if counting.get(each.key) == each.revision and each.key.endpoint_id in known
    }
    values = _by_window(series.read_values({key: counting[key] for key in told}), settings)
    taken: list[ValuePoint] = []
    for place, each in enumerate(found):
        more = values.get(each.key, []) if told.get(each.key) == each.number else []
        if taken and len(taken) + len(more) > MOST_POINTS:
            return Parcel(found[place - 1].number, place, taken, known)
        taken += more
    return Parcel(found[-1].number, len(found), taken, known)


def _by_window(values: Iterable[ValuePoint], settings: Settings) -> dict[WindowKey, list[ValuePoint]]:
    by_window: dict[WindowKey, list[ValuePoint]] = {}
    for value in values:
        if not is_private(settings, value.name):
            key = WindowKey(value.endpoint_id, value.application_name, value.start_us)
            by_window.setdefault(key, []).append(value)
    return by_window
