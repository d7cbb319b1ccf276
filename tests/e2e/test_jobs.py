"""Runs of jobs: each in a process of its own, which logs a challenger, fails, takes too long or is killed."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pytest
from sklearn.tree import DecisionTreeClassifier

from deploying import eventually
from modelmon.alerting import check_alerts
from modelmon.cli import main
from modelmon.client import RemoteProject
from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.function_spec.folders import functions_folder
from modelmon.ledger import action_runs, job_runs
from modelmon.ledger.action_runs import ActionRun
from modelmon.ledger.alert_files import set_file
from modelmon.ledger.job_runs import JobRun
from modelmon.local import Runner
from modelmon.model import to_us, wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.project import Project
from modelmon.project.deciding import approve, roll_back
from modelmon.project.invoking import invoke
from modelmon.project.jobs import ask_run
from modelmon.settings import Settings
from modelmon.stages.job import JobStage
from modelmon.stages.notifier import Notifier
from project_support import again
from unit.challenging_support import DAYS, ROWS, endpoint_of, log, serve, served, served_project, shown

pytestmark = pytest.mark.e2e

CODE = """
    import os, signal, subprocess, time
    from pathlib import Path

    import pandas as pd

    from modelmon.nuclio import job_handlers
    from modelmon.retraining import JobContext


    def retrain(context: JobContext) -> None:
        how = context.asked.get("how", "")
        if how == "fails":
            raise ValueError("no such column")
        if how == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "sleeps":
            time.sleep(600)  # longer than its time: it is ended
        if how == "outlives":
            child = subprocess.Popen(["sleep", "600"])
            Path("pids.tmp").write_text(f"{os.getpid()} {child.pid}")
            os.rename("pids.tmp", "pids")
            time.sleep(600)  # its worker is killed meanwhile
        if how == "exits":
            raise SystemExit(3)
        if how == "takes memory":
            bytearray(4_000_000_000)
        rows = context.samples(actuals=True)
        known = rows[rows[context.actual].notna()]
        past = known.iloc[: len(known) // 2]
        limit = float(past["x"][past[context.actual] == 1].min())
        said = (past["x"] > limit).astype(int)
        frame = past[["timestamp", "x", context.actual]].assign(late=said)
        context.log_challenger(
            body=str(limit), model_file="limit.txt", training_set=frame, label_column=context.actual,
            time_column="timestamp",
        )


    init_context, handler = job_handlers(retrain)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = served_project(tmp_path)
    serve(project)
    (tmp_path / "retrain.py").write_text(textwrap.dedent(CODE), encoding="utf-8")
    monkeypatch.setenv("MODELMON_PROJECT_DIR", str(tmp_path))
    monkeypatch.setenv("MODELMON_JOB", "retrain")
    return project


@pytest.fixture
def stages(project: Project) -> Iterator[Callable[..., JobStage]]:
    made: list[JobStage] = []

    def make(file: Path = Path("retrain.py"), **settings: Any) -> JobStage:
        spec = importlib.util.spec_from_file_location("retrain", project.context / file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        made.append(JobStage.open(Settings.load(project.context, **settings), module.retrain))
        return made[-1]

    yield make
    for each in made:
        asyncio.run(each.close())
    sys.modules.pop("retrain", None)


def ask(project: Project, how: str = "", run_id: str = "1" * 32, **more: Any) -> None:
    asked = json.dumps({"how": how, "action": "again", **more})
    with opened(project.settings) as database, database.write() as connection:
        run = JobRun(run_id, "retrain", endpoint_of(project).endpoint_id, asked, "anna", 1)
        job_runs.request(connection, run)


def ended(project: Project, run_id: str = "1" * 32) -> JobRun:
    def found() -> JobRun | None:
        with opened(project.settings) as database, database.read() as connection:
            run = job_runs.one_run(connection, run_id)
        return run if run is not None and run.done_us is not None else None

    run = eventually(found, within=180.0)
    assert run is not None
    return run


def test_a_run_logs_a_challenger_that_is_judged_on_what_it_has_not_seen(
    project: Project, stages: Callable[..., JobStage]
) -> None:
    ask(project)
    stages()
    run = ended(project)
    assert (run.state, run.why) == ("done", "")
    found = shown(project)
    assert (found.state, found.model, found.run_id) == ("awaiting review", "delay-2", run.run_id)
    assert found.review is not None
    assert (found.review.verdict, found.review.known) == ("better", DAYS * ROWS // 2)
    assert served(project).model_path == "models/delay/limit.txt"


@pytest.mark.parametrize(
    ("how", "state", "why"),
    [
        ("fails", "failed", "ValueError: no such column"),
        ("is killed", "failed", "its process was ended by SIGKILL"),
        ("sleeps", "timed out", "it took longer than 4 s (job_seconds)"),
        ("exits", "failed", "SystemExit: 3"),
        ("takes memory", "failed", "it ran out of memory (job_memory_megabytes)"),
    ],
)
def test_how_a_run_ends_is_told_and_the_next_one_begins(
    project: Project, stages: Callable[..., JobStage], how: str, state: str, why: str
) -> None:
    limits = {"job_memory_megabytes": 2_000} if how == "takes memory" else {}
    ask(project, how)
    stage = stages(job_seconds=4.0 if how == "sleeps" else 300.0, **limits)
    run = ended(project)
    assert (run.state, run.why) == (state, why)
    assert stage.health()["healthy"]
    ask(project, "fails", "2" * 32)
    status, _, _ = stage.handle("POST", "/", {}, {"run_id": "2" * 32})
    assert status == 202
    assert ended(project, "2" * 32).state in ("failed", "timed out")


def test_the_same_run_asked_for_again_starts_nothing(
    project: Project, stages: Callable[..., JobStage]
) -> None:
    ask(project, "fails")
    stage = stages()
    first = ended(project)
    ask(project, "")
    assert stage.handle("POST", "/", {}, {"run_id": first.run_id})[0] == 202
    assert stage.handle("POST", "/", {}, {"run_id": "3" * 32})[0] == 404
    assert stage.handle("GET", "/", {}, b"")[0] == 400
    assert ended(project) == first


def test_with_auto_approve_what_is_better_is_deployed(
    project: Project, stages: Callable[..., JobStage]
) -> None:
    ask(project, auto_approve=True)
    stages()
    assert ended(project).state == "done"
    found = shown(project)
    assert (found.state, found.who) == ("deployed", "auto_approve of again")
    assert served(project).model_path == "models/delay-2/limit.txt"


def test_a_run_whose_worker_was_killed_has_failed_when_its_time_is_over(
    project: Project, stages: Callable[..., JobStage]
) -> None:
    ask(project)
    with opened(project.settings) as database, database.write() as connection:
        assert job_runs.start(connection, "1" * 32, 1, 2)
    stages()
    assert (ended(project).state, ended(project).why) == ("failed", job_runs.KILLED)


WORKER = """
import sys, time
sys.path.insert(0, ".")
from modelmon.settings import Settings
from modelmon.stages.job import JobStage
import retrain
JobStage.open(Settings.load(), retrain.retrain)
time.sleep(600)  # until it is killed
"""


def test_a_run_ends_with_all_it_started_when_its_worker_is_killed(project: Project) -> None:
    ask(project, "outlives")
    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=project.context)
    pids = project.context / "pids"
    eventually(pids.exists, within=180.0)
    worker.kill()
    worker.wait()
    for pid in pids.read_text(encoding="utf-8").split():
        eventually(lambda pid=pid: is_gone(int(pid)), within=60.0)


@pytest.mark.parametrize("seconds", [0.1, 1e12])
def test_a_run_that_nobody_ends_ends_itself_when_its_time_is_over(seconds: float) -> None:
    """Its worker may be stopped, and hold the pipe still; a time without end is one."""
    lifeline, ours = os.pipe()
    code = f"import time; from modelmon.retraining.lifeline import hold; hold({lifeline}, {seconds}); "
    sleeping = subprocess.Popen(
        [sys.executable, "-c", code + "print('held', flush=True); time.sleep(600)"],
        pass_fds=(lifeline,), start_new_session=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    os.close(lifeline)
    assert sleeping.stdout is not None
    with sleeping.stdout as said:
        held = said.readline()
    if seconds > 1:
        assert (held, sleeping.poll()) == (b"held\n", None)
        os.close(ours)
    assert sleeping.wait(60) == -signal.SIGKILL


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_embedded_runner_runs_what_a_person_asks_for(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODELMON_JOB")
    project.set_job("retrain", "retrain.py").deploy()
    with pytest.raises(ConfigError, match="there is no job 'retrian'"):
        ask_run(project.settings, "retrian", "delay", None, None)
    with Runner(project.context) as runner:
        runner.wait_until_ready()
        run_id = project.get_function("retrain").run("delay")  # type: ignore[union-attr, call-arg]
        assert ended(project, run_id).state == "done"
    assert shown(project).review is not None
    assert os.environ.get("MODELMON_JOB") is None


def test_the_function_of_the_page_is_asked_from_another_machine(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks for a run, looks at what came of it, approves it and takes it back."""
    monkeypatch.delenv("MODELMON_JOB")
    monkeypatch.setenv("MODELMON_DASHBOARD", "serve")
    again(project).enable_model_monitoring(apps=[])
    project.set_job("retrain", "retrain.py").deploy()
    with Runner(project.context) as runner:
        runner.wait_until_ready()
        with RemoteProject("flights", f"http://{runner.address('modelmon-api')}") as there:
            run_id = there.run_job("retrain", "delay")
            assert ended(project, run_id).state == "done"
            (run,) = there.list_job_runs()
            assert (run.run_id, run.state, run.challenger) == (run_id, "done", 1)
            assert there.get_challenger(1).verdict == "better"
            assert there.approve_challenger(1, "better in every week").state == "deployed"
            assert served(project).model_path == "models/delay-2/limit.txt"
            assert there.roll_back_challenger(1).state == "rolled back"
            assert [each.state for each in there.list_challengers().challengers] == ["rolled back"]
    assert served(project).model_path == "models/delay/limit.txt"


def test_what_was_approved_and_not_deployed_is_deployed_by_the_notifier(project: Project) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    folders = functions_folder(project.context)
    aside = folders.rename(folders.with_name("aside"))
    folders.write_text("no folder: nothing can be written here")
    assert approve(project, 1, "as it is").state == "approved"
    folders.unlink()
    aside.rename(folders)
    notifier = Notifier.open(project.settings)
    next_try = shown(project).next_try
    assert next_try is not None
    notifier.tick_blocking(to_us(next_try))
    eventually(lambda: shown(project).state == "deployed", within=180.0)
    asyncio.run(notifier.close())
    assert served(project).model_path == "models/delay-2/limit.txt"


def test_the_job_that_one_begins_with_fits_a_champion_of_scikit_learn_anew(
    project: Project, stages: Callable[..., JobStage], monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.linspace(0, 1, 200)
    joblib.dump(
        DecisionTreeClassifier().fit(x[:, None], (x > 0.8).astype(int)), project.context / "tree.joblib"
    )
    frame = pa.table({"x": x, "late": (x > 0.8).astype(int)})
    model = project.log_model(
        "tree", model_file="tree.joblib", training_set=frame, label_column="late", task="binary",
        prediction="late", positive=1,
    )  # fmt: skip
    project.set_function(name="serving").add_model("delay", model_path=model.uri).set_tracking()
    project.deploy_function("serving")
    monkeypatch.chdir(project.context)
    monkeypatch.setattr(sys, "argv", ["modelmon", "job", "new", "again"])
    with pytest.raises(SystemExit) as done:
        main()
    assert not done.value.code
    ask(project)
    stages(Path("functions/jobs/again/main.py"))
    run = ended(project)
    assert (run.state, run.why) == ("done", "")
    found = shown(project)
    assert (found.model, found.state) == ("tree-2", "awaiting review")
    assert found.review is not None
    assert (found.review.verdict, found.review.known) == ("better", DAYS * ROWS // 4)


ALERTS = """
    format: 1
    actions:
      again: {kind: retrain, job: retrain}
    rules:
      - {name: a, action: again}
"""


def test_what_an_incident_starts_is_reviewed_approved_and_served_and_taken_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the embedded platform, with the functions as they run: the notifier wakes the job, the serving
    function starts anew with the model that a person approves."""
    monkeypatch.delenv("MODELMON_JOB")
    project.set_job("retrain", "retrain.py").deploy()
    alerts = check_alerts(textwrap.dedent(ALERTS)).alerts
    assert alerts is not None
    run = ActionRun(
        "4" * 32, "again", "retrain", "a", 7, endpoint_of(project).endpoint_id, '{"incident_id": 7}', 1
    )
    with opened(project.settings) as database, database.write() as connection:
        set_file(connection, textwrap.dedent(ALERTS), "anna", 1)
        action_runs.request(connection, alerts.actions["again"], run)

    def answer() -> Any:
        try:
            found = invoke(project.settings, "serving", "/v2/models/delay/infer", {"inputs": [[0.6]]})
        except (UnavailableError, RejectedError):  # it starts anew
            return None
        return found["outputs"]

    with Runner(project.context) as runner:
        runner.wait_until_ready()
        assert answer() == [0]
        notifier = Notifier.open(project.settings)
        assert notifier.tick_blocking(wall_clock_us())["started"] == 1
        asyncio.run(notifier.close())
        assert ended(project, run.run_id).state == "done"
        assert answer() == [0], "nothing is deployed by itself"
        assert approve(project, 1, "better").state == "deployed"
        eventually(answer, lambda found: found == [1], within=120.0)
        assert roll_back(project, 1).state == "rolled back"
        eventually(answer, lambda found: found == [0], within=120.0)
