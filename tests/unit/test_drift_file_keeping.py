"""A project's drift file: suggested, checked beside its endpoints, set, from the command line and Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from command_line import called
from modelmon.cli import output
from modelmon.drift_choices.reading import check_drift_file
from modelmon.errors import ConfigError
from modelmon.ledger import drift_files as ledger
from modelmon.ledger.access import list_deeds
from modelmon.ledger.held_choices import HeldChoices
from modelmon.ledger.records import open_records
from modelmon.model import Endpoint
from modelmon.model_monitoring.api import get_or_create_model_endpoint
from modelmon.private_columns import NOT_SHOWN
from modelmon.project import Project
from modelmon.stats import profile_from_json
from project_support import make

FILE = "format: 1\nendpoints:\n  live:\n    ignore: [b]\n    weights: {a: 3}\n"
OTHER = FILE.replace("3", "2")
Run = Callable[..., Any]


def training() -> pa.Table:
    rows = 1_000
    return pa.table(
        {
            "a": [float(number) for number in range(rows)],
            "b": [f"order {number}" for number in range(rows)],
            "country": ["NO", "IT"] * (rows // 2),
            "late": [0, 1] * (rows // 2),
        }
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return with_endpoint(make(tmp_path / "flights"))


def with_endpoint(project: Project) -> Project:
    project.log_model("delay", training_set=training(), label_column="late")
    get_or_create_model_endpoint(
        project, model_endpoint_name="live", function_name="serving", model_path="delay"
    )
    return project


@pytest.fixture
def run(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(project.context)
    monkeypatch.setattr(output.console, "width", 200)

    return partial(called, monkeypatch, capsys, "drift")


def test_what_is_suggested_can_be_set_as_it_is_and_shows_what_may_be_chosen(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "drift.yaml"
    assert f"Wrote {file}." in run("suggest", "-o", str(file))
    text = file.read_text()
    assert "'*':\n    alarm_budget: 1 a month\n    floor: 0.1\n" in text
    assert "    ignore: [b]  # nearly every row has a value of its own" in text
    assert "    # segments: [country]  # judge each value apart" in text
    assert "is there already" in run("suggest", "-o", str(file), code=2)
    assert run("check", str(file)).endswith("0 errors, 0 warnings\n")
    assert "Version 1 of the drift file counts from now on." in run("set", str(file))
    commented = check_drift_file(text.replace("    # ", "    "))
    assert commented.findings == ()


def test_columns_are_compared_with_those_of_the_endpoints_that_a_section_is_for(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        "format: 1\nendpoints:\n  li*:\n    ignore: [cuontry, zzz]\n  liev:\n    ignore: [what]\n"
    )
    said = run("check", str(file), code=1)
    where = "error: endpoints.li*.ignore"
    assert f"{file}:4: {where}[0]: 'cuontry' names 'cuontry', no column here; did you mean country?" in said
    assert f"{where}[1]: 'zzz' names 'zzz', no column here; there are a, b, country, late" in said
    assert f"{file}:5: warning: endpoints.liev: fits no endpoint of the project; did you mean live?" in said
    assert "2 errors, 1 warning" in said
    assert run("check", str(file), "--json", code=1)["errors"] == 2
    assert "names 'zzz'" in run("set", str(file), code=2)
    assert run("show", "--history", "--json") == []
    assert "No such file" in run("check", "nowhere.yaml", code=2)


def test_a_file_is_set_by_version_and_taken_back(run: Run, project: Project, tmp_path: Path) -> None:
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text(FILE)
    second.write_text(OTHER)
    assert "no drift file is set" in run("show", code=2)
    assert run("set", str(first), "--json")["version"] == 1
    assert run("set", str(first), "--json")["version"] == 1, "the same again is the same"
    assert run("set", str(second), "--json")["version"] == 2
    assert run("show") == OTHER
    assert run("show", "--version", "1") == FILE
    assert "Version 3 of the drift file is taken back" in run("set", "--back")
    assert "no drift file is set" in run("show", code=2)
    assert [each["version"] for each in run("show", "--history", "--json")] == [3, 2, 1]
    assert "taken back" in run("show", "--history")
    assert "give a file, or --back" in run("set", code=2)
    assert "give a file, or --back" in run("set", str(first), "--back", code=2)
    records = open_records(project.settings)
    with records.read() as connection:
        found, _ = list_deeds(connection, 10)
    records.close()
    mine = [(each.what, each.of, each.outcome) for each in found if each.of == "drift file"]
    assert mine == [
        ("took the drift file back", "drift file", "version 3"),
        ("set the drift file", "drift file", "version 2"),
        ("set the drift file", "drift file", "version 1"),
    ]


def test_a_new_version_counts_from_the_next_window_on_and_each_is_read_once(project: Project) -> None:
    records, held = open_records(project.settings), HeldChoices()
    endpoint = Endpoint(endpoint_id="e", project="flights", name="live", function_name="serving")
    assert held.of(records, endpoint).version == 0
    project.set_drift_file(FILE)
    assert held.of(records, endpoint).each_weight == {"a": 3.0, "b": 0.0}
    project.set_drift_file(OTHER)
    assert (held.of(records, endpoint).version, held.of(records, endpoint).weights) == (2, {"a": 2.0})
    project.set_drift_file(None)
    taken_back = held.of(records, endpoint)
    assert (taken_back.version, taken_back.each_weight) == (3, {})
    records.close()


def test_a_file_that_a_newer_version_wrote_is_told_and_not_passed_over(project: Project) -> None:
    records = open_records(project.settings)
    with records.write() as connection:
        ledger.set_file(connection, "format: 9\nendpoints: {}\n", "ada", 1)
    endpoint = Endpoint(endpoint_id="e", project="flights", name="live", function_name="serving")
    with pytest.raises(ConfigError, match=r"version 1 of the drift file:\n.*write format: 1"):
        HeldChoices().of(records, endpoint)
    records.close()


@pytest.mark.parametrize("file", [7, "", Path("nowhere.yaml"), b"format: 1\n", "a\0b"])
def test_what_is_no_text_and_no_path_is_refused(project: Project, file: Any) -> None:
    with pytest.raises(ConfigError, match="drift file: "):
        project.set_drift_file(file)


def test_private_columns_are_not_suggested_nor_shown_and_are_no_segments(tmp_path: Path) -> None:
    project = with_endpoint(make(tmp_path / "flights", private="b, country"))
    suggested = project.suggest_drift_file()
    assert not any(word in suggested for word in ("[b]", "country"))
    with pytest.raises(ConfigError, match="is a private column, and a segment is shown by its value"):
        project.set_drift_file("format: 1\nendpoints:\n  live:\n    segments: [country]\n")
    assert project.set_drift_file(FILE).text == NOT_SHOWN
    (shown,) = project.list_drift_files()
    assert shown.text == NOT_SHOWN
    project.set_drift_file("format: 1\nendpoints:\n  live:\n    weights: {a: 2}\n")
    assert "weights: {a: 2}" in project.list_drift_files()[0].text


def test_log_model_keeps_the_segments_that_the_file_names_or_those_it_is_given(project: Project) -> None:
    def columns(**given: Any) -> list[str]:
        model = project.log_model("delay", training_set=training(), label_column="late", **given)
        return [each.column for each in profile_from_json(model.profile).segments]

    assert columns() == []
    project.set_drift_file(
        "format: 1\nendpoints:\n  live: {segments: [country]}\n  new: {segments: [gone]}\n"
    )
    assert columns() == ["country"]
    assert columns(segments=[]) == []
    assert columns(segments=["late"]) == ["late"]
    for wrong, words in ((["contry"], "did you mean country?"), ("country", "must be a list of columns")):
        with pytest.raises(ConfigError, match=words):
            columns(segments=wrong)
    with pytest.raises(ConfigError, match="segments: goes together with training_set"):
        project.log_model("delay", inputs=["a"], segments=["a"])


@pytest.mark.parametrize(
    ("section", "said", "errors"),
    [
        ("floors: {country: 1.5 °C}", "is of 'country', whose values have no unit", 1),
        ("ignore: [a, b, country, late]", "leaves out every column", 1),
        ("segments: [a]", "is a number: only values that many rows have are judged apart", 0),
    ],
)
def test_what_can_judge_nothing_is_told(
    run: Run, tmp_path: Path, section: str, said: str, errors: int
) -> None:
    file = tmp_path / "drift.yaml"
    file.write_text(f"format: 1\nendpoints:\n  live:\n    {section}\n")
    found = run("check", str(file), code=errors)
    assert said in found
