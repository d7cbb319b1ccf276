"""The time series in SQL, in tables of their own; the database may be that of the records."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Select, Table, bindparam, delete, select

from modelmon.model import MINUTE_US, BatchRange, TrafficPoint, ValuePoint, WindowFeatures, WindowKey
from modelmon.settings import Settings
from modelmon.sql.database import Database, database_of
from modelmon.sql.statements import chunks, of_windows, upsert
from modelmon.stores.series import packing
from modelmon.stores.series.base import (
    LATEST_US,
    SeriesStore,
    check_features,
    check_traffic,
    check_values,
)
from modelmon.stores.series.migrations import BESIDE_THE_RECORDS, SCHEMA
from modelmon.stores.series.old_points import old_parts
from modelmon.stores.series.schema import series_features, series_traffic, series_values
from modelmon.stores.series.traffic import Fold, Stored, folds, summed

_COUNTS = (
    "predictions", "rows", "errors", "estimated_predictions", "latency_count", "latency_us_sum",
    "latency_us_max",
)  # fmt: skip
_VALUE = ("name", "window_end", "value", "kind", "status", "extra_data")
_by_place = attrgetter("endpoint_id", "application_name", "start_us", "name")
_TIMES = (
    (series_traffic, series_traffic.c.minute),
    (series_values, series_values.c.window_start),
    (series_features, series_features.c.window_start),
)
_FOLDED_AT_ONCE = 1_000  # minutes of one transaction
_PRUNED_AT_ONCE = 20  # endpoints, or endpoints and apps, of one
_TRAFFIC_KEY = tuple(series_traffic.primary_key)


def open(url: str, settings: Settings) -> SeriesStore:  # noqa: A001 - the hook's name
    """The series in the database at this SQLAlchemy URL, made or migrated when needed."""
    beside = settings.series_url in ("", settings.records_url)
    return SqlSeries(database_of(settings, "series_url", BESIDE_THE_RECORDS if beside else SCHEMA))


class SqlSeries(SeriesStore):
    """Series in a database that has their tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write_traffic(self, batch: BatchRange, points: Sequence[TrafficPoint]) -> None:
        check_traffic(points)
        self._write(series_traffic, [_traffic_row(Stored(batch, point)) for point in points])

    def read_traffic(
        self,
        endpoint_ids: Collection[str],
        start_us: int,
        end_us: int,
        *,
        bucket_us: int = MINUTE_US,
        void: Collection[BatchRange] = (),
    ) -> list[TrafficPoint]:
        points: list[TrafficPoint] = []
        with self._database.read() as connection:
            for chunk in chunks(sorted(set(endpoint_ids))):
                rows = connection.execute(_traffic_between(chunk, start_us, end_us))
                points += summed(map(_stored, rows), bucket_us, void)
        return points

    def fold_traffic(
        self,
        endpoint_ids: Collection[str],
        start_us: int,
        end_us: int,
        applied: Mapping[tuple[str, int], int],
        void: Collection[BatchRange],
    ) -> int:
        return sum(
            self._fold(endpoint_id, start_us, end_us, applied, void)
            for endpoint_id in sorted(set(endpoint_ids))
        )

    def write_values(self, points: Sequence[ValuePoint]) -> None:
        check_values(points)
        self._write(series_values, [_value_row(point) for point in points])

    def read_values(
        self, windows: Mapping[WindowKey, int], names: Collection[str] | None = None
    ) -> list[ValuePoint]:
        query = select(*_window_key(series_values), *(series_values.c[name] for name in _VALUE))
        if names is not None:
            query = query.where(series_values.c.name.in_(sorted(names)))
        points = [
            ValuePoint(*key, end_us, name, value, revision, *rest)
            for key, revision, (name, end_us, value, *rest) in self._of_windows(query, series_values, windows)
        ]
        return sorted(points, key=_by_place)

    def write_features(self, windows: Sequence[WindowFeatures]) -> None:
        check_features(windows)
        self._write(series_features, [_features_row(each) for each in windows])

    def read_features(
        self, windows: Mapping[WindowKey, int], names: Collection[str] | None = None
    ) -> list[WindowFeatures]:
        columns = series_features.c
        query = select(*_window_key(series_features), columns.window_end, columns.features)
        found = [
            WindowFeatures(key, end_us, revision, packing.unpack(features, names))
            for key, revision, (end_us, features) in self._of_windows(query, series_features, windows)
        ]
        return sorted(found, key=attrgetter("key"))

    def prune(self, before_us: int) -> None:
        # A few parts a transaction: no long write lock, and a kill in between costs nothing.
        for table, time in _TIMES:
            with self._database.read() as connection:
                parts = old_parts(connection, table, time, _bound(before_us))
            for page in chunks(parts, _PRUNED_AT_ONCE):
                with self._database.write() as connection:
                    _delete(connection, table, page, time < _bound(before_us))

    def forget(self, endpoint_id: str) -> None:
        for table, _ in _TIMES:
            with self._database.write() as connection:
                connection.execute(delete(table).where(table.c.endpoint_id == endpoint_id))

    def close(self) -> None:
        self._database.close()

    def _write(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            with self._database.write() as connection:
                upsert(connection, table, rows)

    def _of_windows(
        self, query: Select[Any], table: Table, windows: Mapping[WindowKey, int]
    ) -> Iterator[tuple[WindowKey, int, Sequence[Any]]]:
        """Key, revision and the other columns of every row that is of the revision asked for."""
        with self._database.read() as connection:
            for places in of_windows(table, windows, "window_start"):
                for endpoint_id, name, start_us, revision, *rest in connection.execute(query.where(*places)):
                    key = WindowKey(endpoint_id, name, start_us)
                    if windows.get(key) == revision:
                        yield key, revision, rest

    def _fold(
        self,
        endpoint_id: str,
        start_us: int,
        end_us: int,
        applied: Mapping[tuple[str, int], int],
        void: Collection[BatchRange],
    ) -> int:
        with self._database.read() as connection:
            stored = map(_stored, connection.execute(_traffic_between([endpoint_id], start_us, end_us)))
            found = list(folds(stored, applied, void))
        for page in chunks(found, _FOLDED_AT_ONCE):
            with self._database.write() as connection:
                _replace(connection, page)
        return sum(len(fold.of) - 1 for fold in found)


def _replace(connection: Connection, page: Sequence[Fold]) -> None:
    upsert(connection, series_traffic, [_traffic_row(fold.instead) for fold in page])
    gone = [_traffic_key(each) for fold in page for each in fold.of if each.batch != fold.instead.batch]
    _delete(connection, series_traffic, gone)


def _delete(
    connection: Connection, table: Table, parts: Sequence[Mapping[str, Any]], *conditions: ColumnElement[bool]
) -> None:
    """Delete the rows that have the values of one of these parts, in the same columns each."""
    if parts:
        same = (table.c[name] == bindparam(f"a_{name}") for name in parts[0])
        values = [{f"a_{name}": value for name, value in part.items()} for part in parts]
        connection.execute(delete(table).where(*same, *conditions), values)


def _bound(moment_us: int) -> int:
    """The bound of a read, where a column can be compared with it."""
    return min(max(moment_us, 0), LATEST_US)


def _traffic_between(endpoint_ids: Sequence[str], start_us: int, end_us: int) -> Select[Any]:
    columns = series_traffic.c
    return (
        select(*_TRAFFIC_KEY, *(columns[name] for name in (*_COUNTS, "latency_us_histogram")))
        .where(columns.endpoint_id.in_(endpoint_ids))
        .where(columns.minute >= _bound(start_us), columns.minute < _bound(end_us))
        .order_by(columns.endpoint_id, columns.minute)
    )


def _window_key(table: Table) -> Sequence[Column[Any]]:
    columns = table.c
    return columns.endpoint_id, columns.application_name, columns.window_start, columns.revision


def _traffic_key(stored: Stored) -> dict[str, Any]:
    batch = stored.batch
    return {
        "endpoint_id": stored.point.endpoint_id, "minute": stored.point.start_us,
        "stream_id": batch.stream_id, "partition": batch.partition, "first": batch.first, "last": batch.last,
    }  # fmt: skip


def _traffic_row(stored: Stored) -> dict[str, Any]:
    return {
        **_traffic_key(stored),
        **{name: getattr(stored.point, name) for name in _COUNTS},
        "latency_us_histogram": msgspec.json.encode(stored.point.latency_us_histogram).decode(),
    }


def _stored(row: Sequence[Any]) -> Stored:
    endpoint_id, minute_us, stream_id, partition, first, last = row[:6]
    counts = [*row[6:-1], tuple(msgspec.json.decode(row[-1]))]
    point = TrafficPoint(endpoint_id, minute_us, *counts)
    return Stored(BatchRange(stream_id, partition, first, last), point)


def _value_row(point: ValuePoint) -> dict[str, Any]:
    return {
        "endpoint_id": point.endpoint_id, "application_name": point.application_name,
        "window_start": point.start_us, "window_end": point.end_us, "name": point.name,
        "revision": point.revision, "value": point.value, "kind": point.kind, "status": point.status,
        "extra_data": point.extra_data,
    }  # fmt: skip


def _features_row(window: WindowFeatures) -> dict[str, Any]:
    return {
        "endpoint_id": window.key.endpoint_id, "application_name": window.key.application_name,
        "window_start": window.key.start_us, "window_end": window.end_us, "revision": window.revision,
        "features": packing.pack(window.features),
    }  # fmt: skip
