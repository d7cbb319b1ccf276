"""The profile of a training set: made at log_model, kept once, read once, and nobody's rows in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import select

from modelmon.errors import ConfigError
from modelmon.ledger import endpoints, profiles
from modelmon.ledger.held_profiles import HeldProfiles
from modelmon.ledger.records import open_records
from modelmon.model import Endpoint
from modelmon.model_monitoring.api import get_or_create_model_endpoint
from modelmon.model_monitoring.endpoints import register
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.logged_models import PROFILE
from modelmon.model_monitoring.reference_profiles import check_profile
from modelmon.project import Project
from modelmon.sql.database import Database
from modelmon.stats import describe, profile_from_json
from project_support import again, frame, make
from query_counter import counted

ROWS = 400


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path)


@pytest.fixture
def records(project: Project) -> Any:
    database = open_records(project.settings)
    yield database
    database.close()


def training(**columns: Any) -> pd.DataFrame:
    random = np.random.default_rng(0)
    when = pd.date_range("2025-01-01", periods=ROWS, freq="h")
    return pd.DataFrame({"when": when, "age": random.normal(40, 10, ROWS), "late": 0.5, **columns})


def stored(project: Project, endpoint_id: str) -> Endpoint:
    with opened(project.settings) as database, database.read() as connection:
        found = endpoints.get(connection, endpoint_id)
    assert found is not None
    return found


# --- when each row was


def test_the_only_column_of_times_says_when_the_rows_were_and_is_no_feature(project: Project) -> None:
    logged = project.log_model("delay", training_set=training(), label_column="late")
    assert (logged.inputs, logged.outputs) == (("age",), ("late",))
    assert set(logged.feature_stats) == {"age", "late"}
    found = profile_from_json(logged.profile)
    assert found.names == ("age", "late")
    assert found.start_seconds == datetime(2025, 1, 1, tzinfo=UTC).timestamp()
    assert found.span_seconds == (ROWS - 1) * 3600


@pytest.mark.parametrize("library", [pd.DataFrame, pa.Table.from_pandas])
def test_a_column_of_times_may_be_named(project: Project, library: Any) -> None:
    two = library(training(born=pd.Timestamp("1990-01-01")))
    assert project.log_model("delay", training_set=two).inputs == ("when", "age", "late", "born")
    logged = project.log_model("delay", training_set=two, time_column="when")
    assert logged.inputs == ("age", "late", "born")
    assert profile_from_json(logged.profile).stretches


@pytest.mark.parametrize("when", [lambda at: at.strftime("%Y-%m-%dT%H:%M:%S"), lambda at: at.timestamp()])
def test_texts_and_seconds_are_times_where_they_are_named(project: Project, when: Any) -> None:
    told = training()
    told["when"] = [when(at) for at in told["when"]]
    assert not profile_from_json(project.log_model("delay", training_set=told).profile).stretches
    logged = project.log_model("delay", training_set=told, time_column="when")
    assert (logged.inputs, bool(profile_from_json(logged.profile).stretches)) == (("age", "late"), True)


def test_an_empty_name_is_no_time_column_and_then_times_are_an_input(project: Project) -> None:
    logged = project.log_model("delay", training_set=training(), time_column="")
    assert logged.inputs == ("when", "age", "late")
    assert not profile_from_json(logged.profile).stretches


def test_rows_in_any_order_have_one_profile(project: Project) -> None:
    told, mixed = training(), training().sample(frac=1, random_state=0)
    assert (
        project.log_model("delay", training_set=told).profile
        == project.log_model("delay", training_set=mixed).profile
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"time_column": "wen"}, "time_column: the training set has no column 'wen'; did you mean when"),
        ({"time_column": "late", "label_column": "late"}, "time_column: 'late' is a label_column already"),
        ({"time_column": 5}, "time_column: must be a column's name, got 5"),
        ({"time_column": "city"}, "training_set: the time column 'city' holds"),
    ],
)
def test_a_time_column_that_can_not_be_is_refused(
    project: Project, arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        project.log_model("delay", training_set=training(city="Oslo"), **arguments)
    assert project.list_models() == []


def test_a_time_column_goes_together_with_a_training_set(project: Project) -> None:
    with pytest.raises(ConfigError, match="time_column: goes together with training_set"):
        project.log_model("delay", inputs=["a"], time_column="when")


# --- kept with the model and the endpoint


def test_the_profile_is_kept_with_the_model(project: Project) -> None:
    logged = project.log_model("delay", training_set=training(), label_column="late")
    found = again(project).get_model("delay")
    assert found == logged
    assert profile_from_json(found.profile).rows == ROWS


def test_a_model_that_was_logged_before_there_were_profiles_has_none(project: Project) -> None:
    logged = project.log_model("delay", training_set=training())
    (logged.folder / PROFILE).unlink()
    found = again(project).get_model("delay")
    assert (found.profile, found.feature_stats) == ("", logged.feature_stats)
    assert get_or_create_model_endpoint(project, found.uri, "delay").profile_hash == ""


def test_endpoints_of_one_model_share_its_profile(project: Project, records: Database) -> None:
    logged = project.log_model("delay", training_set=training())
    hashes = {get_or_create_model_endpoint(project, logged, name).profile_hash for name in ("one", "two")}
    assert hashes == {profiles.hash_of(logged.profile)}
    with records.read() as connection:
        assert profiles.read(connection, *hashes) == logged.profile


def test_a_serving_function_carries_the_profile_and_a_new_reference_replaces_it(project: Project) -> None:
    found = []
    for rows in (training(), training(age=7.0)):
        logged = project.log_model("delay", body=b"2", training_set=rows, label_column="late")
        serving = project.set_function("model.py", name="serving")
        serving.add_model("delay", model_path=logged.uri, class_name="Sum")
        serving.set_tracking().deploy()
        (endpoint,) = project.list_model_endpoints()
        found.append(endpoint.profile_hash == profiles.hash_of(logged.profile))
    assert found == [True, True]


def test_a_reference_without_a_profile_takes_the_old_one_away(project: Project, records: Database) -> None:
    logged = project.log_model("delay", training_set=training())
    made = get_or_create_model_endpoint(project, logged, "delay")
    other = Endpoint(made.endpoint_id, "flights", "delay", feature_stats=describe(frame()))
    with records.write() as connection:
        kept = register(connection, Endpoint(made.endpoint_id, "flights", "delay"), 1)
        assert kept.profile_hash == made.profile_hash, "nothing was said of the reference"
        assert register(connection, other, 2).profile_hash == ""


def test_a_profile_that_nobody_has_is_forgotten_after_a_month(project: Project, records: Database) -> None:
    logged = project.log_model("delay", training_set=training())
    made = get_or_create_model_endpoint(project, logged, "delay")
    day_after = 2**60

    def left(now_us: int) -> int:
        with records.write() as connection:
            profiles.forget_unused(connection, now_us)
            return bool(profiles.read(connection, made.profile_hash))

    assert left(day_after), "the endpoint has it"
    with records.write() as connection:
        endpoints.delete(connection, made.endpoint_id)
        written_us = connection.scalar(select(profiles.profiles.c.written_us))
    assert left(written_us + profiles.KEPT_US), "windows of before may be judged again"
    assert not left(written_us + profiles.KEPT_US + 1)


# --- read


def test_a_profile_is_read_once_however_many_windows_it_judges(project: Project, records: Database) -> None:
    logged = project.log_model("delay", training_set=training())
    first = stored(project, get_or_create_model_endpoint(project, logged, "one").endpoint_id)
    second = stored(project, get_or_create_model_endpoint(project, logged, "two").endpoint_id)
    held = HeldProfiles()
    with counted(records) as work:
        found = {id(held.of(records, endpoint)) for endpoint in (first, second, first, second)}
    assert (len(found), work.statements) == (1, 1)


def test_without_a_training_set_it_is_made_of_the_statistics_and_coarse(
    project: Project, records: Database
) -> None:
    made = get_or_create_model_endpoint(project, "", "delay", sample_set_statistics=describe(training()))
    found = HeldProfiles().of(records, stored(project, made.endpoint_id))
    assert found is not None
    assert (found.is_coarse, found.names) == (True, ("age", "late"))
    bare = get_or_create_model_endpoint(project, "", "bare")
    assert HeldProfiles().of(records, stored(project, bare.endpoint_id)) is None


@pytest.mark.parametrize(
    "written", ["{", "[]", '{"format":2}', "null", '{"format":1,"rows":-1,"features":[]}']
)
def test_a_damaged_profile_is_refused_where_it_comes_to(written: str) -> None:
    with pytest.raises(ConfigError, match="profile: "):
        check_profile(written)


def test_a_damaged_profile_of_a_model_registers_no_endpoint(project: Project) -> None:
    logged = project.log_model("delay", training_set=training())
    (logged.folder / PROFILE).write_text(logged.profile[:-40])
    with pytest.raises(ConfigError, match="profile: "):
        get_or_create_model_endpoint(project, logged.uri, "delay")
    assert project.list_model_endpoints() == []


def test_no_profile_is_no_damaged_one() -> None:
    check_profile("")
