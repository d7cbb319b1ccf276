"""The SQL views say what ModelMon's own readers say, on each database, whatever lies in the tables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, inspect, text, update

from conformance.view_databases import ON
from made_project import APP, HOUR, Made, Shape, make
from modelmon.ledger import acknowledged, heartbeats, registry
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.records import open_records, records_at
from modelmon.ledger.schema import void_ranges, windows
from modelmon.model import (
    BatchRange,
    Heartbeat,
    PartitionProgress,
    TrafficPoint,
    ValuePoint,
    WindowKey,
    WorkerState,
    from_us,
    wall_clock_us,
)
from modelmon.stores.series import open_series
from modelmon.stores.series.acknowledged_points import read_all_values, read_traffic
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointQuery, list_endpoints
from modelmon.views.health import every_health
from modelmon.views.incident_lists import IncidentQuery, list_incidents
from modelmon.views.thresholds import thresholds_of
from modelmon.views.windows import list_windows
from services.mariadb import shared_mariadb

UNTIL_US = wall_clock_us() // HOUR * HOUR
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sql-views.md"
IDS = [f"{number:032x}" for number in range(6)]
ODD = [  # extra data that is no JSON, or JSON that a database's own reader stumbles over
    "", "no object", "[]", '{"potential_threshold": true, "detected_threshold": "0.7"}',
    '{"potential_threshold": NaN}', '{"note": "\\u0000", "potential_threshold": -1.5e-3}',
    '{"detected_threshold" : 7}', '{"potential_threshold": null, "rows": 1}',
    '{"note": "\\"detected_threshold\\": 3", "detected_threshold": 0.25}',
]  # fmt: skip


class Project:
    """A project with everything in it that counts, and everything that does not."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self.database, self.series = open_records(made.settings), open_series(made.settings)
        self._write_values()
        self._write_traffic()
        self._write_states()

    def rows(self, view: str) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            found = connection.execute(text(f"SELECT * FROM modelmon_v1_{view}"))
            return [{name: plain(value) for name, value in row.items()} for row in found.mappings()]

    def _write_values(self) -> None:
        start_us = UNTIL_US - HOUR
        point = ValuePoint(IDS[5], APP, start_us, UNTIL_US, "odd", 0.5, 1, kind=0, status=1)
        odd = [replace(point, name=f"odd_{place}", extra_data=each) for place, each in enumerate(ODD)]
        other = [replace(point, name="feature_drift", revision=revision) for revision in (2, 3)]
        mine = [
            replace(point, application_name="from-mlrun", start_us=start_us + 1, name="x", revision=each)
            for each in (1, 2, 3)
        ]
        self.series.write_values([*odd, *other, *mine])
        with self.database.write() as connection:
            acknowledged.note_reported(connection, WindowKey(IDS[5], "from-mlrun", start_us + 1), 2)
            acknowledged.note_reported(connection, WindowKey(IDS[5], APP, start_us), 3)  # it was answered

    def _write_traffic(self) -> None:
        minute_us = UNTIL_US - HOUR
        point = TrafficPoint(IDS[0], minute_us, 3, 6, 1, 3.0, 3, 3_000_000, 2_500_000, (3,))
        for batch in (
            BatchRange("s", 1, -1, 9), BatchRange("s", 1, 5, 9), BatchRange("s", 1, 10, 12),
            BatchRange("s", 2, 0, 4), BatchRange("s", 3, 0, 4),
        ):  # fmt: skip
            self.series.write_traffic(batch, [point])
        with self.database.write() as connection:
            void = {"stream_id": "s", "partition": 2, "first": 0, "last": 4, "noted_us": 1}
            connection.execute(insert(void_ranges).values(void))

    def _write_states(self) -> None:
        """A window in each state, and functions in some."""
        changes = [
            {"wanted": 2, "sent": 1},
            {"sent": 1, "answered": 0, "check_us": 5},
            {"sent": 1, "answered": 0},
            {"outcome": "failed", "check_us": 5},
            {"outcome": "failed", "incomplete": 3},
        ]
        now_us = wall_clock_us()
        with self.database.write() as connection:
            for place, change in enumerate(changes):
                mine = windows.c.endpoint_id == IDS[0], windows.c.start_us == UNTIL_US - (3 + place) * HOUR
                connection.execute(update(windows).where(*mine).values(**change))
            for name, kind in (("a", "infra"), ("b", "infra"), ("c", "app"), ("d", "serving")):
                registry.put_function(connection, name, kind, {}, deployed=True, now_us=now_us)
            for worker, seconds, state in (("w0", 600, WorkerState.BEHIND), ("w1", 600, WorkerState.READY)):
                heartbeats.put(connection, beat("a", worker, now_us, seconds, state))
            heartbeats.put(connection, beat("b", "w0", now_us - 600_000_000, 30, WorkerState.READY))
            heartbeats.put(connection, beat("c", "w0", now_us, 600, WorkerState.FAILED))


