"""Actuals of a frame, a file or a request come onto the events stream, or nothing does and it is said why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from api_client import ApiClient
from modelmon.cli import app
from modelmon.client import RemoteProject
from modelmon.errors import ConfigError
from modelmon.ledger import endpoints
from modelmon.ledger.records import open_records
from modelmon.model import Endpoint, to_us
from modelmon.model_monitoring.actuals import LoggedActuals
from modelmon.project import Project, get_or_create_project
from modelmon.streams import open_stream
from modelmon.wire import Actuals, read_message

THEN = datetime(2025, 1, 31, 10, tzinfo=UTC)
FRAME = pd.DataFrame({"request_id": ["a", "b", "c"], "late": [1.0, float("nan"), 0.0]})


def made(folder: Path) -> Project:
    project = get_or_create_project("flights", folder)
    database = open_records(project.settings)
    with database.write() as connection:
        for endpoint_id, name in (("e1", "delay:v1"), ("e2", "twin"), ("e3", "twin")):
            labels = ("late", "delay")
            found = Endpoint(endpoint_id, "flights", name, feature_names=("x",), label_names=labels)
            endpoints.put(connection, found, 0)
    database.close()
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return made(tmp_path)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that nothing is sent to: all of it is refused."""
    return made(tmp_path_factory.mktemp("quiet"))


@pytest.fixture(scope="module")
def quiet_client(quiet: Project) -> Iterator[ApiClient]:
    client = ApiClient(quiet.settings)
    yield client
    client.close()


def sent(project: Project) -> list[Actuals]:
    """What is on the events stream."""
    stream = open_stream(project.settings.events_url, project.settings.events_partitions, project.settings)
    ends = stream.end_offsets()
    found = [
        each for partition, end in ends.items() if end for each in stream.read(partition, 0, end, 10_000)
    ]
    stream.close()
    items = [item for each in found for item in read_message(each.body)]
    assert all(isinstance(item, Actuals) for item in items), items
    return items  # type: ignore[return-value]


@pytest.mark.parametrize("made", [pd.DataFrame, pa.table])
def test_a_frame_of_any_kind_is_logged_and_gaps_are_left_out(project: Project, made: Any) -> None:
    frame = made({"request_id": ["a", "b", 3 and "c"], "late": [1, None, 0]})
    assert project.log_actuals("delay:v1", frame) == LoggedActuals("e1", 2, 1, 1, without_prediction=2)
    (event,) = sent(project)
    assert (event.endpoint_id, event.request_ids, event.rows) == ("e1", ["a", "c"], [0, 0])
    assert event.columns == {"late": [1, 0]}


def test_scalars_of_numpy_among_objects_are_what_they_are(project: Project) -> None:
    mixed = pd.Series([np.int64(3), np.bool_(True), np.float32(0.5), None], dtype=object)
    project.log_actuals("e1", pd.DataFrame({"request_id": list("abcd"), "late": mixed}))
    assert sent(project)[0].columns == {"late": [3, True, 0.5]}


def test_a_long_frame_is_cut_into_events(project: Project) -> None:
    count = 2_500
    frame = pd.DataFrame({"request_id": range(count), "row": [1] * count, "Delay": [0.5] * count})
    assert project.log_actuals("e1", frame) == LoggedActuals("e1", count, 3, without_prediction=count)
    found = sent(project)
    assert [len(each) for each in found] == [1_000, 1_000, 500]
    assert [request for each in found for request in each.request_ids] == list(map(str, range(count)))
    assert {*found[0].columns} == {"delay"}


def test_long_texts_make_shorter_events(project: Project) -> None:
    frame = pd.DataFrame(
        {"request_id": [f"{number:0500}" for number in range(1_000)], "late": ["yes"] * 1_000}
    )
    assert project.log_actuals("e1", frame).events == 4
    assert sum(map(len, sent(project))) == 1_000


