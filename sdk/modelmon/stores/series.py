"""The time series in SQL: traffic per minute and batch, metrics and results per window."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Row, and_, delete, or_, select

from modelmon.errors import RejectedError
from modelmon.ledger.records import records_at
from modelmon.ledger.schema import traffic_series, value_series
from modelmon.model import BatchRange, TrafficPoint, ValuePoint
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.statements import chunks, upsert
from modelmon.stores.base import SeriesStore

_COUNTS = (
    "predictions", "rows", "errors", "estimated_predictions", "latency_count", "latency_us_sum",
)  # fmt: skip
PLACES = 100  # windows of one query
_VALUE_FIELDS = ValuePoint.__slots__
_by_minute = attrgetter("endpoint_id", "minute_us")


def open_series(settings: Settings) -> SeriesStore:
    """The project's time series, made or migrated when needed.

    Raises ConfigError (URL, corrupt file, schema newer than this code) and UnavailableError.
    """
    url = settings.location("series_url")
    return SqlSeries(records_at(url, durability=settings.durability))


class SqlSeries(SeriesStore):
    """Series in a database of ours; may be the database of the records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write_traffic(self, batch: BatchRange, points: Sequence[TrafficPoint]) -> None:
        rows = [_traffic_row(batch, point) for point in points]
        if rows:
            with self._database.write() as connection:
                upsert(connection, traffic_series, rows)

    def read_traffic(
        self, endpoint_ids: Collection[str], start_us: int, end_us: int, void: Collection[BatchRange] = ()
    ) -> list[TrafficPoint]:
        table, without = traffic_series, frozenset(void)
        points: list[TrafficPoint] = []
        with self._database.read() as connection:
            for chunk in chunks(sorted(set(endpoint_ids))):
                rows = connection.execute(
                    select(table)
                    .where(table.c.endpoint_id.in_(chunk))
                    .where(table.c.minute_us >= start_us, table.c.minute_us < end_us)
                    .order_by(table.c.endpoint_id, table.c.minute_us)
                )
                points += _summed(row for row in rows if _batch(row) not in without)
        return points

    def write_values(self, points: Sequence[ValuePoint]) -> None:
        rows = [_value_row(point) for point in points]
        if rows:
            with self._database.write() as connection:
                upsert(connection, value_series, rows, not_below="revision")

    def delete_values(
        self, endpoint_id: str, application_name: str, start_us: int, below_revision: int
    ) -> None:
        columns = value_series.c
        with self._database.write() as connection:
            connection.execute(
                delete(value_series)
                .where(columns.endpoint_id == endpoint_id, columns.application_name == application_name)
                .where(columns.start_us == start_us, columns.revision < below_revision)
            )

    def read_values(
        self, endpoint_ids: Collection[str], start_us: int, end_us: int, application_name: str | None = None
    ) -> list[ValuePoint]:
        columns = value_series.c
        query = (
            select(*(columns[name] for name in _VALUE_FIELDS))
            .where(columns.start_us >= start_us, columns.start_us < end_us)
            .order_by(columns.endpoint_id, columns.application_name, columns.start_us, columns.name)
        )
        if application_name is not None:
            query = query.where(columns.application_name == application_name)
        points: list[ValuePoint] = []
        with self._database.read() as connection:
            for chunk in chunks(sorted(set(endpoint_ids))):
                rows = connection.execute(query.where(columns.endpoint_id.in_(chunk)))
                points += [ValuePoint(**row._mapping) for row in rows]
        return points

    def read_windows(self, places: Collection[tuple[str, str, int]]) -> list[ValuePoint]:
        columns = value_series.c
        query = select(*(columns[name] for name in _VALUE_FIELDS)).order_by(
            columns.endpoint_id, columns.application_name, columns.start_us, columns.name
        )
        points: list[ValuePoint] = []
        with self._database.read() as connection:
            for chunk in chunks(sorted(set(places)), PLACES):
                # Not a tuple in a list: SQLite reads the whole table for that.
                windows = [
                    and_(
                        columns.endpoint_id == endpoint_id,
                        columns.application_name == application_name,
                        columns.start_us == start_us,
                    )
                    for endpoint_id, application_name, start_us in chunk
                ]
                points += [
                    ValuePoint(**row._mapping) for row in connection.execute(query.where(or_(*windows)))
                ]
        return points

    def prune(self, before_us: int) -> None:
        # One endpoint a transaction: no long write lock, and a kill in between costs nothing.
        for table, time in (
            (traffic_series, traffic_series.c.minute_us),
            (value_series, value_series.c.start_us),
        ):
            with self._database.read() as connection:
                old = connection.scalars(select(table.c.endpoint_id).where(time < before_us).distinct()).all()
            for endpoint_id in old:
                with self._database.write() as connection:
                    connection.execute(
                        delete(table).where(table.c.endpoint_id == endpoint_id, time < before_us)
                    )

    def close(self) -> None:
        self._database.close()


def _traffic_row(batch: BatchRange, point: TrafficPoint) -> dict[str, Any]:
    if not math.isfinite(point.estimated_predictions):
        raise RejectedError(
            f"endpoint {point.endpoint_id}: a series holds finite numbers, got {point.estimated_predictions}",
            "estimated_predictions",
        )
    return {
        "endpoint_id": point.endpoint_id,
        "minute_us": point.minute_us,
        "stream_id": batch.stream_id,
        "partition": batch.partition,
        "first": batch.first,
        "last": batch.last,
        **{name: getattr(point, name) for name in _COUNTS},
        "latency_us_max": point.latency_us_max,
        "latency_us_histogram": msgspec.json.encode(point.latency_us_histogram).decode(),
    }


def _value_row(point: ValuePoint) -> dict[str, Any]:
    if not math.isfinite(point.value):  # SQLite would make a null of NaN
        raise RejectedError(
            f"{point.name!r} of app {point.application_name}, endpoint {point.endpoint_id}: a series holds "
            f"finite numbers, got {point.value}",
            "value",
        )
    return {name: getattr(point, name) for name in _VALUE_FIELDS}


def _batch(row: Row[Any]) -> BatchRange:
    return BatchRange(row.stream_id, row.partition, row.first, row.last)


def _summed(rows: Iterator[Row[Any]]) -> list[TrafficPoint]:
    """One point per endpoint and minute of rows sorted by them."""
    return [_sum(key, list(same)) for key, same in groupby(rows, _by_minute)]


def _sum(key: tuple[str, int], rows: Sequence[Row[Any]]) -> TrafficPoint:
    return TrafficPoint(
        *key,
        **{name: sum(getattr(row, name) for row in rows) for name in _COUNTS},
        latency_us_max=max(row.latency_us_max for row in rows),
        latency_us_histogram=_added([msgspec.json.decode(row.latency_us_histogram) for row in rows]),
    )


def _added(histograms: Sequence[Sequence[int]]) -> tuple[int, ...]:
    total = [0] * max(map(len, histograms))
    for histogram in histograms:
        for index, count in enumerate(histogram):
            total[index] += count
    return tuple(total)
