"""Upserts and types in the words of each database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_mock_engine
from sqlalchemy.dialects import mysql, postgresql, sqlite

from modelmon.ledger import schema
from modelmon.ledger.schema import dead_letters, dirty, verdicts
from modelmon.sql.statements import insert_missing, upsert
from modelmon.stores.series import schema as series_schema

TABLES = [*schema.metadata.sorted_tables, *series_schema.metadata.sorted_tables]


class Recorder:
    """A connection that keeps the statement it is given, in its dialect's words."""

    def __init__(self, dialect: Any) -> None:
        self.dialect = dialect
        self.sql = ""

    def execute(self, statement: Any, rows: Any) -> None:
        self.sql = " ".join(str(statement.compile(dialect=self.dialect)).split())


POSTGRESQL, MYSQL, SQLITE = postgresql.dialect(), mysql.dialect(), sqlite.dialect()
ROW = {"endpoint_id": "e", "minute_us": 0, "version": 1, "rows": 2}


def _upsert(dialect: Any, **options: Any) -> str:
    recorder = Recorder(dialect)
    upsert(recorder, dirty, [ROW], **options)  # type: ignore[arg-type]
    return recorder.sql


@pytest.mark.parametrize("dialect", [POSTGRESQL, SQLITE], ids=lambda dialect: dialect.name)
def test_an_upsert_names_the_primary_key_as_what_conflicts(dialect: Any) -> None:
    sql = _upsert(dialect, add=["rows"], keep=["version"])
    assert "ON CONFLICT (endpoint_id, minute_us) DO UPDATE SET rows = (dirty.rows + excluded.rows)" in sql
    assert "version =" not in sql
    assert _upsert(dialect, not_below="version").endswith("WHERE excluded.version >= dirty.version")
    assert _upsert(dialect, keep=["version", "rows"]).endswith("(endpoint_id, minute_us) DO NOTHING")


def test_mysql_changes_the_compared_column_last() -> None:
    sql = _upsert(MYSQL, not_below="version")
    assert (
        "ON DUPLICATE KEY UPDATE `rows` = CASE WHEN" in sql
        or "ON DUPLICATE KEY UPDATE rows = CASE WHEN" in sql
    )
    assert sql.index("rows = CASE" if "rows = CASE" in sql else "`rows` = CASE") < sql.index("version = CASE")
    assert "ON DUPLICATE KEY UPDATE" in _upsert(MYSQL, add=["version"], smallest=["rows"])
    assert "ON DUPLICATE KEY UPDATE" in _upsert(MYSQL, keep=["version", "rows"])


@pytest.mark.parametrize("dialect", [POSTGRESQL, MYSQL, SQLITE], ids=lambda dialect: dialect.name)
def test_missing_rows_are_inserted_and_others_left(dialect: Any) -> None:
    recorder = Recorder(dialect)
    insert_missing(recorder, dirty, [ROW])  # type: ignore[arg-type]
    words = {"mysql": "ON DUPLICATE KEY UPDATE endpoint_id = dirty.endpoint_id"}
    assert recorder.sql.endswith(words.get(dialect.name, "ON CONFLICT (endpoint_id, minute_us) DO NOTHING"))


def test_mysql_is_told_to_keep_every_letter_and_digit() -> None:
    columns = {
        column.name: column.type.compile(MYSQL)
        for column in (*verdicts.c, *dead_letters.c)
        if column.name in ("name", "value", "extra_data", "body")
    }
    exact = "CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"
    assert columns == {
        "name": f"VARCHAR(255) {exact}", "value": "DOUBLE", "extra_data": f"LONGTEXT {exact}",
        "body": "LONGBLOB",
    }  # fmt: skip


def test_a_primary_key_fits_into_mysqls_longest() -> None:
    def key_bytes(column: Any) -> int:
        return 4 * column.type.length if getattr(column.type, "length", None) else 8

    for table in TABLES:
        assert sum(map(key_bytes, table.primary_key)) <= 3072, table.name


@pytest.mark.parametrize("database", ["postgresql+psycopg", "sqlite"])
def test_windows_that_wait_for_nothing_are_in_no_index_of_those_that_do(database: str) -> None:
    made: list[str] = []

    def execute(statement: Any, *_: Any, **__: Any) -> None:
        made.append(str(statement.compile(dialect=engine.dialect)))

    engine = create_mock_engine(f"{database}://", execute)
    schema.metadata.create_all(engine, checkfirst=False)
    (index,) = [each for each in made if "windows_waiting" in each]
    assert index.endswith("(endpoint_id, watermark_us) WHERE watermark_us > 0")
