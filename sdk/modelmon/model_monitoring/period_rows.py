"""The stored rows of a period, as a reference is made of them: bounded, whatever the period holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelmon.errors import ConfigError
from modelmon.model import Endpoint, from_us
from modelmon.model_monitoring.thinned_rows import thinned_rows
from modelmon.sql.database import Database
from modelmon.stores.base import SampleStore
from modelmon.stores.listing import list_paths

if TYPE_CHECKING:
    import pyarrow as pa

EVER = -(2**62), 2**62


@dataclass(frozen=True, slots=True)
class PeriodRows:
    """Rows of a period: the columns that have values, `when` each row was, those without any value, and
    every how many-th row it is that was taken."""

    table: pa.Table
    names: tuple[str, ...]
    when: str
    empty: tuple[str, ...]
    step: int


def period_rows(
    database: Database, samples: SampleStore, endpoint: Endpoint, span_us: tuple[int, int], least: int
) -> PeriodRows:
    """The rows of [start, end), half a million at most, spread evenly over it.

    Raises ConfigError for a period with fewer than `least` rows, with where rows are.
    """
    found = thinned_rows(database, samples, endpoint, span_us)
    if found.rows < least:
        raise ConfigError(_too_few(database, endpoint, span_us, found.rows, least))
    table, names = found.table, found.names
    empty = tuple(name for name in names if table[name].null_count == table.num_rows)
    kept = tuple(name for name in names if name not in empty)
    if not kept:
        raise ConfigError(
            f"endpoint {endpoint.name!r}: none of its {len(names)} columns has a value in this period"
        )
    return PeriodRows(table, kept, found.when, empty, found.step)


def _too_few(database: Database, endpoint: Endpoint, span_us: tuple[int, int], rows: int, least: int) -> str:
    with database.read() as connection:
        listed = list_paths(connection, endpoint.endpoint_id, *EVER)
    start, end = (f"{from_us(moment):%Y-%m-%d %H:%M}" for moment in span_us)
    said = f"endpoint {endpoint.name!r} has {rows:,} stored rows from {start} to {end} UTC"
    if not listed:
        return f"{said}; it has none at all"
    first, last = min(file.min_us for file in listed), max(file.max_us for file in listed)
    return (
        f"{said}; a reference wants at least {least:,} (app_min_rows). Its rows are from "
        f"{from_us(first):%Y-%m-%d %H:%M} to {from_us(last):%Y-%m-%d %H:%M}"
    )
