"""Stored rows of a span, bounded whatever it holds: of more than so many every n-th one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelmon.column_names import METADATA_PREFIX, TIMESTAMP
from modelmon.model import Endpoint
from modelmon.sql.database import Database
from modelmon.stores.base import SampleStore
from modelmon.stores.listing import list_paths
from modelmon.stores.samples_reading import read_pieces

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS, MOST_VALUES = 500_000, 20_000_000


@dataclass(frozen=True, slots=True)
class ThinnedRows:
    """Every `step`-th of `rows` rows; `names` are the features and answers, `when` the column of times."""

    pieces: Sequence[pa.Table]
    names: Sequence[str]
    when: str
    rows: int
    step: int

    @property
    def table(self) -> pa.Table:
        from modelmon.stores import samples_types

        return samples_types.unified(list(self.pieces))


def thinned_rows(
    database: Database,
    samples: SampleStore,
    endpoint: Endpoint,
    span_us: tuple[int, int],
    *,
    also: Sequence[str] = (),
    actuals: SampleStore | None = None,
) -> ThinnedRows:
    """The rows of [start, end) with features and answers, and the columns `also`; at most about MOST_ROWS
    of them and MOST_VALUES values, spread evenly."""
    names = list(dict.fromkeys((*endpoint.feature_names, *endpoint.label_names)))
    when = METADATA_PREFIX + TIMESTAMP if TIMESTAMP in names else TIMESTAMP
    with database.read() as connection:
        listed = list_paths(connection, endpoint.endpoint_id, *span_us)
    most = max(1, min(MOST_ROWS, MOST_VALUES // max(len(names), 1)))
    step = max(1, -(-sum(file.rows for file in listed) // most))
    columns = [when, *names, *also]
    kept, rows = [], 0
    for piece in read_pieces(database, samples, endpoint.endpoint_id, *span_us, columns, actuals=actuals):
        places = range((-rows) % step, piece.num_rows, step)
        kept.append(piece if step == 1 else piece.take(list(places)))
        rows += piece.num_rows
    return ThinnedRows(kept, names, when, rows, step)
