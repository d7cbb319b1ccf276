"""Databases of every schema that ModelMon has had become the newest one, with what is in them.

`fixtures/schemas/<database>-<version>.sql` was made from that version's tables, with two rows in each. 4 is
the first that was given to others, and the first that servers could hold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Index, MetaData, Table, create_engine, inspect, select, update

from modelmon.ledger import answers
from modelmon.ledger.migrations import SCHEMA as RECORDS_SCHEMA
from modelmon.ledger.records import open_records, records_at
from modelmon.ledger.reports import AppReport
from modelmon.model import Answer, ValuePoint, WindowKey
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series import open_series
from modelmon.stores.series.migrations import SCHEMA as SERIES_SCHEMA
from modelmon.views.incident_lists import ended_incidents, open_incidents
from modelmon.views.incidents import history_of
from services.mariadb import NEEDS_MARIADB, shared_mariadb
from services.postgres import NEEDS_POSTGRES, shared_postgres

FIXTURES = Path(__file__).parents[1] / "fixtures" / "schemas"
MOVED = {"traffic_series": "series_traffic", "value_series": "series_values", "alerts": "incidents"}
ENDED = {"compactions"}  # what was under way in an upgrade, which the next tick begins anew


def sqlite(folder: Path, script: str) -> str:
    connection = sqlite3.connect(folder / "records.db")
    connection.executescript(script)
    connection.close()
    return f"sqlite:///{folder}/records.db"


def postgresql(folder: Path, script: str) -> str:
    import psycopg

    url = shared_postgres().database()
    with psycopg.connect(url, autocommit=True) as connection:
        if script:
            connection.execute(script.encode())
    return url


def mariadb(folder: Path, script: str) -> str:
    url = shared_mariadb().database()
    name = url.rpartition("/")[2]
    letters = f"ALTER DATABASE {name} CHARACTER SET utf8mb4"  # without it 0.1.0 kept no other letters
    shared_mariadb().sql(letters, f"USE {name}", *filter(None, script.split(";\n")))
    return url


OLD = [
    *(pytest.param(sqlite, version, id=f"sqlite-{version}") for version in (1, 2, 3, 4)),
    pytest.param(postgresql, 4, id="postgresql-4", marks=NEEDS_POSTGRES),
    pytest.param(mariadb, 4, id="mariadb-4", marks=NEEDS_MARIADB),
]
DATABASES = [sqlite, *(pytest.param(each.values[0], marks=each.marks) for each in OLD[-2:])]


@dataclass
class Content:
    """What is in a database: per table its columns, key and indexes, and its rows by its key; its views."""

    tables: dict[str, Any]
    views: dict[str, Any]
    rows: dict[str, list[dict[str, Any]]]


def content(url: str) -> Content:
    scheme, _, place = url.partition("://")
    driver = {"postgresql": "+psycopg", "mariadb": "+pymysql"}.get(scheme, "")
    engine = create_engine(f"{scheme}{driver}://{place}")
    with engine.connect() as connection:
        found = inspect(connection)
        names = found.get_table_names()
        tables = {name: described(found, connection.dialect, name) for name in names}
        rows = {name: rows_of(connection, name) for name in names}
        views = {name: [each["name"] for each in found.get_columns(name)] for name in found.get_view_names()}
    engine.dispose()
    return Content(tables, views, rows)


def described(found: Any, dialect: Any, name: str) -> Any:
    columns = {
        each["name"]: (each["type"].compile(dialect), each["nullable"]) for each in found.get_columns(name)
    }
    indexes = {each["name"]: (each["column_names"], each["unique"]) for each in found.get_indexes(name)}
    return columns, found.get_pk_constraint(name)["constrained_columns"], indexes


def rows_of(connection: Connection, name: str) -> list[dict[str, Any]]:
    table = Table(name, MetaData(), autoload_with=connection)
    rows = [dict(row) for row in connection.execute(select(table)).mappings()]
    return sorted(rows, key=lambda row: [row[column.name] for column in table.primary_key])


def open_both(url: str) -> None:
    records_at(url).close()
    Database(url, SERIES_SCHEMA).close()


@pytest.mark.slow
@pytest.mark.parametrize(("make", "version"), OLD)
def test_an_old_database_becomes_a_new_one_and_keeps_its_rows(
    make: Callable[[Path, str], str], version: int, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    script = (FIXTURES / f"{make.__name__}-{version}.sql").read_text(encoding="utf-8")
    url, new = make(tmp_path / "old", script), make(tmp_path / "new", "")
    before = content(url)
    open_both(url)
    open_both(new)
    after = content(url)
    assert after.tables == content(new).tables
    assert after.views == content(new).views
    assert len(after.views) == 7
    assert before.rows.keys() - ENDED - MOVED.keys() <= after.rows.keys()
    for name, rows in before.rows.items():
        if name in MOVED:
            assert len(after.rows[MOVED[name]]) == len(rows) > 0
        elif name not in {*ENDED, "schema_versions"}:
            assert [same_columns(row, rows[0]) for row in after.rows[name]] == rows != []


def same_columns(row: dict[str, Any], as_in: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in as_in}


@pytest.mark.slow
@pytest.mark.parametrize(("make", "version"), OLD)
def test_every_step_is_written_down_once(
    make: Callable[[Path, str], str], version: int, tmp_path: Path
) -> None:
    script = (FIXTURES / f"{make.__name__}-{version}.sql").read_text(encoding="utf-8")
    url = make(tmp_path, script)
    open_both(url)
    open_both(url)
    found = [row["version"] for row in content(url).rows["schema_versions"]]
    assert found == list(range(1, RECORDS_SCHEMA.version + 1))


@pytest.mark.slow
@pytest.mark.parametrize(("make", "version"), OLD)
def test_series_that_are_opened_before_the_records_have_their_views(
    make: Callable[[Path, str], str], version: int, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    script = (FIXTURES / f"{make.__name__}-{version}.sql").read_text(encoding="utf-8")
    for url in (make(tmp_path / "old", script), make(tmp_path / "new", "")):
        open_series(Settings(records_url=url)).close()
        assert len(content(url).views) == 7


def test_series_without_the_records_have_no_views_and_the_records_have_theirs(tmp_path: Path) -> None:
    records, series = (f"sqlite:///{tmp_path}/{name}.db" for name in ("records", "series"))
    settings = Settings(records_url=records, series_url=series)
    open_records(settings).close()
    open_series(settings).close()
    assert content(series).views == {}
    assert set(content(records).views) == {
        f"modelmon_v1_{name}" for name in ("endpoints", "windows", "incidents", "functions")
    }


@pytest.mark.slow
@pytest.mark.parametrize("make", DATABASES)
def test_the_indexes_of_incidents_are_made_anew(make: Callable[[Path, str], str], tmp_path: Path) -> None:
    url = make(tmp_path, "")
    open_both(url)
    new = content(url).tables
    before_ended_ones_were_in_order(url)
    assert content(url).tables != new
    open_both(url)
    assert content(url).tables == new


def before_ended_ones_were_in_order(url: str) -> None:
    """The database as the step to 14 left it."""
    database = records_at(url)
    with database.write() as connection:
        found = Table("incidents", MetaData(), autoload_with=connection)
        for index in found.indexes:
            if "state" in index.columns:
                index.drop(connection)
        columns = (found.c[name] for name in ("endpoint_id", "application_name", "resolved_us", "ended_us"))
        Index("incidents_of_app", *columns).create(connection)
        versions = Table("schema_versions", MetaData(), autoload_with=connection)
        connection.execute(update(versions).values(version=14))
    database.close()


HOUR_US = 3_600_000_000
COLUMNS = "endpoint_id, application_name, name, start_us, kind, severity, value, revision, detail, raised_us"


def alert(hour: int, found: str, value: str, raised: int, resolved: str, name: str = "drift") -> str:
    """An alert of 0.1.0's writer: one window, raised and resolved at these moments of the wall clock."""
    row = (
        f"'e', 'app', '{name}', {hour * HOUR_US}, '{found}', 'high', {value}, 1, '{{}}', {raised}, {resolved}"
    )
    return f"INSERT INTO alerts ({COLUMNS}, resolved_us) VALUES ({row});\n"


