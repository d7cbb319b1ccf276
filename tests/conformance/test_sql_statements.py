"""What a statement and a type of column keep on every database, in a table of the test's own: no ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, select

from conformance.store_backends import RECORDS
from modelmon.sql.statements import chunks, insert_missing, upsert
from modelmon.sql.types import BIG, REAL, Name

noted = Table(
    "noted", MetaData(),
    Column("name", Name(255), primary_key=True),
    Column("minute", BIG, primary_key=True),
    Column("version", Integer),
    Column("rows", BIG),
    Column("value", REAL),
)  # fmt: skip


@pytest.fixture(params=RECORDS)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    database = request.param(tmp_path)
    with database.write() as connection:
        noted.metadata.drop_all(connection)  # a server's database is shared, and a test may have been killed
        noted.metadata.create_all(connection)
    with database.write() as connection:
        yield connection
    with database.write() as connection:
        noted.metadata.drop_all(connection)
    database.close()


def row(rows: int | None, version: int = 1, minute: int = 0) -> dict[str, Any]:
    return {"name": "e", "minute": minute, "version": version, "rows": rows}


def stands(connection: Connection) -> list[tuple[Any, ...]]:
    """Version and rows of each minute."""
    found = select(noted.c.version, noted.c.rows).order_by(noted.c.minute)
    return [tuple(each) for each in connection.execute(found)]


def test_an_upsert_sets_adds_and_keeps(connection: Connection) -> None:
    upsert(connection, noted, [])
    for options, rows in (({}, 4), ({"add": ["rows"]}, 8), ({"keep": ["rows"]}, 8)):
        upsert(connection, noted, [row(4)], **options)
        assert stands(connection) == [(1, rows)]
    upsert(connection, noted, [row(2), row(3)], add=["version", "rows"])
    assert stands(connection) == [(3, 13)]
    insert_missing(connection, noted, [row(99), row(5, minute=60)])
    assert stands(connection) == [(3, 13), (1, 5)]


def test_an_upsert_ignores_rows_below_the_stored_version(connection: Connection) -> None:
    for version, rows, left in ((2, 1, (2, 1)), (1, 5, (2, 1)), (2, 6, (2, 6)), (3, 7, (3, 7))):
        upsert(connection, noted, [row(rows, version)], not_below="version")
        assert stands(connection) == [left]


@pytest.mark.parametrize(
    ("option", "left"), [("smallest", [None, 5, 5, 3, 3]), ("largest", [None, 5, 5, 5, 9])]
)
def test_the_smallest_and_largest_ignore_null(
    connection: Connection, option: str, left: list[int | None]
) -> None:
    for value, expected in zip((None, 5, None, 3, 9), left, strict=True):
        upsert(connection, noted, [row(value)], **{option: ["rows"]})
        assert stands(connection) == [(1, expected)]


LETTERS = (
    "",
    " ",
    "A",
    "Drift",
    "a",
    "a ",
    "a\u0301",
    "drift",
    "grosse",
    "größe",
    "á",
    "ä",
    "温度",
    "\U0001f600",
)


def test_names_are_keys_to_the_letter_and_in_pythons_order(connection: Connection) -> None:
    upsert(connection, noted, [{**row(place), "name": name} for place, name in enumerate(LETTERS)])
    found = connection.execute(select(noted.c.name, noted.c.rows).order_by(noted.c.name))
    assert [tuple(each) for each in found] == sorted((name, place) for place, name in enumerate(LETTERS))


@pytest.mark.parametrize("value", [-1e300, 5e-324, 0.1 + 0.2, 1.7976931348623157e308, -0.0])
def test_a_number_is_kept_to_its_last_digit(connection: Connection, value: float) -> None:
    upsert(connection, noted, [{**row(1), "value": value}])
    assert connection.scalar(select(noted.c.value)) == value


def test_chunks_hold_everything_in_order() -> None:
    assert list(chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunks([])) == []
