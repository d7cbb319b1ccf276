"""Names that become files and folders: what no disk can hold, and what some disks can't tell apart."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import modelmon
import project_support
from modelmon.errors import ConfigError
from modelmon.model import BatchRange
from modelmon.project import Project
from modelmon.stages.stream.files import sample_path


@pytest.fixture
def flights(tmp_path: Path) -> Project:
    return project_support.make(tmp_path / "flights")


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
@pytest.mark.parametrize(
    "argument", ["model_file", "model_dir", "model_file of a body", "func", "context", "requirements_file"]
)
def test_what_no_disk_can_hold_is_a_wrong_argument(flights: Project, name: str, argument: str) -> None:
    calls: dict[str, Any] = {
        "model_file": lambda: flights.log_model("m", model_file=name),
        "model_dir": lambda: flights.log_model("m", model_dir=name),
        "model_file of a body": lambda: flights.log_model("m", body=b"", model_file=name),
        "func": lambda: flights.set_function(name, name="web"),
        "context": lambda: modelmon.get_or_create_project("x", context=name),
        "requirements_file": lambda: flights.set_function("model.py", name="web", requirements_file=name),
    }
    with pytest.raises(ConfigError, match=r"can't be (the name of a file|read)|does not exist"):
        calls[argument]()


def test_a_model_s_key_that_differs_in_case_only_is_refused(flights: Project) -> None:
    flights.log_model("Churn", body=b"1")
    flights.log_model("Churn", body=b"2")
    with pytest.raises(ConfigError, match="key: 'churn' and 'Churn', which is there already, differ in case"):
        flights.log_model("churn", body=b"3")


def test_an_app_whose_name_differs_in_case_only_is_refused(flights: Project) -> None:
    flights.set_model_monitoring_function("rows", "rows_app.py", "Rows")
    with pytest.raises(ConfigError, match="name: 'Rows' and 'rows', which is there already, differ in case"):
        flights.set_model_monitoring_function("Rows", "rows_app.py", "Rows")
    created = flights.create_model_monitoring_function("ROWS", "rows_app.py", "Rows")
    with pytest.raises(ConfigError, match="name: 'ROWS' and 'rows', which is there already, differ in case"):
        created.deploy()
    assert [app.name for app in flights.list_model_monitoring_functions()] == ["rows"]
    assert not (flights.context / ".modelmon" / "streams" / "app-ROWS").exists()


def test_a_serving_function_whose_name_differs_from_an_app_s_in_case_only_is_refused(
    flights: Project,
) -> None:
    flights.set_model_monitoring_function("Rows", "rows_app.py", "Rows")
    with pytest.raises(ConfigError, match="name: 'rows' and 'Rows', which is there already, differ in case"):
        flights.set_function("model.py", name="rows")


def test_folders_in_which_a_file_was_looked_for_are_named_once(
    flights: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(flights.context)
    with pytest.raises(ConfigError, match=rf"'no.py' does not exist \(looked in {flights.context}\)$"):
        flights.set_function("no.py", name="web")
    with pytest.raises(ConfigError, match=r"'/no/where.py' does not exist$"):
        flights.set_function("/no/where.py", name="web")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=rf"\(looked in {tmp_path} and {flights.context}\)$"):
        flights.set_function("no.py", name="web")


@pytest.mark.parametrize("name", ["Modelmon-Stream", "MLRUN-infra", "Histogram-Data-Drift"])
def test_a_name_of_ours_in_another_case_is_ours(flights: Project, name: str) -> None:
    with pytest.raises(ConfigError, match=r"is reserved|differ in case only"):
        flights.set_model_monitoring_function(name, "rows_app.py", "Rows")


def test_endpoints_that_differ_in_case_only_have_folders_of_their_own_on_every_disk() -> None:
    def path(endpoint_id: str) -> str:
        table: Any = SimpleNamespace(endpoint_id=endpoint_id, hour_us=0, variant="")
        return sample_path(BatchRange("s", 0, 5, 9), table).lower()

    ids = ["a", "A", "aB", "Ab", "AB", "ab", "0" * 32]
    assert len({path(each) for each in ids}) == len(ids)
    assert path("ab").startswith("key=ab/")
