"""What other tools read of the series: the page "SQL views" promises it column by column.

The ledger says what of the series counts, so these views are where both are in one database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    and_,
    cast,
    exists,
    func,
    or_,
    select,
)

from modelmon.ledger.migrations import SCHEMA as RECORDS
from modelmon.ledger.schema import endpoints, reported, void_ranges, windows
from modelmon.ledger.sql_views import kind_name
from modelmon.sql.expressions import MicrosecondsOf, NumberIn
from modelmon.sql.schema import version_of
from modelmon.sql.types import BIG, REAL
from modelmon.sql.views import View, create_views
from modelmon.stores.series.schema import series_traffic, series_values
from modelmon.stores.series.traffic import FOLDED

_PLACE = ("endpoint_id", "application_name")


def _counting(*columns: ColumnElement[Any]) -> Select[Any]:
    """Values of the revisions that count, as `ledger/acknowledged.py` has it."""
    values, start_us = series_values.c, MicrosecondsOf(series_values.c.window_start)

    def same(table: Any) -> list[ColumnElement[bool]]:
        return [*(table.c[name] == values[name] for name in _PLACE), table.c.start_us == start_us]

    answered = and_(*same(windows), windows.c.answered > 0)
    spoken_of = exists().where(*same(reported), reported.c.revision == values.revision)
    return (
        select(
            values.endpoint_id, endpoints.c.name.label("endpoint_name"), values.application_name,
            *columns,
        )
        .select_from(series_values)
        .join(endpoints, endpoints.c.endpoint_id == values.endpoint_id)
        .outerjoin(windows, answered)
        .where(
            or_(windows.c.answered == values.revision, and_(windows.c.answered.is_(None), spoken_of))
        )
    )  # fmt: skip


def _results() -> Select[Any]:
    values = series_values.c
    return _counting(
        values.name.label("result_name"), values.window_start, values.window_end, values.value,
        kind_name(values.kind).label("kind"), values.status,
        *(
            NumberIn(values.extra_data, f"{name}_threshold").label(f"{name}_threshold")
            for name in ("potential", "detected")
        ),
        windows.c.rows, values.revision,
    ).where(values.kind.is_not(None))  # fmt: skip


def _metrics() -> Select[Any]:
    values = series_values.c
    return _counting(
        values.name.label("metric_name"), values.window_start, values.window_end, values.value,
        windows.c.rows, values.revision,
    ).where(values.kind.is_(None))  # fmt: skip


def _traffic() -> Select[Any]:
    stored, fold = series_traffic.c, series_traffic.alias("folds").c
    batch = ("stream_id", "partition", "first", "last")
    is_void = exists().where(*(void_ranges.c[name] == stored[name] for name in batch))
    in_a_fold = exists().where(
        *(fold[name] == stored[name] for name in ("endpoint_id", "minute", "stream_id", "partition")),
        fold.first == FOLDED,
        or_(fold.last > stored.last, and_(fold.last == stored.last, stored.first != FOLDED)),
    )
    place = (stored.endpoint_id, endpoints.c.name, stored.minute)
    return (
        select(
            stored.endpoint_id, endpoints.c.name.label("endpoint_name"), stored.minute,
            _sum("requests", stored.predictions), _sum("rows", stored.rows), _sum("errors", stored.errors),
            _sum("latency_count", stored.latency_count),
            _seconds("latency_seconds_sum", func.sum(stored.latency_us_sum)),
            _seconds("latency_seconds_max", func.max(stored.latency_us_max)),
        )
        .join(endpoints, endpoints.c.endpoint_id == stored.endpoint_id)
        .where(~is_void, ~in_a_fold)
        .group_by(*place)
    )  # fmt: skip


def _sum(name: str, column: Column[int]) -> ColumnElement[Any]:
    return cast(func.sum(column), BIG).label(name)


def _seconds(name: str, microseconds: ColumnElement[Any]) -> ColumnElement[Any]:
    return (cast(microseconds, REAL) / 1e6).label(name)


VIEWS = (View("results", _results), View("metrics", _metrics), View("traffic", _traffic))


def create_series_views(connection: Connection) -> None:
    """Make them, if the records are in this database, too."""
    if version_of(connection, RECORDS) == RECORDS.version:
        create_views(connection, VIEWS)
