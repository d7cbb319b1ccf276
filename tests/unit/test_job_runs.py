"""A run of a job: what it may still do once it is over, and what it is given."""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from modelmon.errors import ConfigError
from modelmon.ledger import job_runs
from modelmon.ledger.job_runs import FAILED, JobRun
from modelmon.model import from_us
from modelmon.model_monitoring.locating import opened
from modelmon.project import Project
from modelmon.project.deciding import approve
from modelmon.retraining.__main__ import main
from modelmon.retraining.job import job_context
from modelmon.retraining.newest_rows import check_most, newest_from
from modelmon.retraining.reviewing import review_logged
from streaming import NOW_US
from unit.challenging_support import DAY, DAYS, ROWS, endpoint_of, log, serve, served_project, shown

RUN = "1" * 32


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("MODELMON_PROJECT_DIR", str(tmp_path))
    return served_project(tmp_path)


def begin(project: Project, **asked: Any) -> None:
    run = JobRun(RUN, "retrain", endpoint_of(project).endpoint_id, json.dumps(asked), "anna", 1)
    with opened(project.settings) as database, database.write() as connection:
        job_runs.request(connection, run)
        assert job_runs.start(connection, RUN, 1, 2)


def end(project: Project) -> None:
    """As another worker does when its time is over."""
    with opened(project.settings) as database, database.write() as connection:
        assert job_runs.finish(connection, RUN, FAILED, job_runs.KILLED, 3)


OVER = """
    from modelmon.ledger import job_runs
    from modelmon.model_monitoring.locating import opened


    def retrain(context):
        context.log_challenger(body="0.5", model_file="limit.txt", inputs=["x"], outputs=["late"])
        with opened(context.project.settings) as database, database.write() as connection:
            job_runs.end_overdue(connection, 10)
"""


def test_a_run_that_is_over_has_its_challenger_neither_judged_nor_approved(project: Project) -> None:
    begin(project, auto_approve=True, action="again")
    code = project.context / "over.py"
    code.write_text(textwrap.dedent(OVER), encoding="utf-8")
    assert main(RUN, str(code), "retrain") == 1
    found = shown(project)
    assert (found.state, found.run_id, found.review) == ("awaiting review", RUN, None)
    with opened(project.settings) as database, database.read() as connection:
        run = job_runs.one_run(connection, RUN)
    assert run is not None
    assert (run.state, run.why) == (FAILED, job_runs.KILLED)


def test_a_run_that_was_over_before_it_began_runs_nothing(project: Project) -> None:
    begin(project)
    end(project)
    with pytest.raises(ConfigError, match="is failed, not running"):
        job_context(project.settings, RUN)


def test_a_run_that_ends_while_it_judges_approves_nothing(project: Project) -> None:
    begin(project)
    log(project, "delay-2", 0.5, challenger_of="delay")
    end(project)
    with pytest.raises(ConfigError, match="is failed, not running"):
        approve(project, 1, comment="as agreed", run_id=RUN)
    assert shown(project).state == "awaiting review"


def test_of_more_rows_than_fit_the_newest_are_read_and_the_log_says_so(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    serve(project)
    begin(project)
    context = job_context(project.settings, RUN)
    every = context.samples()
    assert (len(every), caplog.text) == (DAYS * ROWS, "")
    with caplog.at_level("INFO"):
        newest = context.samples(most=100)
    pd.testing.assert_frame_equal(newest, every.iloc[-100:].reset_index(drop=True))
    assert "the newest 100 of about 480 stored rows are read" in caplog.text
    older = context.samples(end=newest["timestamp"].iloc[0].isoformat(), most=30)
    assert older["timestamp"].max() < newest["timestamp"].min()
    assert len(older) == 30


def test_what_is_left_out_is_not_read_where_it_has_files_of_its_own(project: Project) -> None:
    """Each day was written for itself; compaction may have joined some."""
    serve(project)
    begin(project)
    context = job_context(project.settings, RUN)
    span = 0, NOW_US + DAY
    first_us, stored = newest_from(project.settings, context.endpoint, span, 3 * ROWS)
    assert (first_us, stored) == (NOW_US - 3 * DAY, DAYS * ROWS)
    assert newest_from(project.settings, context.endpoint, span, 10**9) == (0, stored)


def test_a_wide_endpoint_has_fewer_rows_by_default_and_a_number_lifts_it(project: Project) -> None:
    narrow = endpoint_of(project)
    wide = replace(narrow, feature_names=tuple(f"x{each}" for each in range(400)))
    assert [check_most(None, each) for each in (narrow, wide)] == [500_000, 49_751]
    assert check_most(10**9, wide) == 10**9


@pytest.mark.parametrize("most", [0, -1, True, 1.5, "all"])
def test_a_number_of_rows_that_can_t_be_is_refused(project: Project, most: Any) -> None:
    begin(project)
    with pytest.raises(ConfigError, match=f"most: must be a whole number of rows, 1 or more, got {most!r}"):
        job_context(project.settings, RUN).samples(most=most)


@pytest.mark.parametrize(("timed", "state"), [(True, "deployed"), (False, "awaiting review")])
def test_auto_approve_takes_no_challenger_that_may_have_learned_the_answers(
    project: Project, timed: bool, state: str
) -> None:
    serve(project)
    begin(project, auto_approve=True)
    context = job_context(project.settings, RUN)
    at = {"at": [from_us(NOW_US - 2 * DAYS * DAY)] * 2} if timed else {}
    frame = pa.table({"x": [0.1, 0.9], "late": [0, 1], **at})
    context.log_challenger(body="0.5", model_file="limit.txt", training_set=frame, label_column="late")
    review_logged(project, RUN, context.asked)
    assert shown(project).state == state
    assert shown(project).verdict == ("better" if timed else "not judged")
