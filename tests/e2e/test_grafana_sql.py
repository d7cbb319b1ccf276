"""Every query of the dashboards over SQL runs on a real PostgreSQL, by a role that may read the views alone.

Grafana itself is in no package: `tests/grafana.py` does to a query what it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api_client import ApiClient
from grafana import FILES, expanded, links, read, several, shown_of, targets, variables
from made_functions import make_functions
from made_project import HOUR, Made, Shape, make
from modelmon.model import from_us, wall_clock_us
from services.postgres import NEEDS_POSTGRES, shared_postgres

pytestmark = NEEDS_POSTGRES
GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "prometheus-and-grafana.md"
NOW = from_us(wall_clock_us() // HOUR * HOUR + 300_000_000)
DASHBOARDS = [read(path) for path in FILES if path.parent.name == "postgresql"]
PANELS = [
    pytest.param(dashboard, panel, target, id=f"{dashboard['uid']}: {panel['title']}")
    for dashboard in DASHBOARDS
    for panel, target in targets(dashboard)
]


class Reader:
    """The role of the guide, in the database of a project with everything in it."""

    def __init__(self, folder: Path) -> None:
        import psycopg

        url = shared_postgres().database()
        shape = Shape(int((NOW.timestamp() - 300) * 1_000_000), endpoints=24)
        self.made: Made = make(folder, shape, records_url=url)
        make_functions(self.made.settings)
        name = url.rpartition("/")[2]
        granted, role = statements(name), f"reader_{name}"
        for statement in granted:
            shared_postgres().sql(statement.replace("grafana", role), name)
        own = url.replace("modelmon:", f"{role}:", 1).replace("open-sesame-7", "open-sesame")
        self._connection = psycopg.connect(own, autocommit=True)

    def ask(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        found = self._connection.execute(sql.encode())
        assert found.description is not None
        return [each.name for each in found.description], found.fetchall()

    def chosen(self, dashboard: dict[str, Any]) -> dict[str, str | list[str]]:
        """What each variable of a dashboard is when it is opened: the first value, or all of several."""
        values: dict[str, str | list[str]] = {"page": "", "datasource": "any"}
        for variable in variables(dashboard):
            if variable["type"] == "query":
                names, rows = self.ask(expanded(variable["query"], shown_of(dashboard, NOW), values))
                place = names.index("__value") if "__value" in names else 0
                assert rows, variable["name"]
                assert all(isinstance(row[place], str) and row[place] for row in rows)
                values[variable["name"]] = (
                    [row[place] for row in rows] if variable["multi"] else rows[0][place]
                )
        return values

    def close(self) -> None:
        self._connection.close()


def statements(database: str) -> list[str]:
    """What the guide tells the owner of the database to run."""
    (sql,) = re.findall(
        r"```sql\n *(CREATE ROLE grafana.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL
    )
    return [each.strip() for each in sql.split(";") if each.strip()]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reader = Reader(tmp_path_factory.mktemp("grafana") / "project")
    yield reader
    reader.close()


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


@pytest.mark.parametrize(("dashboard", "panel", "target"), PANELS)
def test_each_query_has_rows_that_grafana_can_draw(
    reader: Reader, dashboard: dict[str, Any], panel: dict[str, Any], target: dict[str, Any]
) -> None:
    values, shown = reader.chosen(dashboard), shown_of(dashboard, NOW)
    names, rows = reader.ask(expanded(target["rawSql"], shown, values, several(dashboard)))
    assert rows
    assert len(set(names)) == len(names)
    numbers = [place for place in range(len(names)) if any(is_number(row[place]) for row in rows)]
    if target["format"] == "time_series":
        time = names.index("time")
        times = [when(row[time]) for row in rows]
        assert times == sorted(times), "Grafana takes lines in the order of time alone"
        assert times[-1] > times[0] or panel["title"] == "Incidents raised"
        assert all(shown.start.timestamp() - 3600 <= each <= shown.end.timestamp() for each in times)
        assert set(numbers) - {time}
        assert not any(isinstance(row[place], Decimal) for row in rows for place in set(numbers) - {time})
    elif panel["type"] == "stat":
        assert (len(rows), len(numbers)) == (1, 1), "one number"


def when(value: Any) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value)


@pytest.mark.parametrize(("dashboard", "panel", "target"), PANELS)
def test_each_name_that_a_panel_gives_words_or_a_link_is_a_column_of_its_query(
    reader: Reader, dashboard: dict[str, Any], panel: dict[str, Any], target: dict[str, Any]
) -> None:
    sql = expanded(target["rawSql"], shown_of(dashboard, NOW), reader.chosen(dashboard), several(dashboard))
    names, _ = reader.ask(sql)
    named = {each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]}
    used = {name for url in links(panel) for name in re.findall(r"__data\.fields\.(\w+)", url)}
    assert named | used <= set(names)


def test_each_link_to_the_page_leads_to_one(reader: Reader) -> None:
    found = {path for dashboard in DASHBOARDS for path in paths(reader, dashboard)}
    client = ApiClient(reader.made.settings)
    assert {path: client.get(path).status_code for path in found} == dict.fromkeys(found, 200)
    client.close()
    tried = {re.sub(r"[0-9a-f]{32}|\d+", "N", path) for path in found}
    assert tried == {f"/projects/made/{each}" for each in ("endpoints/N", "incidents/N", "functions")}


def paths(reader: Reader, dashboard: dict[str, Any]) -> Iterator[str]:
    """Where the links of the first row of each panel lead on the page."""
    values, shown = reader.chosen(dashboard), shown_of(dashboard, NOW)
    for panel, target in targets(dashboard):
        names, rows = reader.ask(expanded(target["rawSql"], shown, values, several(dashboard)))
        for url in links(panel):
            if url.startswith("${page:raw}"):
                for name, value in zip(names, rows[0], strict=True):
                    url = url.replace(f"${{__data.fields.{name}}}", str(value))
                yield expanded(url, shown, values)


def test_the_role_reads_the_views_and_nothing_else(reader: Reader) -> None:
    import psycopg

    for table in ("endpoints", "tokens", "series_values", "dead_letters"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.ask(f"SELECT * FROM {table}")
    for change in ("DELETE FROM windows", "CREATE TABLE mine (a int)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.ask(change)


def test_what_was_granted_stays_when_the_views_are_made_anew(reader: Reader) -> None:
    from modelmon.ledger.records import open_records
    from modelmon.ledger.sql_views import VIEWS
    from modelmon.sql.views import create_views

    database = open_records(reader.made.settings)
    with database.write() as connection:
        create_views(connection, VIEWS)
    database.close()
    assert reader.ask("SELECT count(*) FROM modelmon_v1_endpoints")[1] == [(24,)]


def test_the_list_of_the_fleet_begins_with_what_drifts(reader: Reader) -> None:
    (fleet,) = [each for each in DASHBOARDS if each["uid"] == "modelmon-fleet-pg"]
    (sql,) = [
        target["rawSql"] for panel, target in targets(fleet) if panel["title"].startswith("Endpoints, ")
    ]
    names, rows = reader.ask(expanded(sql, shown_of(fleet, NOW), reader.chosen(fleet)))
    first, second = (dict(zip(names, row, strict=True)) for row in rows[:2])
    assert {first["endpoint_name"], second["endpoint_name"]} == {"model-0000", "model-0020"}
    assert (first["status"], first["open_incidents"], second["status"]) == (2, 1, 2)
    assert first["bad_since"].astimezone(UTC) < NOW
