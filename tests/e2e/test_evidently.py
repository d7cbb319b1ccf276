"""The base of Evidently's apps beside the real one, in the environment that its example asks for."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from foreign_apps import EXAMPLES, environment_made
from modelmon.function_spec.telemetry import NO_TELEMETRY
from small_wheels import environments_below

SCRIPT = Path(__file__).parents[1] / "services" / "evidently_answers.py"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("environments"),
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("evidently")
    with pytest.MonkeyPatch.context() as patch:
        environments_below(folder, patch)
        python = environment_made(EXAMPLES / "evidently", folder / "uv.log")
    (folder / "temporary").mkdir()
    environment = {**os.environ, **NO_TELEMETRY, "TMPDIR": str(folder / "temporary")}
    command = [python, "-P", str(SCRIPT), str(folder)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_window_that_is_judged_again_replaces_its_run(said: dict[str, Any]) -> None:
    assert said["runs"] == 3


def test_a_report_is_a_page_of_html_under_its_whole_name(said: dict[str, Any]) -> None:
    assert said["pages"] == 1
    assert "<!DOCTYPE html>" in said["page"]


def test_a_dashboard_has_a_line_for_each_panel_over_the_runs_and_nothing_that_runs(
    said: dict[str, Any],
) -> None:
    """A run that was left half written is counted, and stops nothing."""
    board = said["board"]
    assert "Prüfung &lt;b&gt;" in board
    assert "Drift &lt;i&gt;" in board
    assert "4 runs of Evidently" in board
    assert "1 more could not be read" in board
    assert board.count('class="dot"') == 4
    assert "<script" not in board
    assert "http://" not in board.replace("http://www.w3.org/", "")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("all NaN", "ValueError: An empty column 'a' was provided"),
        ("infinite", "no error: "),
        ("no UUID", "ConfigError: evidently_project_id: must be a UUID such as 0199c3a1-"),
        ("None", "got None"),
        ("no path", "ConfigError: evidently_workspace_path: is needed, a folder"),
        ("a file", "is no folder and can't be a workspace"),
        ("not run", "must be what Report.run(current, reference) returned, got a Report"),
        ("huge", "bytes and 1,000 can be shown; give the report fewer columns"),
        ("no reference", "reference.parquet is not there: write the training set there and deploy again"),
        ("no span", "ConfigError: timestamp_end: must be after timestamp_start"),
    ],
)
def test_what_is_wrong_is_said(said: dict[str, Any], what: str, words: str) -> None:
    assert words in said[what]


def test_the_example_passes_over_a_column_that_the_window_has_no_value_of(said: dict[str, Any]) -> None:
    assert said["empty"] == ["a"]


def test_the_order_of_mlrun_1_7_is_that_of_the_old_name(said: dict[str, Any]) -> None:
    assert said["1.7's order"] == "Prüfung <b>"


def test_workers_that_start_at_once_make_one_project_with_its_panels_once(said: dict[str, Any]) -> None:
    assert said["at once"] == [[0, 0, 0, 0], 1]
