"""The rows behind a verdict: some of a window, or those that have moved most, as a table and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelmon.column_names import TIMESTAMP
from modelmon.errors import ConfigError, no_such
from modelmon.ledger import endpoints
from modelmon.model import Endpoint, to_us
from modelmon.private_columns import is_private
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.samples import open_samples
from modelmon.views.csv_text import csv_text
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import find_endpoint

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

READ = 100_000
"""So many rows of a window are looked at, from its start on."""
SHOWN = 100
MOST = 10_000
_OURS = (TIMESTAMP, "request_id")


@dataclass(frozen=True, slots=True)
class SampleRows:
    """Rows of `[start, end)` with their time, request, features and predictions. `seen` rows were looked at;
    unless `is_whole` there are more. With a `feature` they are ordered by how much more there is of their
    values than in the reference: the first stand for most of the drift."""

    endpoint_id: str
    endpoint_name: str
    start: datetime
    end: datetime
    feature: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    seen: int
    is_whole: bool


def read_sample_rows(
    database: Database,
    settings: Settings,
    name: str,
    start: datetime,
    end: datetime,
    now_us: int,
    feature: str = "",
    limit: int = SHOWN,
) -> SampleRows:
    """`limit` rows of the endpoint of this name or id: every n-th, or with a `feature` the worst.

    Columns that are private are left out. Raises ConfigError for a feature that the reference does not have
    or that is private, for one without a reference, and for a limit that is not between 1 and 10,000.
    """
    import numpy as np  # who shows no rows need not load it

    if not 1 <= limit <= MOST:
        raise ConfigError(f"limit: must be a number of rows from 1 to {MOST:,}, got {limit}")
    with database.read() as connection:
        found = find_endpoint(connection, Looking(now_us, settings), name)
        record = endpoints.get(connection, found.endpoint_id)
    if feature:
        _check(settings, record, feature)
    table, is_whole = _read(database, settings, found.endpoint_id, to_us(start), to_us(end))
    columns = _shown(settings, record, table.column_names)
    places = _worst(table, feature, record, limit) if feature and record else _every(table.num_rows, limit)
    rows = table.select(columns).take(np.asarray(places, dtype=np.int64)).to_pylist()
    return SampleRows(
        found.endpoint_id, found.endpoint_name, start, end, feature, tuple(columns),
        tuple(tuple(row.values()) for row in rows), table.num_rows, is_whole,
    )  # fmt: skip


def as_csv(sample: SampleRows) -> str:
    """The rows as CSV with a header; what begins like a formula gets an apostrophe, since spreadsheets would
    run it."""
    return csv_text(sample.columns, sample.rows)


def _check(settings: Settings, record: Endpoint | None, feature: str) -> None:
    reference = record.feature_stats if record else {}
    known = [each for each in reference if not is_private(settings, each)]
    if feature not in known:
        raise no_such(f"feature: the reference has no {feature!r}", feature, known)


def _read(
    database: Database, settings: Settings, endpoint_id: str, start_us: int, end_us: int
) -> tuple[pa.Table, bool]:
    """The first READ rows or a few more, and whether those are all."""
    import pyarrow as pa

    from modelmon.stores.samples_reading import read_pieces

    pieces, seen, is_whole = [], 0, True
    for piece in read_pieces(database, open_samples(settings), endpoint_id, start_us, end_us, rows=READ):
        if seen >= READ:
            is_whole = False
            break
        pieces.append(piece)
        seen += piece.num_rows
    table = pa.concat_tables(pieces, promote_options="permissive")
    return table.slice(0, READ), is_whole and seen <= READ


def _shown(settings: Settings, record: Endpoint | None, there: Sequence[str]) -> list[str]:
    known = (*record.feature_names, *record.label_names, *record.feature_stats) if record else ()
    wanted = dict.fromkeys([*_OURS, *known])
    return [each for each in wanted if each in there and not is_private(settings, each)]


def _every(rows: int, limit: int) -> list[int]:
    """Places that lie evenly."""
    return [place * rows // limit for place in range(limit)] if rows > limit else [*range(rows)]


def _worst(table: pa.Table, feature: str, record: Endpoint, limit: int) -> list[int]:
    import numpy as np

    from modelmon.stats.reference import read_reference

    bins, unscored = read_reference({feature: record.feature_stats[feature]})
    if feature not in bins:
        raise ConfigError(f"feature: {feature!r} can't be compared: {unscored.get(feature, 'no histogram')}")
    if feature not in table.column_names or not table.num_rows:
        return []
    place = _bins_of(table.select([feature]), bins[feature])
    expected = np.asarray(bins[feature].counts, dtype=np.float64)
    counted = np.bincount(place, minlength=expected.size)
    more = counted / counted.sum() - expected / max(1.0, expected.sum())
    order = np.argsort(-more[place], kind="stable")
    return [int(each) for each in order[:limit] if more[place[each]] > 0]


def _bins_of(table: pa.Table, on: Any) -> np.ndarray[Any, Any]:
    """The bin of each row, in the layout of the reference's counts."""
    import numpy as np

    from modelmon.stats.frames import columns
    from modelmon.stats.reference import Intervals
    from modelmon.stats.values import is_gap, spelled

    if isinstance(on, Intervals):
        (column,) = columns(table).values()
        values, last = column.numbers[0], len(on.edges)
        place = np.searchsorted(on.edges, values, side="right")
        place = np.where(values == on.edges[-1], last - 1, place)
        return np.where(np.isnan(values), last + 1, np.minimum(place, last))
    names = {name: place for place, name in enumerate(on.names)}
    others = len(names)
    found = [
        others + 1 if is_gap(each) else names.get(spelled(each), others)
        for each in table.column(0).to_pylist()
    ]
    return np.asarray(found, dtype=np.int64)
