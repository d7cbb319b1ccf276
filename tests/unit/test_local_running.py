"""Who runs a project, seen from outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelmon.errors import ConfigError
from modelmon.local.folders import report_file, state_folder
from modelmon.local.running import NOBODY, RunnerReport, is_running, lock_project, read_report


@pytest.fixture
def project(tmp_path: Path) -> Path:
    state_folder(tmp_path).mkdir()
    return tmp_path


def test_a_project_is_run_as_long_as_its_lock_is_held(project: Path) -> None:
    assert not is_running(project)
    held = lock_project(project)
    assert is_running(project)
    with pytest.raises(ConfigError, match=f"run already, by process {os.getpid()}: end that one first"):
        lock_project(project)
    os.close(held)
    assert not is_running(project)
    os.close(lock_project(project))


def test_the_report_of_a_runner_that_was_killed_counts_for_nothing(project: Path) -> None:
    held = lock_project(project)
    RunnerReport(project).write([])
    assert read_report(project) == {"pid": os.getpid(), "functions": []}
    os.close(held)
    assert report_file(project).exists()
    assert read_report(project) == NOBODY


def test_an_unchanged_report_is_not_written_again(project: Path) -> None:
    report = RunnerReport(project)
    report.write([])
    report_file(project).unlink()
    report.write([])
    assert not report_file(project).exists()
