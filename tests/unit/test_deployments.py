"""The history of deployments: what came anew, what it was before, and what is left of it in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import select

import modelmon
from modelmon.ledger import endpoints, registry
from modelmon.ledger.deployments import deployments
from modelmon.ledger.records import open_records
from modelmon.model import DAY_US, Endpoint, from_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stats import describe
from modelmon.stores.samples import open_samples
from modelmon.stores.series import open_series
from modelmon.upkeep.pruning import prune
from modelmon.views.deployments import read_deployments
from sample_house import forget

DAY0 = 20_000 * DAY_US
ALWAYS = from_us(0), from_us(DAY0) + timedelta(days=9_000)
STATS = describe(pa.table({"age": [1.0, 2.0, 3.0]}))
OTHERS = describe(pa.table({"age": [1.0, 2.0, 9.0, 9.0]}))
ENDPOINT = Endpoint(
    "e", "p", "churn", function_name="serving", model_uri="store://models/p/churn", version="v1",
    model_class="Forest", feature_stats=STATS,
)  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(project="p", project_dir=str(tmp_path), durability="process")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    found = open_records(settings)
    yield found
    found.close()


def put(database: Database, day: int, endpoint: Endpoint = ENDPOINT, files: str = "") -> None:
    with database.write() as connection:
        endpoints.put(connection, endpoint, DAY0 + day * DAY_US, files)


def deploy(database: Database, day: int, name: str, kind: str, code: str, *, deployed: bool = True) -> None:
    with database.write() as connection:
        registry.put_function(
            connection, name, kind, {}, deployed=deployed, now_us=DAY0 + day * DAY_US, code=code
        )


def told(database: Database, first: int = 0, last: int = 8_000) -> list[tuple[int, str]]:
    start, end = (from_us(DAY0 + day * DAY_US) for day in (first, last))
    with database.read() as connection:
        found = read_deployments(connection, "e", start, end)
    return [((each.at - from_us(DAY0)).days, each.words) for each in found]


def test_a_new_version_and_a_new_reference_are_told_apart(database: Database) -> None:
    put(database, 0)
    put(database, 1, replace(ENDPOINT, version="v2"))
    put(database, 2, replace(ENDPOINT, version="v2", feature_stats=OTHERS))
    first, reference, model, other = told(database)
    assert first == (0, "first model: store://models/p/churn, version v1, Forest")
    assert reference[1].startswith("first reference: 3 rows, 1 column, ")
    assert model == (
        1,
        "model anew: store://models/p/churn, version v1, Forest → store://models/p/churn, version v2, Forest",
    )
    assert other[0] == 2
    assert other[1].startswith("reference anew: 3 rows, 1 column, ")
    assert "→ 4 rows, 1 column, " in other[1]


def test_what_is_registered_again_as_it_was_is_no_deployment(database: Database) -> None:
    put(database, 0, files="aaaa")
    put(database, 1)  # labels, for instance: nobody looked at the files
    put(database, 2, replace(ENDPOINT, labels={"team": "risk"}), "aaaa")
    assert [day for day, _ in told(database)] == [0, 0]
    put(database, 3, files="bbbb")
    assert told(database)[-1] == (
        3,
        "model anew: store://models/p/churn, version v1, Forest, files aaaa"
        " → store://models/p/churn, version v1, Forest, files bbbb",
    )


def test_functions_that_serve_it_and_apps_are_its_own_and_others_are_not(database: Database) -> None:
    put(database, 0)
    for name, kind in (("serving", "serving"), ("drift", "app"), ("elsewhere", "serving")):
        deploy(database, 1, name, kind, "1")
        deploy(database, 2, name, kind, "1")
        deploy(database, 3, name, kind, "2")
    deploy(database, 4, "serving", "serving", "2", deployed=False)
    assert told(database, 1) == [
        (1, "first function serving: serving 1"), (1, "first function drift: drift 1"),
        (3, "function serving anew: serving 1 → serving 2"), (3, "function drift anew: drift 1 → drift 2"),
        (4, "function serving taken away, was serving 2"),
    ]  # fmt: skip


def test_an_endpoint_that_is_discovered_has_a_first_entry_and_one_that_is_there_has_no_second(
    database: Database,
) -> None:
    found = replace(ENDPOINT, discovered=True, feature_stats={}, model_uri="")
    with database.write() as connection:
        endpoints.register_discovered(connection, [found], DAY0)
        endpoints.register_discovered(connection, [found], DAY0 + DAY_US)
    assert told(database) == [(0, "first model: version v1, Forest")]


def test_old_ones_go_with_the_retention_and_the_newest_of_each_stays(
    database: Database, settings: Settings
) -> None:
    for day in range(3):
        put(database, day, replace(ENDPOINT, version=f"v{day}"))
        deploy(database, day, "drift", "app", str(day))
    series = open_series(settings)
    prune(database, open_samples(settings), series, DAY0 + 100 * DAY_US, time.monotonic() + 60)
    series.close()
    assert sorted((day, words.split(":")[0]) for day, words in told(database)) == [
        (0, "first reference"), (2, "function drift anew"), (2, "model anew"),
    ]  # fmt: skip


def test_a_forgotten_endpoint_leaves_none(database: Database, settings: Settings) -> None:
    from modelmon.stores.artifacts import open_artifacts

    put(database, 0)
    deploy(database, 0, "drift", "app", "1")
    series = open_series(settings)
    forget(database, open_samples(settings), series, open_artifacts(settings), "e", DAY0, settings)
    series.close()
    with database.read() as connection:
        assert [row.kind for row in connection.execute(select(deployments))] == ["function"]


CODE = """
from modelmon.apps import ModelMonitoringApplicationBase

class Mine(ModelMonitoringApplicationBase):
    def do_tracking(self, context):
        return {number}
"""


@pytest.mark.slow
def test_a_function_whose_code_changed_is_deployed_anew(tmp_path: Path) -> None:
    project = modelmon.get_or_create_project("p", context=str(tmp_path / "project"))
    project.enable_model_monitoring()
    code = tmp_path / "mine.py"
    found: list[list[Any]] = []
    for number in (1, 1, 2):
        code.write_text(CODE.format(number=number))
        project.set_model_monitoring_function("mine", func=str(code), application_class="Mine").deploy()
        database = open_records(Settings.load(tmp_path / "project"))
        with database.read() as connection:
            query = select(deployments.c.after).where(deployments.c.function_name == "mine")
            found.append([*connection.scalars(query)])
        database.close()
    assert [len(each) for each in found] == [1, 1, 2]
    assert found[2][0] != found[2][1]
