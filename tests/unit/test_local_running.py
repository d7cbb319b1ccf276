"""Who runs a project, seen from outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelmon.errors import ConfigError
from modelmon.function_spec.folders import report_file, state_folder
from modelmon.local import Runner
from modelmon.local.runner_state import RunnerReport, RunnerState, is_running, lock_project, read_report


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
    assert read_report(project) == RunnerState(os.getpid())
    os.close(held)
    assert report_file(project).exists()
    assert read_report(project) == RunnerState()


def test_an_unchanged_report_is_not_written_again(project: Path) -> None:
    report = RunnerReport(project)
    report.write([])
    report_file(project).unlink()
    report.write([])
    assert not report_file(project).exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"stream_path": "ftp://x"}, "stream_path: stream ftp://…: unknown scheme 'ftp', known are kafka://"),
        ({"events_stream": "ftp://x/y"}, "events_stream: stream ftp://…: unknown scheme 'ftp'"),
        ({"stream_path": "kafka://host:99999"}, "stream_path: .*has no port from 1 to 65535"),
        ({"app_stream": "kafka://host/a b-{name}"}, "app_stream: .*is no topic"),
    ],
)
def test_streams_that_can_t_be_are_refused_before_anything_starts(
    project: Path, given: dict[str, str], says: str
) -> None:
    runner = Runner(project, **given)
    with pytest.raises(ConfigError, match=says):
        runner.start()
    assert not runner.running
    runner.stop()