def beat(function: str, worker: str, now_us: int, seconds: int, state: WorkerState) -> Heartbeat:
    mine = int(worker[1:])
    partitions = [
        PartitionProgress(each, 10, 10 - 3 * each - 1, *[10 - 3 * each] * (each == mine)) for each in (0, 1)
    ]
    expires_us = now_us + seconds * 1_000_000
    return Heartbeat(function, worker, "t", state, "", now_us, now_us, expires_us, 1.5, tuple(partitions))


def plain(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?", value):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


@pytest.fixture(scope="module", params=ON)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    shape = Shape(UNTIL_US, endpoints=6, days=2, with_features=0)
    made = make(tmp_path_factory.mktemp("views") / "project", shape, **request.param())
    project = Project(made)
    yield project
    project.series.close()
    project.database.close()


def test_results_and_metrics_are_those_that_count_with_their_thresholds(project: Project) -> None:
    counting = list(read_all_values(project.database, project.series, IDS, 0, UNTIL_US * 2))
    assert {each.revision for each in counting} == {1, 2}
    results = {
        (
            each.endpoint_id, each.application_name, each.name, from_us(each.start_us), from_us(each.end_us),
            each.value, each.status, *thresholds_of(each.extra_data), each.revision,
        )
        for each in counting
        if each.kind is not None
    }  # fmt: skip
    names = (
        "endpoint_id", "application_name", "result_name", "window_start", "window_end", "value", "status",
        "potential_threshold", "detected_threshold", "revision",
    )  # fmt: skip
    rows = project.rows("results")
    assert {tuple(row[name] for name in names) for row in rows} == results
    assert len(rows) == len(results)
    assert {row["kind"] for row in rows} == {"data_drift"}
    assert {row["rows"] for row in rows if row["application_name"] == "from-mlrun"} == {None}
    metrics = [each for each in counting if each.kind is None]
    assert len(project.rows("metrics")) == len(metrics) > 200
    assert sum(row["value"] for row in project.rows("metrics")) == pytest.approx(
        sum(each.value for each in metrics)
    )


def test_traffic_is_that_of_the_batches_that_count(project: Project) -> None:
    counted = {
        (each.endpoint_id, from_us(each.start_us)): (
            each.predictions, each.rows, each.errors, each.latency_count, each.latency_us_sum / 1e6,
            each.latency_us_max / 1e6,
        )
        for each in read_traffic(project.database, project.series, IDS, 0, UNTIL_US * 2)
    }  # fmt: skip
    rows = {(row["endpoint_id"], row["minute"]): row for row in project.rows("traffic")}
    names = ("requests", "rows", "errors", "latency_count", "latency_seconds_sum", "latency_seconds_max")
    assert {key: tuple(row[name] for name in names) for key, row in rows.items()} == counted
    assert rows[IDS[0], from_us(UNTIL_US - HOUR)]["latency_seconds_max"] == 2.5


def test_endpoints_have_the_numbers_of_the_list(project: Project) -> None:
    rows = {row["endpoint_name"]: row for row in project.rows("endpoints")}
    with project.database.read() as connection:
        looking = Looking(project.made.now_us, project.made.settings)
        listed = list_endpoints(connection, looking, EndpointQuery()).endpoints
    assert rows.keys() == {each.endpoint_name for each in listed}
    for each in listed:
        row = rows[each.endpoint_name]
        counts = (each.received, each.stored, each.errors, each.rejected, each.late, each.missing)
        said = ("rows_received", "rows_stored", "rows_errors", "rows_rejected", "rows_late", "events_missing")
        assert tuple(row[name] for name in said) == counts
        assert row["last_request"] == each.last_request
        assert row["last_analyzed"] == max(app.last_analyzed for app in each.apps)
        assert row["status"] == max(verdict.result_status for verdict in each.verdicts)
        assert (row["deleting"], json.loads(row["labels"])) == (None, each.labels)


def test_windows_are_in_the_states_that_the_page_tells(project: Project) -> None:
    rows = {(row["endpoint_id"], row["window_start"]): row for row in project.rows("windows")}
    seen = set()
    for endpoint_id in IDS:
        with project.database.read() as connection:
            page = list_windows(connection, project.made.settings, endpoint_id, APP, limit=200)
        for each in page.windows:
            row = rows.pop((endpoint_id, each.start_infer_time))
            assert (row["state"], row["rows"]) == (each.state.value, each.rows)
            assert row["window_end"] == each.end_infer_time
            seen.add(each.state.value)
    assert rows == {}
    assert seen == {"waiting", "sent", "retrying", "done", "failed"}
    sides = {
        (bool(row["data_begin_inside"]), bool(row["data_end_inside"])) for row in project.rows("windows")
    }
    assert sides == {(False, False), (True, True), (False, True)}


def test_incidents_are_those_of_the_list(project: Project) -> None:
    with project.database.read() as connection:
        listed = list_incidents(connection, project.made.settings, IncidentQuery(limit=100)).incidents
        open_ones = connection.execute(incidents.select().where(incidents.c.resolved_us.is_(None))).all()
    rows = {row["incident_id"]: row for row in project.rows("incidents")}
    assert rows.keys() == {each.incident_id for each in listed}
    for each in listed:
        row = rows[each.incident_id]
        assert (row["state"], row["endpoint_name"]) == (each.state, each.endpoint_name)
        assert (row["first_window"], row["raised"]) == (each.first, each.raised)
        assert (row["resolved"], row["worst_value"]) == (each.resolved, each.result_value)
        assert (row["windows"], row["windows_detected"]) == (each.windows, each.detected_windows)
    counted = {row["endpoint_id"]: row["open_incidents"] for row in project.rows("endpoints")}
    assert sum(counted.values()) == len(open_ones) > 0


def test_functions_are_as_their_workers_said(project: Project) -> None:
    rows = project.rows("functions")
    by_name = {name: [row for row in rows if row["function_name"] == name] for name in "abcd"}
    for each in every_health(project.database, ["a", "b", "c"], wall_clock_us()):
        mine = by_name[each.function]
        assert min(row["healthy"] for row in mine) == int(each.healthy)
        assert each.state in {row["state"] for row in mine}
        if each.state != "not running":
            assert max(row["behind_seconds"] for row in mine) == each.behind_seconds
    behind = {row["worker"]: row["behind_messages"] for row in by_name["a"]}
    assert behind == {"w0": 1, "w1": 4}
    (serving,) = by_name["d"]
    assert [serving[name] for name in ("worker", "state", "healthy", "behind_messages")] == [None] * 4


PROMISED = {
    name: re.findall(r"^\| `(\w+)` \| (\w+) \|", part, re.MULTILINE)
    for name, part in re.findall(
        r"^## modelmon_v1_(\w+)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S
    )
}
TYPES = {
    "timestamp with time zone": "moment", "character varying": "text", "text": "text", "bigint": "integer",
    "integer": "integer", "double precision": "number", "boolean": "truth",
}  # fmt: skip


def test_each_view_has_the_columns_that_are_promised_and_no_more(project: Project) -> None:
    with project.database.read() as connection:
        there = {each for each in inspect(connection).get_view_names() if each.startswith("modelmon_")}
        assert there == {f"modelmon_v1_{name}" for name in PROMISED}
        for name, columns in PROMISED.items():
            found = connection.execute(text(f"SELECT * FROM modelmon_v1_{name}")).keys()
            assert list(found) == [column for column, _ in columns]
        if connection.dialect.name == "postgresql":
            query = "SELECT table_name, column_name, data_type FROM information_schema.columns"
            rows = connection.execute(text(f"{query} WHERE table_name LIKE 'modelmon_v1_%'"))
            types = {(view, column, TYPES[kind]) for view, column, kind in rows}
            promised = ((f"modelmon_v1_{view}", *each) for view, found in PROMISED.items() for each in found)
            assert types == set(promised)


def test_no_view_names_a_feature(project: Project) -> None:
    assert "feature_03" not in json.dumps({name: project.rows(name) for name in PROMISED}, default=str)


@pytest.mark.parametrize("where", ON[2:])
def test_a_role_of_mariadb_reads_the_view_that_the_guide_grants_and_no_table(
    where: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    import pymysql

    guide = (PAGE.parents[1] / "how-to" / "prometheus-and-grafana.md").read_text("utf-8")
    (granted,) = re.findall(r"`(GRANT SELECT ON modelmon\.\w+ TO grafana@'%';)`", guide)
    url = where()["records_url"]
    records_at(url).close()
    name, server = url.rpartition("/")[2], shared_mariadb()
    own = granted.replace("modelmon.", f"{name}.").replace("grafana@'%'", f"{name}@'127.0.0.1'")
    server.sql(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY 'open-sesame'", own)
    login = {"host": "127.0.0.1", "port": server.port, "user": name, "password": "open-sesame"}
    with pymysql.connect(**login, database=name) as connection, connection.cursor() as cursor:
        assert cursor.execute("SELECT * FROM modelmon_v1_endpoints") == 0
        for table in ("endpoints", "modelmon_v1_windows"):
            with pytest.raises(pymysql.err.OperationalError, match="denied"):
                cursor.execute(f"SELECT * FROM {table}")
