"""Logged models, endpoints made by hand, and samples read back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from modelmon import get_offline_features, iter_offline_features
from modelmon.apps.context_project import ContextProject
from modelmon.errors import ConfigError
from modelmon.feature_store import get_feature_set
from modelmon.ledger import endpoints
from modelmon.ledger.records import open_records
from modelmon.model import Endpoint, endpoint_id_of
from modelmon.model_monitoring.api import get_or_create_model_endpoint, list_model_endpoints
from modelmon.project import Project
from modelmon.stats import describe
from modelmon.stores.samples import open_samples
from project_support import again, frame, make, write
from sample_files import HOUR_US, add_file


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path)


# --- log_model --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["arrow", "pandas"])
def test_a_training_set_gives_names_and_reference(project: Project, library: str) -> None:
    training = frame() if library == "arrow" else frame().to_pandas()
    logged = project.log_model("delay", training_set=training, label_column="late")
    assert (logged.inputs, logged.outputs) == (("a", "b"), ("late",))
    assert logged.feature_stats == describe(training)
    assert logged.uri == "store://models/flights/delay"
    found = again(project).get_model("delay")
    assert found == logged
    assert found.feature_stats["b"]["categories"] == {"x": 2, "y": 1}
    assert [model.key for model in project.list_models()] == ["delay"]


def test_a_training_set_too_small_for_a_verdict_is_told_at_once(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    for rows in (49, 50):
        project.log_model("delay", training_set=pa.table({"a": list(range(rows))}))
    assert [record.message for record in caplog.records] == [
        "training_set: 49 rows are too few to compare with, no window will get a drift verdict; give at "
        "least 50 (app_min_rows)"
    ]


def test_what_can_not_be_scored_is_an_input_and_told(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    times = pd.date_range("2025-01-01", periods=60, freq="s")
    training = pd.DataFrame({"timestamp": times, "a": range(60), "tags": [["x"]] * 60})
    logged = project.log_model("delay", training_set=training, time_column="")
    assert logged.inputs == ("timestamp", "a", "tags")
    assert logged.feature_stats["timestamp"] == {
        "count": 60, "kind": "other", "type": str(times.dtype), "missing": 0,
    }  # fmt: skip
    assert [record.message for record in caplog.records] == [
        f"training_set: timestamp ({times.dtype}), tags (list) can't be scored, but counts among the model's "
        "inputs; leave out what the model is not given"
    ]


def test_everything_said_of_a_model_is_kept(project: Project) -> None:
    said: dict[str, Any] = {
        "framework": "sklearn", "tag": "v1", "algorithm": "logistic", "metrics": {"auc": 0.8},
        "parameters": {"c": 1}, "labels": {"team": "ops"}, "extra_data": {"note": "x"},
    }  # fmt: skip
    logged = project.log_model("delay", inputs=["a", {"name": "b"}], outputs=["y"], upload=True, **said)
    found = again(project).get_model("delay")
    assert found == logged
    assert {name: getattr(found, name) for name in said} == said
    assert (found.inputs, found.outputs, found.feature_stats) == (("a", "b"), ("y",), {})


def test_a_models_files_come_from_body_file_or_folder(project: Project) -> None:
    write(project.context / "m" / "model.pkl", "pickle")
    write(project.context / "m" / "more" / "words.txt", "words")

    def files(**arguments: Any) -> tuple[str, dict[str, bytes]]:
        logged = project.log_model("delay", **arguments)
        found = {
            path.relative_to(logged.files).as_posix(): path.read_bytes()
            for path in logged.files.rglob("*")
            if path.is_file()
        }
        return logged.model_file, found

    assert files() == ("", {})
    assert files(body=b"b") == ("delay.bin", {"delay.bin": b"b"})
    assert files(body="t", model_file="a.txt") == ("a.txt", {"a.txt": b"t"})
    assert files(model_file="m/model.pkl") == ("model.pkl", {"model.pkl": b"pickle"})
    assert files(model_dir="m", model_file="model.pkl") == ("model.pkl", {"model.pkl": b"pickle"})
    assert files(model_dir="m") == ("", {"model.pkl": b"pickle", "more/words.txt": b"words"})
    assert Path(project.get_model("delay").target_path) == project.get_model("delay").files


def test_a_table_with_nan_and_odd_columns_can_be_logged(project: Project) -> None:
    training = pd.DataFrame(
        {"x": [1.0, float("nan")], "hour": [1, 2], "flag": [True, False], "ü": ["a", None]}
    )
    logged = project.log_model("odd", training_set=training)
    assert logged.inputs == ("x", "hour", "flag", "ü")
    assert logged.feature_stats["x"]["missing"] == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"key": "a/b"}, "key: .* got 'a/b'"),
        ({"key": ".hidden"}, "key"),
        ({"key": None}, "key"),
        ({"body": {"not": "bytes"}}, "body: must be the bytes or text"),
        ({"model_file": "nowhere.pkl"}, "model_file: 'nowhere.pkl' does not exist"),
        ({"model_dir": "model.py"}, "is a file; give it as model_file"),
        ({"model_file": "."}, "is a folder; give it as model_dir"),
        ({"training_set": [1, 2]}, "training_set: a frame is a pandas DataFrame, .*; got builtins.list"),
        ({"training_set": "train.csv"}, "training_set: a frame is a pandas DataFrame, .*; got builtins.str"),
        ({"training_set": frame().slice(0, 0)}, "training_set: has no rows; give those that the model was"),
        ({"training_set": pd.DataFrame({"a": []})}, "training_set: has no rows"),
        ({"training_set": pd.DataFrame()}, "training_set: has no columns"),
        ({"training_set": frame(), "label_column": "none"}, "no column 'none'; it has a, b, late"),
        ({"training_set": frame().select(["late"]), "label_column": "late"}, "no column beside label_column"),
        ({"training_set": frame(), "inputs": ["a"]}, "inputs: come from training_set"),
        ({"training_set": frame(), "label_column": 2}, "label_column: must be a column's name .* got 2"),
        ({"training_set": pa.table([[1], [2]], ["a", "a"])}, "has 'a' more than once"),
        ({"label_column": "late"}, "label_column: goes together with training_set"),
        ({"inputs": ["a", "a"]}, "inputs: must be names, each one once"),
        ({"outputs": "y"}, "outputs: must be a list of names"),
        ({"metrics": {"m": object()}}, "metrics: 'm' must be a JSON value .*, got object"),
        ({"training_set": pa.table({"x" * 300: [1]})}, "at most 240 characters"),
        ({"feature_vector": "v"}, "feature_vector='v' is not supported"),
        ({"model_url": "http://x"}, "model_url='http://x' is not supported"),
    ],
)
def test_a_wrong_model_is_refused_and_the_logged_one_stays(
    project: Project, arguments: dict[str, Any], reason: str
) -> None:
    before = project.log_model("delay", body=b"1")
    with pytest.raises(ConfigError, match=reason):
        project.log_model(**{"key": "delay", **arguments})
    assert project.list_models() == [before]


def test_a_model_nobody_logged_is_named_with_those_there_are(project: Project) -> None:
    with pytest.raises(ConfigError, match="no model 'x' was logged in project flights; there are: none"):
        project.get_model("x")


# --- endpoints --------------------------------------------------------------------------------------------


def test_an_endpoint_is_made_once_with_the_id_a_server_would_use(project: Project) -> None:
    made = get_or_create_model_endpoint(project, model_endpoint_name="delay:v1", function_name="batch")
    assert made.endpoint_id == endpoint_id_of("flights", "batch", "delay", "v1")
    assert (made.name, made.version, made.function_uri) == ("delay:v1", "v1", "flights/batch")
    by_name = get_or_create_model_endpoint("flights", model_endpoint_name="delay:v1", context=project.context)
    by_id = get_or_create_model_endpoint(project, endpoint_id=made.endpoint_id)
    assert by_name == by_id == made == project.list_model_endpoints()[0]


def test_the_endpoint_of_a_batch_job_says_so_and_keeps_it(project: Project) -> None:
    made = get_or_create_model_endpoint(project, model_endpoint_name="scores", mode="batch")
    assert made.mode == "batch"
    assert get_or_create_model_endpoint(project, endpoint_id=made.endpoint_id).mode == "batch"
    with pytest.raises(ConfigError, match="mode: must be one of real_time, batch, got 'nightly'"):
        get_or_create_model_endpoint(project, model_endpoint_name="other", mode="nightly")


def test_a_reference_is_given_or_the_logged_models_and_is_kept(project: Project) -> None:
    logged = project.log_model("delay", training_set=frame(), label_column="late")
    of_model = get_or_create_model_endpoint(project, logged.uri, "one")
    assert of_model.feature_stats == logged.feature_stats
    assert (of_model.model_uri, of_model.feature_names, of_model.label_names) == (
        logged.uri,
        ("a", "b"),
        ("late",),
    )
    own = describe(pa.table({"a": [5.0, 6.0]}))
    given = get_or_create_model_endpoint(project, "", "two", sample_set_statistics=own)
    assert given.feature_stats == own
    assert get_or_create_model_endpoint(project, logged, "two").feature_stats == own


def test_a_discovered_endpoint_can_be_given_its_reference(project: Project) -> None:
    records = open_records(project.settings)
    with records.write() as connection:
        found = Endpoint("e1", "flights", "delay", discovered=True, feature_names=("f0",))
        endpoints.register_discovered(connection, [found], 1)
    records.close()
    own = describe(pa.table({"f0": [5.0, 6.0]}))
    made = get_or_create_model_endpoint(project, endpoint_id="e1", sample_set_statistics=own)
    assert (made.endpoint_id, made.feature_stats, made.feature_names) == ("e1", own, ("f0",))
    assert len(project.list_model_endpoints()) == 1


def test_an_endpoint_that_is_not_monitored_asks_no_app(project: Project) -> None:
    made = get_or_create_model_endpoint(project, model_endpoint_name="off", monitoring_mode="disabled")
    assert made.policy == {"monitoring_mode": "disabled", "monitoring_applications": []}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "model_endpoint_name: is needed .* no endpoint_id was given"),
        ({"endpoint_id": "e9"}, "none has the id 'e9'"),
        ({"endpoint_id": "a b"}, "endpoint_id"),
        ({"model_endpoint_name": "x" * 256}, "model_endpoint_name: must be a text of at most 255"),
        ({"model_endpoint_name": 5}, "got 5"),
        ({"model_endpoint_name": "m", "monitoring_mode": "on"}, "enabled, disabled, got 'on'"),
        ({"model_endpoint_name": "m", "sample_set_statistics": [1]}, "must be a dict"),
        ({"model_endpoint_name": "m", "sample_set_statistics": {"a": {}}}, "no feature can be scored; a:"),
        ({"model_endpoint_name": "m", "model_path": "store://models/flights/none"}, "no model 'none'"),
    ],
)
def test_a_wrong_endpoint_is_refused(project: Project, arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        get_or_create_model_endpoint(project, **arguments)
    assert project.list_model_endpoints() == []


def test_a_name_of_several_endpoints_asks_for_the_id(project: Project) -> None:
    for function in ("one", "two"):
        get_or_create_model_endpoint(project, model_endpoint_name="m", function_name=function)
    with pytest.raises(ConfigError, match=r"'m' is the name of 2 endpoints .*give the id"):
        get_or_create_model_endpoint(project, model_endpoint_name="m")
    with pytest.raises(ConfigError, match="'m' is the name of 2 endpoints"):
        get_offline_features("m", project=project)
    assert get_feature_set("monitoring-two-m", project=project).endpoint_id == endpoint_id_of(
        "flights", "two", "m"
    )


def test_endpoints_are_listed_by_name_function_labels_and_id(project: Project) -> None:
    records = open_records(project.settings)
    with records.write() as connection:
        for identity, name, version, function, labels in (
            ("e1", "a", "", "f", {"team": "ops"}),
            ("e2", "a:v2", "v2", "f", {"team": "web"}),
            ("e3", "b", "", "g", {}),
        ):
            endpoint = Endpoint(identity, "flights", name, function, version=version, labels=labels)
            endpoints.put(connection, endpoint, 1)
    records.close()

    def ids(**conditions: Any) -> list[str]:
        return [endpoint.endpoint_id for endpoint in list_model_endpoints(project, **conditions)]

    assert ids() == ["e1", "e2", "e3"]
    assert ids(names="a") == ["e1"]
    assert ids(names=["a:v2", "b", "c"]) == ["e2", "e3"]
    assert ids(model_name="a") == ["e1", "e2"]
    assert ids(function_name="g") == ["e3"]
    assert ids(labels=["team"]) == ["e1", "e2"]
    assert ids(labels="team=web") == ["e2"]
    assert ids(labels={"team": "ops"}) == ["e1"]
    assert ids(uids=["e3", "e1", "e9"]) == ["e1", "e3"]
    assert ids(uids="e1", function_name="g") == []
    with pytest.raises(ConfigError, match="names: must be texts"):
        ids(names=[5])
    with pytest.raises(ConfigError, match="names: must be texts, got 5"):
        ids(names=5)
    with pytest.raises(ConfigError, match="labels: must be texts, got 5"):
        ids(labels=5)


def test_a_project_by_name_is_found_around_the_current_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    inside = project.context / "deep" / "er"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert list_model_endpoints("flights") == []
    with pytest.raises(ConfigError, match="holds project 'flights', not 'trains'"):
        list_model_endpoints("trains")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    with pytest.raises(ConfigError, match=r"no modelmon\.yaml"):
        list_model_endpoints("flights")
    monkeypatch.setenv("MODELMON_PROJECT_DIR", str(project.context))
    assert list_model_endpoints("flights") == []
    for wrong in ({"project": 5}, {"project": "flights", "context": 5}):
        with pytest.raises(ConfigError):
            list_model_endpoints(**wrong)  # type: ignore[arg-type]


# --- samples ----------------------------------------------------------------------------------------------

START_US = 1_000 * HOUR_US
START = datetime(1970, 2, 11, 16, tzinfo=UTC)


@pytest.fixture
def endpoint(project: Project) -> Endpoint:
    """An endpoint with three rows: at START, one second before the next hour, and on that hour."""
    made = get_or_create_model_endpoint(project, model_endpoint_name="delay", function_name="serving")
    records, samples = open_records(project.settings), open_samples(project.settings)
    with records.write() as connection:
        endpoints.put(connection, replace(made, feature_names=("hour", "wind"), label_names=("late",)), 1)
    for first, times, hours in (
        (0, [START_US, START_US + HOUR_US - 1_000_000], [1, 2]),
        (2, [START_US + HOUR_US], [3]),
    ):
        columns = {
            "feature.hour": hours,
            "wind": [value / 2 for value in hours],
            "late": [0] * len(hours),
        }
        add_file(records, samples, times, columns, endpoint_id=made.endpoint_id, first=first)
    records.close()
    return project.list_model_endpoints()[0]


def test_samples_are_read_by_endpoint_name_id_feature_set_and_uri(
    project: Project, endpoint: Endpoint
) -> None:
    feature_set = get_feature_set("monitoring-serving-delay", project=project)
    assert (feature_set.tag, feature_set.features, feature_set.labels) == (
        endpoint.endpoint_id,
        ("hour", "wind"),
        ("late",),
    )
    uri = f"store://feature-sets/flights/monitoring-serving-delay:{endpoint.endpoint_id}"
    assert feature_set.uri == uri
    whole = get_offline_features(endpoint, project=project, as_arrow=True)
    for way in (
        endpoint.endpoint_id, "delay", endpoint.feature_set, uri,
        f"{endpoint.feature_set}:{endpoint.endpoint_id}_", feature_set,
    ):  # fmt: skip
        assert get_offline_features(way, project=project, as_arrow=True).equals(whole)
    assert whole.num_rows == 3
    assert get_offline_features(feature_set, as_arrow=True).equals(whole)
    in_an_app = ContextProject(project.name, project.settings)
    assert get_offline_features(endpoint, project=in_an_app, as_arrow=True).equals(whole)
    assert len(feature_set.to_dataframe(START, columns=["wind"])) == 3


def test_times_are_half_open_and_columns_are_those_asked_for(project: Project, endpoint: Endpoint) -> None:
    def rows(start: Any, end: Any) -> list[int]:
        found = get_offline_features(endpoint, start, end, columns=["hour"], project=project)
        assert isinstance(found, pd.DataFrame)
        assert list(found.columns) == ["hour"]
        return list(found["hour"])

    hour_later = START.replace(hour=17)
    assert rows(START, hour_later) == [1, 2]
    assert rows(None, None) == [1, 2, 3]
    assert rows(hour_later, None) == [3]
    assert rows("1970-02-11T16:00:00Z", "1970-02-11 16:00:01") == [1]
    assert rows("1970-02-11", date(1970, 2, 12)) == [1, 2, 3]
    assert rows("1970-02-12", None) == []
    assert rows(START.replace(tzinfo=None), pd.Timestamp(hour_later)) == [1, 2]
    whole = get_offline_features(endpoint, project=project)
    assert {"timestamp", "hour", "wind", "late", "endpoint_id", "latency"} <= set(whole.columns)


def test_samples_come_in_pieces_to_whom_they_are_too_many(project: Project, endpoint: Endpoint) -> None:
    pieces = list(iter_offline_features("delay", columns=["hour"], rows=1, project=project))
    assert [piece["hour"].to_pylist() for piece in pieces] == [[1, 2], [3]]  # two files
    assert [
        piece.num_rows for piece in iter_offline_features(endpoint, START.replace(hour=17), project=project)
    ] == [1]
    with pytest.raises(ConfigError, match="rows: must be at least 1, got 0"):
        iter_offline_features(endpoint, rows=0, project=project)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"endpoint": "nobody"}, "no endpoint or feature set 'nobody' in project flights; endpoints: delay"),
        ({"endpoint": "store://feature-sets/trains/x"}, "of another project"),
        ({"endpoint": None}, "endpoint: must be an endpoint, its id or name, .* got None"),
        ({"columns": "wind"}, "columns: must be a list of names, got 'wind'"),
        ({"columns": ["none"]}, "no column 'none'"),
        ({"start": "yesterday"}, "start: 'yesterday' is no time"),
        ({"start": 5}, "start: 5 is a number"),
        ({"start": "2025-02-30"}, "start: .* is no time"),
        ({"start": pd.NaT}, "start: .* is no time"),
        ({"start": START, "end": START}, "end: must come after start"),
    ],
)
def test_what_can_not_be_read_says_why(
    project: Project, endpoint: Endpoint, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        get_offline_features(**{"endpoint": endpoint, "project": project, **arguments})


def test_an_endpoint_without_samples_has_its_columns_and_no_rows(project: Project) -> None:
    made = get_or_create_model_endpoint(project, model_endpoint_name="new")
    assert get_offline_features(made, project=project).empty
