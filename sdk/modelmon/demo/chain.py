"""The demo step by step: what a user of the project SDK would write, with a progress bar."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from modelmon.demo.actuals import ADayLater
from modelmon.demo.data import (
    ACTUAL,
    FEATURES,
    PREDICTION,
    SCORE,
    HourOfRequests,
    actuals_by_day,
    data_folder,
    load_flights,
    requests_by_hour,
    training_flights,
)
from modelmon.demo.incidents import IncidentLines, courses, summary
from modelmon.demo.last_page import findings, still_right, worst_features, year
from modelmon.demo.outcome import Outcome, outcomes
from modelmon.demo.place import PROJECT, SETTINGS, clear
from modelmon.demo.replay import replay
from modelmon.demo.second_act import second_act
from modelmon.demo.training import train
from modelmon.local import Runner
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.telling import quietly
from modelmon.project import get_or_create_project
from modelmon.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from modelmon.views.incidents import Incident
    from modelmon.views.project_status import ProjectStatus

WEEK_MINUTES = 7 * 24 * 60
FUNCTION = "serving"
REQUIREMENTS = ["scikit-learn>=1.5", "joblib"]  # what unpickling the models imports
APP = "histogram-data-drift"
APPS = ("histogram-data-drift", "drift")
WITH_ACTUALS = ("model-performance", "concept-drift")
MATURITY = 0.9
"""A flight that was cancelled never gets an actual: in a week of storms 0.95 would wait for ever."""
INSTALL_SECONDS = "MODELMON_DEMO_INSTALL_SECONDS"
Traffic = Mapping[str, Sequence[HourOfRequests]]
Actuals = Mapping[date, "pd.DataFrame"]


def run_chain(
    project_dir: Path, console: Console, months: int = 12, *, goes_on: bool = False, retrain: bool = False
) -> int:
    """Everything from the data to the report, and where to look next, unless it `goes_on`."""
    began = time.monotonic()
    if clear(project_dir):
        console.print(f"Removed the state that the run before had left in {project_dir}.", style="dim")
    console.print("Reading the flights that left New York in 2013, with the weather of their hour …")
    flights = load_flights(data_folder())
    with quietly():
        deploy(project_dir, flights, console)
    replayed = flights[flights["month"] <= months].reset_index(drop=True)
    traffic = {model: list(requests_by_hour(replayed, model)) for model in FEATURES}
    settings = serve_and_watch(project_dir, traffic, actuals_by_day(replayed), console)
    stored = read_status(settings)
    console.print(f"The year came to {summary(stored.incidents)}.")
    found = outcomes(stored.endpoints, stored.results, APP)
    seconds = time.monotonic() - began
    show(found, stored.incidents, console)
    problems = list(_problems(found, traffic))
    problems += second_act(project_dir, found, console) if retrain and not problems else []
    for problem in problems:
        console.print(problem, style="red")
    _say_times(seconds, console)
    if not goes_on:
        _say_what_next(project_dir, console)
    return 1 if problems else 0


def deploy(project_dir: Path, flights: pd.DataFrame, console: Console) -> None:
    """Train both models, log them, and deploy them and the functions that monitor them."""
    project = get_or_create_project(PROJECT, context=project_dir, **SETTINGS)
    with console.status("Preparing the functions; the first time this may install what they need …"):
        project.enable_model_monitoring(base_period=WEEK_MINUTES, apps=APPS)
        for name in WITH_ACTUALS:
            project.set_model_monitoring_function(name, maturity=MATURITY).deploy()
    code = str(Path(__file__).with_name("flights.py"))
    serving = project.set_function(code, name=FUNCTION, kind="serving", requirements=REQUIREMENTS)
    asked = training_flights(flights)
    for name in FEATURES:
        model = train(asked, name, project_dir / "training" / name / "model.joblib")
        console.print(f"Trained {name} on {model.rows:,} flights of January and February.")
        logged = project.log_model(
            name, model_file=str(model.path), training_set=model.reference, label_column=ACTUAL,
            task="binary", prediction=PREDICTION, score=SCORE, positive=1, time_column="time",
        )  # fmt: skip
        serving.add_model(name, model_path=logged.uri, class_name="LateFlights", **model.parameters)
    serving.set_tracking(tracking_policy={"client_time": True})
    project.deploy_function(serving)


def serve_and_watch(project_dir: Path, traffic: Traffic, came_true: Actuals, console: Console) -> Settings:
    """Run the functions, send them the year, a day later what came true, and wait for all verdicts."""
    project = get_or_create_project(PROJECT, context=project_dir)
    later = {model: ADayLater(project, model, came_true) for model in traffic}
    lines = IncidentLines(console)
    with Runner(project_dir, tell=lines.tell) as runner:
        with console.status("Starting the functions …"):
            runner.wait_until_ready()
        requests = sum(map(len, traffic.values()))
        console.print(f"Replaying the year hour by hour: {requests:,} requests, {_rows(traffic):,} rows.")
        with _bar(console) as bar:
            task = bar.add_task("rows sent", total=_rows(traffic))
            replay(
                runner.address(FUNCTION), traffic, lambda rows: bar.advance(task, rows),
                lambda model, day: later[model].over(day),
            )  # fmt: skip
            for each in later.values():
                each.rest()
        with console.status("Waiting for the last verdicts …") as status:
            runner.wait_until_idle(progress=lambda left: status.update(f"Waiting: {left or 'done'}"))
        return runner.settings


def read_status(settings: Settings) -> ProjectStatus:
    """What the stores know of both endpoints, with every incident there was."""
    from modelmon.ledger.records import open_records
    from modelmon.stores.series import open_series
    from modelmon.views.project_status import project_status

    records, series = open_records(settings), open_series(settings)
    try:
        return project_status(records, series, {}, wall_clock_us(), settings, since_us=0)
    finally:
        series.close()
        records.close()


def show(found: Sequence[Outcome], incidents: Sequence[Incident], console: Console) -> None:
    """The report."""
    console.print()
    for outcome in found:
        console.print(year(outcome))
    console.print(
        "One bar a week. feature_drift: ▁ is 0, █ is 1; drift: ▅ is its threshold, █ twice that or more;\n"
        "accuracy: ▁ is half of the flights, █ all. Green: calm, yellow: suspected, red: detected, ·: no\n"
        "verdict, for the data fill only a part of the week, or too few actuals came.\n",
        style="dim",
        highlight=False,
    )
    console.print(courses(incidents))
    console.print(findings(found))
    console.print(still_right(found))
    console.print(worst_features(found))


def _problems(found: Sequence[Outcome], traffic: Traffic) -> Iterator[str]:
    """Why the report is not of the whole year, if it is not."""
    sent, received = _rows(traffic), sum(outcome.received for outcome in found)
    if received != sent:
        yield f"{received:,} rows arrived of {sent:,} that were sent; the log of {FUNCTION} says why."
    for outcome in found:
        if outcome.failed or not outcome.weeks:
            yield f"{outcome.endpoint_name}: the app failed on some weeks; its log says why."


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True,
    )  # fmt: skip


def _rows(traffic: Traffic) -> int:
    return sum(hour.rows for hours in traffic.values() for hour in hours)


def _say_times(seconds: float, console: Console) -> None:
    installed = os.environ.get(INSTALL_SECONDS)
    before = f" (the installation before it: {installed} s)" if installed else ""
    console.print(f"The run took {seconds:.0f} s{before}.")


def _page(command: str, project_dir: Path) -> str:
    """The command; where `make demo` has made the project, its target."""
    if os.environ.get(INSTALL_SECONDS):
        return "make dashboard"
    return f"{command} dashboard --project-dir {project_dir}"


def _say_what_next(project_dir: Path, console: Console) -> None:
    command = "modelmon" if which("modelmon") else f"{os.path.relpath(Path(sys.executable).parent)}/modelmon"
    next_things = {
        _page(command, project_dir): "the page of the project, until Ctrl-C",
        f"{command} status --project-dir {project_dir}": "endpoints and incidents; --json for scripts",
        f"{command} endpoint delay-weather --project-dir {project_dir}": "its year, its features",
        f"{project_dir}/.modelmon/samples/": "every row as Parquet, for pandas or DuckDB",
        f"{project_dir}/.modelmon/functions/": "the function folders that ran, as they go to Nuclio",
        "'Write an app' in the docs": "how to write an app of your own",
    }
    console.print("\nWhat to look at next:")
    for what, why in next_things.items():
        console.print(f"  [bold]{what}[/]\n      {why}", highlight=False, soft_wrap=True)
