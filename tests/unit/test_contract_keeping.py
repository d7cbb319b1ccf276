"""A project's contracts: suggested, checked and set from the command line, from Python and from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import select

from command_line import called
from modelmon.cli import output
from modelmon.contracts.contract import Importance, Rule
from modelmon.contracts.reading import check_contract
from modelmon.errors import ConfigError
from modelmon.ledger import contracts as ledger
from modelmon.ledger import endpoints
from modelmon.ledger.access import list_deeds
from modelmon.ledger.records import open_records
from modelmon.model import DAY_US, Endpoint, from_us, wall_clock_us
from modelmon.model_monitoring.api import get_or_create_model_endpoint
from modelmon.model_monitoring.reference_contracts import check_suggested
from modelmon.project import Project
from modelmon.stores.series import open_series
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoint_overview import read_endpoint_overview
from project_support import frame, make

CONTRACT = "format: 1\ncolumns:\n  a: {type: number, range: [0, 10]}\n"
OTHER = "format: 1\ncolumns:\n  a: {type: number, range: [0, 20]}\n"
Run = Callable[..., Any]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make(tmp_path / "flights")
    project.log_model("delay", training_set=frame(), label_column="late")
    return project


@pytest.fixture
def run(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(project.context)
    monkeypatch.setattr(output.console, "width", 200)

    return partial(called, monkeypatch, capsys, "contract")


def endpoint_of(project: Project, name: str = "live", model: str | None = "delay") -> Endpoint:
    return get_or_create_model_endpoint(
        project, model_endpoint_name=name, function_name="serving", model_path=model or ""
    )


def deeds(project: Project) -> list[tuple[str, str, str]]:
    records = open_records(project.settings)
    with records.read() as connection:
        found, _ = list_deeds(connection, 10)
    records.close()
    return [(each.what, each.of, each.outcome) for each in found]


def test_what_is_suggested_is_right_and_names_the_inputs_alone(run: Run, tmp_path: Path) -> None:
    text = run("suggest", "delay")
    found = check_contract(text)
    assert found.findings == ()
    assert found.contract is not None
    assert list(found.contract.columns) == ["a", "b"], "late is what the model predicts"
    assert "# The contract of model delay, as its training set of 3 rows suggests it." in text


def test_it_is_written_to_a_file_and_never_over_one(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "delay.yaml"
    assert f"Wrote {file}." in run("suggest", "delay", "-o", str(file))
    assert file.read_text() == run("suggest", "delay")
    file.write_text("mine")
    assert "is there already" in run("suggest", "delay", "-o", str(file), code=2)
    assert file.read_text() == "mine"


def test_an_endpoint_has_a_suggestion_of_its_own_reference(run: Run, project: Project) -> None:
    endpoint = endpoint_of(project)
    for name in ("live", endpoint.endpoint_id):
        assert "contract of endpoint live" in run("suggest", name)


@pytest.mark.parametrize("name", ["dely", "", "store://models/flights/nothing"])
def test_whose_contract_is_not_there_is_told_so(run: Run, name: str) -> None:
    said = run("suggest", name, code=2)
    assert "did you mean delay?" in said if name == "dely" else "error" in said


def test_a_model_without_a_training_set_is_told_what_is_missing(run: Run, project: Project) -> None:
    project.log_model("bare", inputs=["a"])
    assert "log_model(training_set=…)" in run("suggest", "bare", code=2)


def test_check_finds_mistakes_by_line_and_ends_with_1(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("format: 1\ncolumns:\n  aa:\n    range: [5, 1]\n")
    said = run("check", str(file), code=1)
    assert f"{file}:4: error: columns.aa.range: has its least value 5 above 1; write [1, 5]" in said
    assert "1 error, 0 warnings" in said
    compared = run("check", str(file), "--of", "delay", "--json", code=1)
    assert [each["mend"] for each in compared["findings"] if "no column" in each["problem"]] == [
        "it has a, b"
    ]
    file.write_text(CONTRACT)
    assert "0 errors, 0 warnings" in run("check", str(file))
    assert "leaves out b" in run("check", str(file), "--of", "delay")
    assert "No such file" in run("check", "nowhere.yaml", code=2)
    file.write_bytes(b"format: 1\n# f\xfcr\n")
    told = "can't be read: line 2 has the byte 0xfc, which is no UTF-8; save the file in UTF-8"
    assert told in run("check", str(file), code=2)


def test_a_path_that_can_be_none_is_refused_in_words(project: Project) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        project.set_contract("delay", "a\0b")


def test_a_contract_is_set_by_version_and_taken_back(run: Run, project: Project, tmp_path: Path) -> None:
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text(CONTRACT)
    second.write_text(OTHER)
    assert "no contract is set" in run("show", "delay", code=2)
    assert "Version 1 of the contract of model delay counts from now on." in run("set", "delay", str(first))
    assert run("set", "delay", str(first), "--json")["version"] == 1, "the same again is the same"
    assert run("set", "delay", str(second), "--json")["version"] == 2
    assert run("show", "delay") == OTHER
    assert run("show", "delay", "--version", "1") == CONTRACT
    assert "is taken back" in run("set", "delay", "--back")
    assert "no contract is set" in run("show", "delay", code=2)
    assert [each["version"] for each in run("show", "delay", "--history", "--json")] == [3, 2, 1]
    assert "taken back" in run("show", "delay", "--history")
    assert deeds(project) == [
        ("took a contract back", "model delay", "version 3"),
        ("set a contract", "model delay", "version 2"),
        ("set a contract", "model delay", "version 1"),
    ]


def test_a_contract_with_a_mistake_is_not_set(run: Run, project: Project, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(CONTRACT.replace("[0, 10]", "[10, 0]"))
    assert "has its least value 10 above 0" in run("set", "delay", str(file), code=2)
    assert run("show", "delay", "--history", "--json") == []
    assert "give a file, or --back" in run("set", "delay", code=2)
    assert "give a file, or --back" in run("set", "delay", str(file), "--back", code=2)


def test_the_contract_of_an_endpoint_goes_before_that_of_its_model(project: Project) -> None:
    endpoint, other = endpoint_of(project), endpoint_of(project, "other")
    project.set_contract("delay", CONTRACT)
    project.set_contract("live", OTHER)
    records = open_records(project.settings)
    with records.read() as connection:
        own, of_model = (ledger.contract_for(connection, each) for each in (endpoint, other))
    assert own is not None
    assert (own.words, own.text) == (f"endpoint {endpoint.endpoint_id}", OTHER)
    assert of_model is not None
    assert (of_model.words, of_model.text) == ("model delay", CONTRACT)
    project.set_contract("live", None)
    with records.read() as connection:
        assert ledger.contract_for(connection, endpoint) == of_model
    records.close()


def test_what_the_training_set_suggests_is_kept_until_somebody_sets_another(project: Project) -> None:
    records, subject = open_records(project.settings), "store://models/flights/delay"
    with records.write() as connection:
        assert ledger.suggest_contract(connection, subject, CONTRACT, 1).version == 1
        assert ledger.suggest_contract(connection, subject, CONTRACT, 2).version == 1
        assert ledger.suggest_contract(connection, subject, OTHER, 3).version == 2
        mine = ledger.set_contract(connection, subject, CONTRACT, "ada", 4)
        assert ledger.suggest_contract(connection, subject, OTHER, 5) == mine
        ledger.set_contract(connection, subject, "", "ada", 6)
        assert ledger.suggest_contract(connection, subject, OTHER, 7).version == 5
    records.close()


def test_log_model_keeps_what_its_rows_suggest_and_an_endpoint_brings_it_to_the_records(
    project: Project,
) -> None:
    many = pa.table(
        {"a": [float(each) for each in range(2_000)], "b": ["x", "y"] * 1_000, "late": [0, 1] * 1_000}
    )
    model = project.log_model("rows", training_set=many, label_column="late")
    kept = check_contract(model.contract).contract
    assert kept is not None
    assert kept.duplicates is not None, "only rows tell of repeated ones"
    assert model.contract == project.get_model("rows").contract
    assert "of model rows, as its training set of 2,000 rows suggests it" in model.contract
    assert project.list_contracts("rows") == ()
    endpoint = endpoint_of(project, "of-rows", "rows")
    (version,) = project.list_contracts("rows")
    assert (version.version, version.who, version.text) == (1, "log_model", model.contract)
    records = open_records(project.settings)
    with records.read() as connection:
        counting = ledger.contract_for(connection, endpoint)
    records.close()
    assert counting is not None
    assert (counting.is_suggested, counting.text) == (True, model.contract)
    suggested = check_contract(project.suggest_contract("rows")).contract
    assert suggested is not None
    assert suggested.importance_of(Rule.MISSING) is Importance.WARNING, "no drift app judges it here"
    assert kept.importance_of(Rule.MISSING) is Importance.INFO


def test_a_model_that_is_logged_again_changes_no_contract_that_somebody_has_set(project: Project) -> None:
    endpoint_of(project)
    project.set_contract("delay", CONTRACT)
    project.log_model("delay", training_set=frame().slice(1), label_column="late")
    endpoint_of(project, "another")
    assert project.list_contracts("delay")[0].text == CONTRACT


def test_a_contract_that_came_damaged_from_elsewhere_is_refused() -> None:
    check_suggested("")
    with pytest.raises(ConfigError, match=r"contract: line 1: error"):
        check_suggested("format: 7\ncolumns: {}\n")


def test_a_forgotten_endpoint_leaves_no_contract(project: Project) -> None:
    endpoint_of(project)
    project.set_contract("live", CONTRACT)
    project.set_contract("delay", CONTRACT)
    project.delete_model_endpoint("live")
    records = open_records(project.settings)
    with records.read() as connection:
        left = connection.scalars(select(ledger.contracts.c.model_uri)).all()
        assert endpoints.find(connection, name="live") == []
    records.close()
    assert set(left) == {"store://models/flights/delay"}


@pytest.mark.parametrize("contract", [7, "", Path("nowhere.yaml"), b"format: 1\n"])
def test_what_is_no_contract_and_no_file_is_refused(project: Project, contract: Any) -> None:
    with pytest.raises(ConfigError, match="contract"):
        project.set_contract("delay", contract)


def test_private_columns_are_neither_suggested_nor_shown(tmp_path: Path) -> None:
    project = make(tmp_path / "flights", private="b")
    project.log_model("delay", training_set=frame(), label_column="late")
    suggested = project.suggest_contract("delay")
    assert "Private columns are left out (1)" in suggested
    assert check_contract(suggested).contract is not None
    assert not any(word in suggested for word in ("  b:", "[x", "x]"))
    project.set_contract("delay", CONTRACT + "  b: {values: [secret]}\n")
    (shown,) = project.list_contracts("delay")
    assert "secret" not in shown.text
    assert check_contract(shown.text).contract is not None


def test_the_overview_of_an_endpoint_says_which_contract_counts(project: Project) -> None:
    endpoint = endpoint_of(project)
    records, series = open_records(project.settings), open_series(project.settings)

    def told() -> str:
        looking = Looking(wall_clock_us(), project.settings)
        day = from_us(0), from_us(DAY_US)
        return read_endpoint_overview(records, series, looking, endpoint.endpoint_id, *day).contract

    assert told() == "version 1 of the contract of model delay, suggested by its training set"
    project.set_contract("live", CONTRACT)
    assert told().startswith(f"version 1 of the contract of endpoint {endpoint.endpoint_id}, set by ")
    records.close()
    series.close()