def test_alerts_of_one_trouble_become_one_incident_and_open_ones_stay_open(tmp_path: Path) -> None:
    script = (FIXTURES / "sqlite-4.sql").read_text(encoding="utf-8")
    alerts = [
        "DELETE FROM alerts;\n",
        alert(1, "data-drift-suspected", "0.6", 10, "20"),  # calm came at 20
        alert(3, "data-drift-suspected", "0.6", 30, "40"),  # replaced, at 40, by
        alert(4, "data-drift-detected", "0.9", 40, "NULL"),
        alert(5, "data-drift-detected", "0.8", 50, "NULL"),
        alert(5, "mm-app-failed", "NULL", 50, "NULL", name=""),
    ]
    body, _, end = script.rpartition("COMMIT;")
    url = sqlite(tmp_path, body + "".join(alerts) + "COMMIT;" + end)
    open_both(url)
    database = records_at(url)
    with database.read() as connection:
        ended, found = (read(connection, Settings()) for read in (ended_incidents, open_incidents))
        histories = [history_of(connection, Settings(), each.incident_id) for each in found]
    assert [(each.state, each.windows) for each in ended] == [("resolved", 1)]
    assert {(each.kind, each.state, each.result_value, each.windows) for each in found} == {
        ("data-drift-detected", "escalated", 0.9, 3), ("mm-app-failed", "raised", None, 1),
    }  # fmt: skip
    assert sorted(len(each.windows) for each in histories if each) == [1, 3]
    calm = AppReport(WindowKey("e", "app", 6 * HOUR_US), "m", 7 * HOUR_US, 1, answer=Answer("done"), values=(
        ValuePoint("e", "app", 6 * HOUR_US, 7 * HOUR_US, "drift", 0.1, 1, kind=0, status=0),
    ))  # fmt: skip
    with database.write() as connection:
        answers.apply(connection, calm, 60, 3)
        assert open_incidents(connection, Settings()) == []
    database.close()
