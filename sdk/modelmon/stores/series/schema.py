"""The tables of the time series in SQL; `migrations.py` says how one version becomes the next.

A moment is a column of the database's own kind, for tools that draw. Without row ids SQLite keeps the rows in
the key's own tree: a third less space, and spans lie together.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, Table

from modelmon.sql.time_columns import Moment
from modelmon.sql.types import BIG, REAL, LongText, Name

metadata = MetaData()
NAME = 255

series_versions = Table(
    "series_versions", metadata,
    Column("version", Integer, primary_key=True),
    Column("migrated_us", BIG, nullable=False),
)  # fmt: skip

series_traffic = Table(  # what one batch saw in one minute; `first` is -1 where many were folded
    "series_traffic", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("minute", Moment, primary_key=True),
    Column("stream_id", Name(64), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("first", BIG, primary_key=True),
    Column("last", BIG, primary_key=True),
    Column("predictions", BIG, nullable=False),
    Column("rows", BIG, nullable=False),
    Column("errors", BIG, nullable=False),
    Column("estimated_predictions", REAL, nullable=False),
    Column("latency_count", BIG, nullable=False),
    Column("latency_us_sum", BIG, nullable=False),
    Column("latency_us_max", BIG, nullable=False),
    Column("latency_us_histogram", LongText, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

series_values = Table(  # metrics and results
    "series_values", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("window_start", Moment, primary_key=True),
    Column("name", Name(NAME), primary_key=True),
    Column("revision", BIG, primary_key=True),
    Column("window_end", Moment, nullable=False),
    Column("value", REAL, nullable=False),
    Column("kind", Integer),  # null: a metric
    Column("status", Integer),
    Column("extra_data", LongText, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

series_features = Table(  # one row a window, of all its features: a row each would be mostly key
    "series_features", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("window_start", Moment, primary_key=True),
    Column("revision", BIG, primary_key=True),
    Column("window_end", Moment, nullable=False),
    Column("features", LongText, nullable=False),  # {name: [score, rows, missing, mean, share]}
    sqlite_with_rowid=False,
)  # fmt: skip