def test_an_entity_and_a_time_name_predictions_too(project: Project) -> None:
    frame = pd.DataFrame(
        {"customer": [4711, 4712], "made": [THEN.replace(tzinfo=None)] * 2, "late": [True, False]}
    )
    project.log_actuals("e1", frame, entity="customer", time="made", within=timedelta(days=1))
    project.log_actuals("e1", frame.assign(made=["2025-01-31T10:00:00Z"] * 2), entity="customer", time="made")
    wide, exact = sent(project)
    since = [to_us(THEN)] * 2
    assert (wide.entity, wide.entity_values, wide.since_us) == ("customer", ["4711", "4712"], since)
    assert wide.until_us == [each + 86_400_000_000 for each in since]
    assert (exact.since_us, exact.until_us) == (since, [each + 1 for each in since])


@pytest.mark.parametrize(
    "frame",
    [FRAME.iloc[:0], FRAME.assign(late=float("nan")), FRAME.assign(late=pd.array([None] * 3, "Int64"))],
)
def test_a_frame_that_says_nothing_sends_nothing(project: Project, frame: pd.DataFrame) -> None:
    assert project.log_actuals("e1", frame) == LoggedActuals("e1", 0, 0, without_value=len(frame))
    assert sent(project) == []


@pytest.mark.parametrize(
    ("endpoint", "frame", "options", "said"),
    [
        ("dely:v1", FRAME, {}, "no 'dely:v1'; did you mean delay:v1"),
        ("twin", FRAME, {}, "2 are called 'twin'"),
        ("e1", FRAME[["request_id"]], {}, "the endpoint's predictions are: late, delay"),
        ("e1", FRAME[["late"]], {}, "the frame has no column 'request_id'"),
        ("e1", FRAME.assign(lat=1), {}, "no prediction 'lat'; did you mean late"),
        ("e1", FRAME.assign(request_id=["a", None, "b"]), {}, "row 1 names no prediction"),
        ("e1", FRAME.assign(request_id=["a", "", "b"]), {}, "row 1 names no prediction"),
        ("e1", FRAME.assign(request_id=["a", "b", "c" * 513]), {}, "1 to 512 characters"),
        ("e1", FRAME.assign(late=[1, [2], 3]), {}, "row 1: late is a number, a text, true or false, got a"),
        ("e1", FRAME.assign(late=[date(2025, 1, 1)] * 3), {}, "row 0: late is a number, a text"),
        ("e1", FRAME.assign(late=[1, float("inf"), 2]), {}, "must be finite, got inf"),
        ("e1", FRAME.assign(row=[0.5, 1, 2]), {}, "row 0: row must be a whole number, got 0.5"),
        ("e1", FRAME.assign(row=[0, -1, 2], late=1), {}, "got -1"),
        ("e1", FRAME, {"entity": "customer"}, "the frame has no column 'customer'"),
        ("e1", FRAME, {"within": timedelta(days=1)}, "goes together with entity"),
        ("e1", FRAME, {"entity": "request_id", "within": 5}, "must be a timedelta above 0, got 5"),
        ("e1", FRAME.assign(timestamp="yesterday"), {"entity": "request_id"}, "'yesterday' is no time"),
        ("e1", FRAME.assign(timestamp=pd.NaT), {"entity": "request_id"}, "column timestamp"),
        ("e1", {"request_id": 1}, {}, "frame"),
        ("e1", FRAME.set_axis(["late", "late"], axis=1), {}, "two columns of the frame are called 'late'"),
    ],
)  # fmt: skip
def test_what_can_not_be_logged_is_said_and_nothing_is_sent(
    quiet: Project, endpoint: str, frame: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as error:
        quiet.log_actuals(endpoint, frame, **options)
    assert said in str(error.value)
    assert sent(quiet) == []


# --- files -----------------------------------------------------------------------------------------------


def called(project: Project, *arguments: str, stdin: str = "") -> Any:
    return CliRunner().invoke(
        app, ["actuals", *arguments, "--project-dir", project.settings.project_dir], input=stdin
    )


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl", "-"])
def test_a_file_of_each_kind_is_logged(project: Project, tmp_path: Path, kind: str) -> None:
    rows = [{"request_id": "007", "late": 1}, {"request_id": "8", "late": None}]
    path, lines = tmp_path / f"arrived.{kind}", "".join(json.dumps(row) + "\n" for row in rows)
    if kind == "csv":
        path.write_text("request_id,late\n007,1\n8,\n", encoding="utf-8")
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text(lines, encoding="utf-8")
    found = called(project, "-" if kind == "-" else str(path), "--endpoint", "delay:v1", stdin=lines)
    assert (found.exit_code, found.output) == (
        0, "1 actual of delay:v1 on the events stream; 1 row without a value\n"
        "1 found no prediction so far and waits for it.\n",
    )  # fmt: skip
    (event,) = sent(project)
    assert (event.request_ids, event.columns) == (["007"], {"late": [1]})


def test_an_empty_cell_of_a_column_of_texts_is_not_known_yet(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "arrived.csv"
    path.write_text('request_id,late,delay\na,yes,1\nb,,2\nc,NA,\nd,"",\n', encoding="utf-8")
    assert "3 actuals of delay:v1" in called(project, str(path), "--endpoint", "delay:v1").output
    (event,) = sent(project)
    assert event.request_ids == ["a", "b", "c"]
    assert event.columns == {"late": ["yes", None, "NA"], "delay": [1, 2, None]}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.xlsx", "", "must be a .csv, .parquet or .jsonl file"),
        ("a.parquet", "no parquet", "can't be read as .parquet"),
        ("a.csv", "", "can't be read as .csv"),
        ("a.jsonl", "{", "can't be read as .jsonl"),
        ("absent.csv", None, "can't be read: No such file or directory"),
    ],
)
def test_a_file_that_can_not_be_read_is_named(
    quiet: Project, tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = called(quiet, str(tmp_path / name), "--endpoint", "e1")
    assert found.exit_code
    assert said in str(found.exception or found.output)


# --- over HTTP -------------------------------------------------------------------------------------------


@pytest.fixture
def client(project: Project) -> Iterator[ApiClient]:
    client = ApiClient(project.settings)
    yield client
    client.close()


BASE, JSON = "/api/v1/projects/flights", {"content-type": "application/json"}


def test_a_request_is_answered_once_the_stream_has_it(project: Project, client: ApiClient) -> None:
    body = {"endpoint": "delay:v1", "request_ids": ["a", "b"], "columns": {"LATE": [1, None]}}
    found = client.request("POST", f"{BASE}/actuals", content=json.dumps(body).encode(), headers=JSON)
    assert (found.status_code, found.json()) == (
        200, {"endpoint_id": "e1", "rows": 1, "events": 1, "without_value": 1, "without_prediction": 1}
    )  # fmt: skip
    assert [each.columns for each in sent(project)] == [{"late": [1]}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"endpoint": "nobody"}, "there is no 'nobody'"),
        ({"columns": {"lat": [1, 0]}}, "did you mean late?"),
        ({"columns": {"late": [1]}}, "one for each row"),
        ({"columns": {"late": [1, [0]]}}, "expected"),
        ({"request_ids": ["a", ""]}, "1 to 512 characters"),
        ({"entity": "customer"}, "either by request_ids or by entity"),
        ({"rows": [0, "1"]}, "expected"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_request_that_can_not_be_is_refused_and_nothing_sent(
    quiet: Project, quiet_client: ApiClient, change: dict[str, Any], said: str
) -> None:
    body = {"endpoint": "e1", "request_ids": ["a", "b"], "columns": {"late": [1, 0]}, **change}
    found = quiet_client.request("POST", f"{BASE}/actuals", content=json.dumps(body).encode(), headers=JSON)
    assert 400 <= found.status_code < 500
    assert said in found.text
    assert sent(quiet) == []


def test_a_project_on_another_machine_logs_the_same(project: Project, client: ApiClient) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        found = client.request(request.method, path, headers=dict(request.headers), content=request.content)
        return httpx.Response(found.status_code, content=found.content)

    remote = RemoteProject("flights", "http://127.0.0.1", transport=httpx.MockTransport(answer))
    count = 12_000
    frame = pd.DataFrame({"request_id": range(count), "late": [1.0] * (count - 1) + [float("nan")]})
    assert remote.log_actuals("delay:v1", frame) == LoggedActuals(
        "e1", count - 1, 12, 1, without_prediction=count - 1
    )
    assert sum(map(len, sent(project))) == count - 1
    with pytest.raises(ConfigError, match="did you mean late"):
        remote.log_actuals("e1", frame.rename(columns={"late": "lat"}))
