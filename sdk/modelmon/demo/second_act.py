"""The demo's second act: the model that drifted is trained anew on stored rows, judged on what followed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from modelmon.demo.outcome import Outcome
from modelmon.demo.place import PROJECT
from modelmon.errors import UnavailableError
from modelmon.ledger import job_runs
from modelmon.local import Runner
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.telling import quietly
from modelmon.project import get_or_create_project
from modelmon.views.challenger_words import metric_rows, sentences
from modelmon.views.challengers import Challenger, list_challengers

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from modelmon.ledger.job_runs import JobRun
    from modelmon.project import Project

JOB = "retrain"
WAIT_SECONDS, LOOK_SECONDS = 600.0, 0.2


def second_act(project_dir: Path, found: Sequence[Outcome], console: Console) -> list[str]:
    """Retrain, judge, and show both side by side; returns what went wrong, in words."""
    outcome = most_drifted(found)
    if outcome is None:
        return ["No week was judged: there is nothing to retrain for."]
    name = outcome.endpoint_name
    until = max(outcome.judged, key=lambda week: week.feature_drift).start
    console.print(
        f"\n[bold]The second act.[/] {name} drifted most in the week of {until:%d %b}: it is trained anew on "
        f"the stored rows of before, with what came true of them, and judged on the weeks from then on …",
        highlight=False,
    )
    project = get_or_create_project(PROJECT, context=project_dir)
    run = _run(project, name, until, console)
    if run.state != job_runs.DONE:
        return [f"The job {run.state}: {run.why}"]
    challenger = _challenger(project)
    show(challenger, console)
    _say_what_next(challenger, project_dir, console)
    return []


def most_drifted(found: Sequence[Outcome]) -> Outcome | None:
    """Of the endpoints that were judged the one whose features went furthest from its training set."""
    judged = [each for each in found if each.judged]
    return max(judged, key=lambda each: max(week.feature_drift for week in each.judged), default=None)


def show(found: Challenger, console: Console) -> None:
    """What the review says."""
    review = found.review
    if review is None:
        console.print("The challenger was not judged.", style="red")
        return
    for sentence in sentences(review):
        console.print(sentence, highlight=False)
    console.print(side_by_side(found))


def side_by_side(found: Challenger) -> Table:
    """Every metric of both."""
    from rich.table import Table

    table = Table(
        "", "champion", "challenger", title=f"{found.model} beside what is served, on the same flights"
    )
    for row in metric_rows(found.review) if found.review else ():
        table.add_row(*row)
    return table


def _run(project: Project, name: str, until: date, console: Console) -> JobRun:
    from modelmon.demo.chain import REQUIREMENTS

    code = Path(__file__).with_name("retraining_job.py")
    with quietly(), console.status("Preparing the job …"):
        job = project.set_job(JOB, code, requirements=REQUIREMENTS)
        job.deploy()
    with Runner(project.context) as runner, console.status(f"Training {name} anew, and judging it …"):
        runner.wait_until_ready()
        with quietly():
            run_id = job.run(name, end=until.isoformat())
        return _ended(project, run_id)


def _ended(project: Project, run_id: str) -> JobRun:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with opened(project.settings) as database, database.read() as connection:
            run = job_runs.one_run(connection, run_id)
        if run is not None and run.done_us is not None:
            return run
        time.sleep(LOOK_SECONDS)  # the run is a process of its own: its row is all that tells of it
    raise UnavailableError(f"the job has not ended in {WAIT_SECONDS:g} s; its log says why")


def _challenger(project: Project) -> Challenger:
    with opened(project.settings) as database, database.read() as connection:
        return list_challengers(connection, project.settings, 1).challengers[0]


def _say_what_next(found: Challenger, project_dir: Path, console: Console) -> None:
    console.print(
        "Nothing is deployed: a person decides, on the page under Models, Challengers, or by\n"
        f"  [bold]modelmon challenger approve {found.number} --project-dir {project_dir}[/]",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
