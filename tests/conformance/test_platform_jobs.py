"""A job on each platform: woken over HTTP by the notifier's action, it runs, is killed, and runs again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from chain_platforms import PLATFORMS, ChainPlatform
from deploying import eventually, is_alive
from modelmon.alerting import check_alerts
from modelmon.ledger import action_runs, job_runs
from modelmon.ledger.action_runs import ActionRun, run_id_of
from modelmon.ledger.alert_files import set_file
from modelmon.ledger.job_runs import JobRun
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.project import Project
from modelmon.stages.notifier import Notifier
from modelmon.views.challengers import list_challengers
from unit.challenging_support import endpoint_of, serve, served, served_project

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WITHIN = 180.0
HOUR_US = 3_600_000_000
EVENT_SECONDS = 1
"""Nuclio ends a worker whose event takes longer; a run may."""
CODE = """
    import json, os, subprocess, time
    from pathlib import Path

    from modelmon.nuclio import job_handlers
    from modelmon.retraining import JobContext


    def retrain(context: JobContext) -> None:
        asked, folder = dict(context.asked), context.project.context
        if asked.get("how") == "fails":
            raise ValueError("no such column")
        if asked.get("how") == "waits":
            child = subprocess.Popen(["sleep", "600"])
            (folder / "pids.new").write_text(f"{os.getpid()} {child.pid}")
            (folder / "pids.new").rename(folder / "pids")
            while not (folder / "go on").exists():
                time.sleep(0.05)  # a run of its own process: the test says when it goes on
            child.kill()
        rows = context.samples()
        known = rows[rows[context.actual].notna()]
        past = known.iloc[: len(known) // 2]
        told = {
            "asked": asked, "endpoint": context.endpoint.name, "reference": sorted(context.reference),
            "rows": len(rows), "known": len(known), "champion": context.champion and context.champion.key,
        }
        (folder / "told.json").write_text(json.dumps(told))
        limit = float(past["x"][past[context.actual] == 1].min())
        frame = past[["timestamp", "x", context.actual]].assign(late=(past["x"] > limit).astype(int))
        context.log_challenger(
            body=str(limit), model_file="limit.txt", training_set=frame, label_column=context.actual,
            time_column="timestamp",
        )


    init_context, handler = job_handlers(retrain)
"""
ALERTS = """
    format: 1
    actions:
      again: {{kind: retrain, job: retrain, url: 'http://{address}'}}
    rules:
      - {{name: delay-drifts, match: {{endpoints: delay}}, action: again}}
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A project whose functions run on a platform."""

    project: Project
    platform: ChainPlatform

    def post(self, body: object, method: str = "POST") -> tuple[int, dict[str, str]]:
        answer = httpx.request(method, f"http://{self.platform.address('retrain')}/", json=body, timeout=60)
        return answer.status_code, answer.json()

    def ask(self, number: int, how: str) -> str:
        """A run that a person asked for, before the job is woken."""
        run_id, asked = str(number) * 32, json.dumps({"how": how})
        with opened(self.project.settings) as database, database.write() as connection:
            endpoint_id = endpoint_of(self.project).endpoint_id
            job_runs.request(connection, JobRun(run_id, "retrain", endpoint_id, asked, "anna", number))
        return run_id

    def run(self, run_id: str) -> JobRun:
        with opened(self.project.settings) as database, database.read() as connection:
            found = job_runs.one_run(connection, run_id)
        assert found is not None
        return found

    def ended(self, run_id: str) -> tuple[str, str]:
        found = eventually(lambda: self.run(run_id), lambda run: run.done_us is not None, within=WITHIN)
        return found.state, found.why

    def tick(self, now_us: int) -> None:
        notifier = Notifier.open(self.project.settings)
        notifier.tick_blocking(now_us)
        asyncio.run(notifier.close())


@pytest.fixture(scope="module", params=PLATFORMS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("jobs") / "project"
    project = served_project(folder)
    serve(project)
    (folder / "retrain.py").write_text(textwrap.dedent(CODE), encoding="utf-8")
    project.set_job("retrain", "retrain.py").deploy()
    path = folder / ".modelmon" / "functions" / "retrain" / "function.yaml"
    limited = f"\nspec:\n  eventTimeout: {EVENT_SECONDS}s\n"
    path.write_text(path.read_text(encoding="utf-8").replace("\nspec:\n", limited), encoding="utf-8")
    platform: type[ChainPlatform] = request.param
    with platform(folder) as made:
        yield Running(project, made)


def test_an_action_has_the_job_log_a_challenger_of_what_it_is_given(running: Running) -> None:
    project, now_us = running.project, wall_clock_us()
    text = textwrap.dedent(ALERTS).format(address=running.platform.address("retrain"))
    alerts, endpoint = check_alerts(text).alerts, endpoint_of(project)
    assert alerts is not None
    body = {
        "incident_id": 7, "rule": "delay-drifts", "endpoint_id": endpoint.endpoint_id,
        "endpoint_name": "delay", "start_infer_time": "2026-11-01 00:00:00+00:00",
        "end_infer_time": "2026-11-01 00:10:00+00:00",
    }  # fmt: skip
    run_id = run_id_of(7, "again")
    wanted = ActionRun(
        run_id, "again", "retrain", "delay-drifts", 7, endpoint.endpoint_id, json.dumps(body), now_us,
        next_us=now_us,
    )  # fmt: skip
    with opened(project.settings) as database, database.write() as connection:
        set_file(connection, text, "anna", now_us)
        action_runs.request(connection, alerts.actions["again"], wanted)
    running.tick(now_us)
    running.tick(now_us + HOUR_US // 60)
    assert running.ended(run_id) == ("done", "")
    told = json.loads((project.context / "told.json").read_text(encoding="utf-8"))
    assert told["asked"] == {**body, "action": "again", "auto_approve": False}
    assert {name: told[name] for name in ("endpoint", "champion", "rows", "known")} == {
        "endpoint": "delay", "champion": "delay", "rows": 480, "known": 480,
    }  # fmt: skip
    assert "x" in told["reference"]
    with opened(project.settings) as database, database.read() as connection:
        (found,) = list_challengers(connection, project.settings).challengers
    assert (found.model, found.state, found.run_id) == ("delay-2", "awaiting review", run_id)
    assert (found.verdict, served(project).model_path) == ("better", "models/delay/limit.txt")


def test_what_it_answers_is_the_same_everywhere(running: Running) -> None:
    assert running.post({"run_id": "9" * 32}) == (
        404, {"error": f"no run {'9' * 32!r} of the job retrain was asked for"},
    )  # fmt: skip
    said = {"error": 'send {"run_id": …} of a run that was asked for, by POST'}
    for body in ({}, [], {"run_id": 1}, None):
        assert running.post(body) == (400, said), body
    assert running.post({"run_id": "9" * 32}, "PUT") == (400, said)
    run_id = running.ask(1, "fails")
    status, answer = running.post({"run_id": run_id})
    assert (status, answer["run_id"]) == (202, run_id)
    assert running.ended(run_id) == ("failed", "ValueError: no such column")
    assert running.post({"run_id": run_id}) == (202, {"run_id": run_id, "state": "failed"})
    health = httpx.get(f"http://{running.platform.address('retrain')}/health", timeout=60)
    assert (health.status_code, health.json()["state"]) == (200, "ready")


def test_while_one_runs_longer_than_an_event_may_another_is_taken_and_waits_its_turn(
    running: Running,
) -> None:
    folder = running.project.context
    first, second = running.ask(2, "waits"), running.ask(3, "fails")
    running.post({"run_id": first})
    eventually((folder / "pids").exists, within=WITHIN)
    for run_id, state in ((first, "running"), (second, "requested")):
        assert running.post({"run_id": run_id}) == (202, {"run_id": run_id, "state": state})
    began_us = running.run(first).started_us
    assert began_us is not None
    eventually(lambda: wall_clock_us() - began_us > 3 * EVENT_SECONDS * 1_000_000, within=WITHIN)
    workers = running.platform.workers("retrain")
    (folder / "go on").touch()
    assert running.ended(first) == ("done", "")
    assert running.ended(second) == ("failed", "ValueError: no such column")
    assert running.platform.workers("retrain") == workers, "no worker was ended for its run"
    (folder / "go on").unlink()
    (folder / "pids").unlink()


def test_a_worker_killed_half_way_takes_its_run_along_and_the_next_is_run(running: Running) -> None:
    folder = running.project.context
    first = running.ask(4, "waits")
    running.post({"run_id": first})
    eventually((folder / "pids").exists, within=WITHIN)
    pids = [int(each) for each in (folder / "pids").read_text(encoding="utf-8").split()]
    before = running.platform.workers("retrain")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(map(is_alive, pids)), within=WITHIN)
    eventually(
        lambda: running.platform.workers("retrain"),
        lambda now: bool(now) and not set(now) & set(before), within=WITHIN,
    )  # fmt: skip
    second = running.ask(5, "fails")
    assert running.post({"run_id": second})[0] == 202
    assert running.ended(second) == ("failed", "ValueError: no such column")
    running.tick(wall_clock_us() + 3 * HOUR_US)
    assert running.ended(first) == ("failed", job_runs.KILLED)


def test_a_run_whose_function_is_deployed_anew_has_failed_and_says_so(running: Running) -> None:
    folder = running.project.context
    (folder / "pids").unlink(missing_ok=True)
    run_id = running.ask(6, "waits")
    running.post({"run_id": run_id})
    eventually((folder / "pids").exists, within=WITHIN)
    pids = [int(each) for each in (folder / "pids").read_text(encoding="utf-8").split()]
    running.platform.restart("retrain")
    assert running.ended(run_id) == ("failed", "the function was stopped while it ran")
    eventually(lambda: not any(map(is_alive, pids)), within=WITHIN)
