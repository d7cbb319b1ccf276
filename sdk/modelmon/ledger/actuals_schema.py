"""The tables of the actuals: which files hold them, which of them wait, and where predictions are found."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table

from modelmon.ledger.file_tables import file_table
from modelmon.ledger.metadata import NAME, metadata
from modelmon.sql.types import BIG, BYTES, LongText, Name

actual_files = file_table("actual_files")

actual_counts = Table(  # rows, one line an endpoint that got actuals: received = stored + waiting + expired
    "actual_counts", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("received", BIG, nullable=False),
    Column("stored", BIG, nullable=False),  # each beside its prediction, corrections too
    Column("waiting", BIG, nullable=False),  # for their prediction; upkeep lowers it, too
    Column("expired", BIG, nullable=False),  # waited too long, or were erased while they waited; by upkeep
    Column("received_us", BIG, nullable=False),  # wall clock of the newest commit with some
)  # fmt: skip

waiting_actuals = Table(  # written by the stream function; upkeep deletes what has waited too long
    "waiting_actuals", metadata,
    Column("stream_id", Name(64), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BIG, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("place", Integer, primary_key=True),  # within its item
    Column("endpoint_id", Name(64), nullable=False),
    Column("key_hash", BIG),  # of request id and row; null: named by an entity
    Column("request_id", LongText, nullable=False),
    Column("row", Integer, nullable=False),
    Column("entity", Name(NAME), nullable=False),
    Column("entity_value", LongText, nullable=False),
    Column("since_us", BIG),
    Column("until_us", BIG),
    Column("actuals", LongText, nullable=False),  # by the name of the prediction, as JSON
    Column("arrived_us", BIG, nullable=False),
    Index("waiting_actuals_by_key", "endpoint_id", "key_hash"),
    Index("waiting_actuals_by_arrival", "arrived_us"),
)  # fmt: skip

row_index = Table(  # where rows of a sample file are, by the hash of request id and row; made when needed
    "row_index", metadata,
    Column("path", Name(512), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("endpoint_id", Name(64), nullable=False),
    Column("entries", BYTES, nullable=False),
    Index("row_index_by_endpoint", "endpoint_id", "path"),
)  # fmt: skip

app_requirements = Table(  # what an app asks for beside the sample; it says so itself when it starts
    "app_requirements", metadata,
    Column("application_name", Name(NAME), primary_key=True),
    Column("requirement", Name(64), primary_key=True),
)  # fmt: skip

ACTUALS_TABLES = (actual_files, actual_counts, waiting_actuals, row_index, app_requirements)
