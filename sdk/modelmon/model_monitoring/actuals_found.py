"""Whether there are the predictions that actuals name; what can never find one is refused unsent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from modelmon.column_names import IDENTITY, TIMESTAMP
from modelmon.errors import ConfigError, UnavailableError, no_such
from modelmon.ledger.stored_columns import known_columns
from modelmon.model import HOUR_US, BatchRange, Endpoint
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.stream.actual_rows import ActualRows
from modelmon.stages.stream.entities import ENTITIES, find_by_entity
from modelmon.stores.base import SampleStore
from modelmon.stores.listing import has_more_files, newest_row_us
from modelmon.stores.row_hashes import Int64s, row_hashes
from modelmon.stores.row_index import MOST_ROWS, IndexCache, find_rows
from modelmon.stores.samples import open_samples
from modelmon.stores.samples_reading import read_stored
from modelmon.wire import Actuals

HELD_BYTES = 32 * 2**20
MOST_FILES = 1_000
"""Of more files it is not looked up: who logs each outcome as it comes must not pay for all of history.
Merged, they are a few hundred a year."""
LONGEST_LOOK, FEW = 1_000, 20
"""A row is past the end of its request where none of the thousand after it is there; of a few it is told."""


class Place(NamedTuple):
    """Where predictions are looked for."""

    database: Database
    samples: SampleStore
    endpoint: Endpoint


def without_prediction(
    settings: Settings, database: Database, endpoint: Endpoint, actuals: Actuals
) -> int | None:
    """How many of these find no prediction that is stored now; None where the stored rows can't be read, or
    lie in more than `MOST_FILES` files.

    Raises ConfigError for a row that its request does not have, an id of very many predictions, and an entity
    that no event names.
    """
    try:
        with database.read() as connection:
            if has_more_files(connection, endpoint.endpoint_id, MOST_FILES):
                return None
        place = Place(database, open_samples(settings), endpoint)
        wrong, missing = (_by_entity if actuals.entity else _by_request)(place, actuals)
    except (UnavailableError, ConfigError):  # the stream takes them all the same
        return None
    if wrong is not None:
        raise wrong
    return missing


_Looked = tuple[ConfigError | None, int]


def _by_request(place: Place, actuals: Actuals) -> _Looked:
    cache, count = IndexCache(HELD_BYTES), len(actuals)
    later = [at for at, row in enumerate(actuals.rows) if row]
    asked = [*zip(actuals.request_ids, actuals.rows, strict=True)]
    heads = [(actuals.request_ids[at], 0) for at in later]  # of a request that is known
    found, ambiguous = _asked(place, [*asked, *heads], cache)
    if ambiguous:
        told = f"more than {MOST_ROWS:,} predictions have the id {[*asked, *heads][ambiguous[0]][0]!r}"
        return ConfigError(f"actuals: {told}: it names none of them; name them by entity and time"), 0
    known = {at for head, at in enumerate(later) if count + head in found}
    past = [asked[at] for at in later if at in known and at not in found]
    return _past_the_end(place, past[:FEW], cache), count - sum(at in found for at in range(count))


def _past_the_end(place: Place, named: Sequence[tuple[str, int]], cache: IndexCache) -> ConfigError | None:
    """The error of the first of these rows after which its request has no other: rows may be erased."""
    for request_id, row in named:
        rows = [*range(min(row, LONGEST_LOOK)), *range(row + 1, row + LONGEST_LOOK)]
        found, _ = _asked(place, [(request_id, each) for each in rows], cache)
        last = max((rows[at] for at in found), default=0)
        if last < row:
            has = "one row, 0" if last == 0 else f"rows 0 to {last}"
            return ConfigError(f"actuals: request {request_id!r} has {has}, got row {row}")
    return None


def _asked(
    place: Place, named: Sequence[tuple[str, int]], cache: IndexCache
) -> tuple[set[int], Sequence[int]]:
    """Which of these requests' rows are stored, by their places, and which are of too many."""
    ids, rows = (
        pa.array([each for each, _ in named], pa.string()),
        np.array([row for _, row in named], np.int64),
    )
    hits = find_rows(place.database, place.samples, place.endpoint.endpoint_id, row_hashes(ids, rows), cache)
    return set(hits.asked.tolist()), sorted(hits.ambiguous)


def _by_entity(place: Place, actuals: Actuals) -> _Looked:
    rows = ActualRows()
    rows.add(actuals, 0, 0, BatchRange("", 0, 0, 0), 0)
    every = range(len(actuals))
    placed, _ = find_by_entity(place.database, place.samples, place.endpoint.endpoint_id, rows, every)
    found: Int64s = np.unique(np.concatenate([np.zeros(0, np.int64), *(each.places for each in placed)]))
    missing = len(actuals) - len(found)
    return (None if len(found) else _unknown_entity(place, actuals.entity)), missing


def _unknown_entity(place: Place, entity: str) -> ConfigError | None:
    """The error of an entity that is no column, and no key of the events of the last hour that had some."""
    whose = place.endpoint.endpoint_id
    with place.database.read() as connection:
        newest_us = newest_row_us(connection, whose)
        columns = known_columns(connection, [whose])[whose]
    names = {*place.endpoint.feature_names, *place.endpoint.label_names, *columns}
    if newest_us is None or entity in {*names, TIMESTAMP, *IDENTITY}:
        return None
    span = (newest_us - HOUR_US, newest_us + 1)
    table, _ = read_stored(place.database, place.samples, whose, span, [TIMESTAMP, ENTITIES])
    held = set(table.column(ENTITIES).to_pylist()) - {None} if ENTITIES in table.column_names else set()
    names |= {key for text in held for key in msgspec.json.decode(text)}
    said = f"actuals: the endpoint has no feature {entity!r}, and no event names such an entity"
    return None if entity in names else no_such(said, entity, names)
