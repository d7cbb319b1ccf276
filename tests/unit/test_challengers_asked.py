"""Challengers as people ask for them: by command, by REST with a role, on the page."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from api_client import ApiClient, addresses
from command_line import printed
from modelmon.client import RemoteProject
from modelmon.errors import ConfigError
from modelmon.ledger.access import create_token, list_deeds
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.project import Project, get_or_create_project
from modelmon.project.deciding import approve
from modelmon.retraining.judging import judge
from page_server import page_served
from unit.challenging_support import DAYS, ROWS, endpoint_of, log, serve, served, served_project, shown

BASE = "/api/v1/projects/flights/challengers"
PAGES = "/projects/flights/challengers"
SAME = {"Sec-Fetch-Site": "same-origin"}
HOSTILE = "<script>alert(1)</script>\"'& ä"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = served_project(tmp_path)
    serve(project)
    log(project, "delay-2", 0.5, challenger_of="delay")
    judge(project, 1)
    return project


@pytest.fixture
def client(project: Project) -> Iterator[ApiClient]:
    client = ApiClient(project.settings)
    yield client
    client.close()


def run(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Any, *arguments: str, code: int = 0
) -> str:
    where = ["--project-dir", str(project.context)]
    return printed(monkeypatch, capsys, "challenger", *arguments, *where, code=code)


@pytest.mark.slow
def test_by_command(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def ask(*arguments: str, code: int = 0) -> str:
        return run(project, monkeypatch, capsys, *arguments, code=code)

    assert "better" in ask("list")
    told = ask("show", "1")
    assert "It awaits its review." in told
    assert (
        "The challenger is better: beside the champion's its share of wrong answers is 31.04 points lower"
        in told
    )
    assert "accuracy" in told
    assert "Judged on 480 of 480 rows" in ask("judge", "1", "--from", "2023-01-01")
    assert "--from: 'yesterday' is no time" in ask("judge", "1", "--from", "yesterday", code=2)
    assert "nothing is left" in ask("deploy").lower()
    approved = ask("approve", "1", "--comment", "better in every week")
    assert f"It is deployed, as {getpass.getuser()} said on " in approved
    assert '"better in every week"' in approved
    assert json.loads(ask("show", "1", "--json"))["state"] == "deployed"
    assert "is deployed, not awaiting review" in ask("reject", "1", code=2)
    assert "rolled back" in ask("rollback", "1", "--comment", "too slow")
    assert "there is no challenger 7" in ask("show", "7", code=2)


@pytest.mark.slow
def test_by_rest_with_a_role(project: Project) -> None:
    tokens = {}
    with opened(project.settings) as database, database.write() as connection:
        for role in ("viewer", "operator"):
            tokens[role] = create_token(connection, f"{role}-anna", role, wall_clock_us(), None)
    client = ApiClient(project.settings.__class__.load(project.context, auth="token"))

    def ask(role: str, method: str, path: str, **given: Any) -> Any:
        return client.request(
            method, f"{BASE}{path}", headers={"Authorization": f"Bearer {tokens[role]}"}, **given
        )

    (listed,) = ask("viewer", "GET", "").json()["challengers"]
    assert (listed["number"], listed["state"], listed["review"]["verdict"]) == (
        1,
        "awaiting review",
        "better",
    )
    assert ask("viewer", "POST", "/1/approve", json={"comment": "x"}).status_code == 403
    assert ask("operator", "POST", "/1/approve", json={"coment": "x"}).status_code == 400
    assert ask("operator", "POST", "/9/approve").status_code == 404
    assert served(project).model_path == "models/delay/limit.txt"
    told = ask("operator", "POST", "/1/approve", json={"comment": "better"}).json()
    assert (told["state"], told["who"], told["comment"]) == ("deployed", "operator-anna", "better")
    assert served(project).model_path == "models/delay-2/limit.txt"
    assert ask("operator", "POST", "/1/approve").status_code == 400
    assert ask("operator", "POST", "/1/rollback").json()["state"] == "rolled back"
    client.close()
    with opened(project.settings) as database, database.read() as connection:
        deeds, _ = list_deeds(connection, 50)
    mine = [each.what for each in deeds if each.who == "operator-anna"]
    assert [each for each in mine if each.startswith("challenger")] == [
        "challenger rolling back", "challenger approved",
    ]  # fmt: skip


def test_on_the_page(project: Project, client: ApiClient) -> None:
    assert "Challengers: 1, 1 awaits its review" in client.get("/projects/flights/models").text
    listed = client.get(PAGES).text
    assert any(each.startswith(f"{PAGES}/1") for each in addresses(listed))
    page = client.get(f"{PAGES}/1").text
    for said in ("The challenger is better", "accuracy", "Approve and deploy", "<svg"):
        assert said in page
    token = page.partition('name="form_token" value="')[2].partition('"')[0]
    form = {"form_token": token, "comment": HOSTILE}
    assert (
        client.request("POST", f"{PAGES}/1/approve", headers=SAME, data={"comment": "x"}).status_code == 403
    )
    answer = client.request("POST", f"{PAGES}/1/approve", headers=SAME, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGES}/1")
    assert (shown(project).state, shown(project).comment) == ("deployed", HOSTILE)
    page = client.get(f"{PAGES}/1").text
    assert "alert(1)</script>" not in page
    assert "Bring the champion back" in page
    assert client.get(f"{PAGES}/9").status_code == 404


def test_a_page_without_the_folder_keeps_what_was_decided(project: Project, client: ApiClient) -> None:
    (project.context / "modelmon.yaml").rename(project.context / "elsewhere.yaml")
    told = client.request("POST", f"{BASE}/1/approve", headers=SAME).json()
    assert told["state"] == "approved"
    assert "the project's folder is not here" in told["why"]
    page = client.get(f"{PAGES}/1").text
    assert "It is not deployed yet: the project&#39;s folder is not here" in page
    assert "1 is decided on and not deployed yet" in client.get("/projects/flights/models").text
    (project.context / "elsewhere.yaml").rename(project.context / "modelmon.yaml")


@pytest.mark.slow
def test_from_another_machine_a_challenger_is_logged_with_what_it_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = served_project(tmp_path / "there", auth="token", remote_deploy=True)
    with opened(project.settings) as database, database.write() as connection:
        token = create_token(connection, "ci", "admin", wall_clock_us(), None)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    day = datetime(2026, 11, 3, tzinfo=UTC)
    frame = pa.table({"x": [0.1, 0.9], "late": [0, 1], "at": [day - timedelta(days=1), day]})
    with page_served(project.settings) as url:
        there = get_or_create_project("flights", url=url, token=token)
        given = {"body": "0.5", "model_file": "limit.txt", "training_set": frame, "label_column": "late"}
        there.log_model("delay-2", **given, challenger_of="delay", class_args={"more": 0.1})
        with pytest.raises(ConfigError, match="is the champion"):
            there.log_model("delay", **given, challenger_of="delay")
        with pytest.raises(ConfigError, match="set_job: not from another machine"):
            there.set_job("retrain", "retrain.py")
    found, end = shown(project), day + timedelta(days=1, microseconds=-1)
    assert (found.model, found.class_args, found.trained_until) == ("delay-2", {"more": 0.1}, end)
    assert approve(project, 1, "as it is").state == "deployed"


@pytest.mark.slow
def test_from_another_machine_it_is_looked_at_decided_on_and_taken_back_as_here(project: Project) -> None:
    with opened(project.settings) as database, database.write() as connection:
        tokens = {role: create_token(connection, role, role, 0, None) for role in ("viewer", "operator")}
    code = "from modelmon.nuclio import job_handlers\n\ninit_context, handler = job_handlers(print)\n"
    (project.context / "retrain.py").write_text(code, encoding="utf-8")
    project.set_job("retrain", "retrain.py")
    log(project, "delay-3", 0.6, challenger_of="delay")
    settings = project.settings.__class__.load(project.context, auth="token")
    with page_served(settings) as url:
        viewer, there = (RemoteProject("flights", url, tokens[each]) for each in ("viewer", "operator"))
        with viewer, there:
            first = there.list_challengers(limit=1)
            assert first == project.list_challengers(limit=1)
            assert [each.number for each in there.list_challengers(after=first.after).challengers] == [1]
            found = there.get_challenger(1)
            assert found == viewer.get_challenger(1) == project.get_challenger(1)
            assert found.review is not None
            assert (found.verdict, found.review.known) == ("better", DAYS * ROWS)
            for change in (
                lambda: viewer.approve_challenger(1), lambda: viewer.reject_challenger(1),
                lambda: viewer.roll_back_challenger(1), lambda: viewer.run_job("retrain", "delay"),
            ):  # fmt: skip
                with pytest.raises(ConfigError, match="needs the role operator"):
                    change()
            rejected = there.reject_challenger(2, HOSTILE)
            assert (rejected.state, rejected.who, rejected.comment) == ("rejected", "operator", HOSTILE)
            assert there.approve_challenger(1, "better").state == "deployed"
            assert served(project).model_path == "models/delay-2/limit.txt"
            with pytest.raises(ConfigError, match="challenger 1 is deployed, not awaiting review"):
                there.approve_challenger(1)
            assert there.roll_back_challenger(1).state == "rolled back"
            assert served(project).model_path == "models/delay/limit.txt"
            run_id = there.run_job(
                "retrain", endpoint_of(project), "2026-01-01", datetime(2026, 2, 1, tzinfo=UTC)
            )
            assert there.list_job_runs() == viewer.list_job_runs() == project.list_job_runs()
            (run,) = there.list_job_runs()
            assert (run.run_id, run.who, run.state) == (run_id, "operator", "requested")
            with pytest.raises(ConfigError, match="there is no job 'retrian'"):
                there.run_job("retrian", "delay")


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 9, -1, True, "1", None, 2**70])
def test_a_challenger_that_is_not_there_is_refused_here_and_there(project: Project, number: Any) -> None:
    acts = (
        Project.get_challenger, Project.approve_challenger, Project.reject_challenger,
        Project.roll_back_challenger,
    )  # fmt: skip
    with page_served(project.settings) as url, RemoteProject("flights", url) as there:
        for act in acts:
            for where in (project, there):
                with pytest.raises(ConfigError, match=r"number: must be the number|there is no challenger"):
                    getattr(where, act.__name__)(number)


def test_a_run_of_a_job_is_asked_for_by_rest_and_shown_on_the_page(
    project: Project, client: ApiClient
) -> None:
    runs = "/api/v1/projects/flights/job-runs"
    code = "from modelmon.nuclio import job_handlers\n\ninit_context, handler = job_handlers(print)\n"
    (project.context / "retrain.py").write_text(code, encoding="utf-8")
    project.set_job("retrain", "retrain.py")
    backwards = {"start": "2026-02-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
    for body, problem in (
        ({"job": "retrian", "endpoint": "delay"}, "there is no job 'retrian'"),
        ({"job": "retrain", "endpoint": "dely"}, "there is no 'dely'"),
        ({"job": "retrain", "endpoint": "delay", **backwards}, "must come after the start"),
    ):
        answer = client.request("POST", runs, headers=SAME, json=body)
        assert (answer.status_code, problem in answer.text) == (400, True), answer.text
    told = client.request("POST", runs, headers=SAME, json={"job": "retrain", "endpoint": "delay"}).json()
    (run,) = client.get(runs).json()["runs"]
    assert (run["run_id"], run["state"], run["endpoint_name"]) == (told["run_id"], "requested", "delay")
    assert f"<small>{told['run_id'][:8]}</small>" in client.get(PAGES).text
    deeds = client.get("/api/v1/projects/flights/audit").json()["deeds"]
    (deed,) = (each for each in deeds if each["what"] == "job run")
    assert (deed["of"], deed["outcome"]) == ("retrain for delay", told["run_id"])
    assert deed["who"] == run["who"] != ""
    page = client.get(PAGES).text
    assert '<option value="delay">' in page
    (token,) = set(addresses(page, ['name="form_token" value=']))
    form = {"form_token": token, "job": "retrain", "endpoint": "delay", "start": "2026-01-01", "end": ""}
    address = "/projects/flights/job-runs"
    answer = client.request("POST", address, headers=SAME, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGES}#runs")
    answer = client.request("POST", address, headers=SAME, data={**form, "endpoint": "dely"})
    assert (answer.status_code, "there is no" in answer.text) == (400, True)
    assert client.request("POST", address, headers=SAME, data={"job": "retrain"}).status_code == 403
    newest, _ = client.get(runs).json()["runs"]
    assert newest["state"] == "requested"
    assert newest["who"] == run["who"]
    with pytest.raises(ConfigError, match="has no line"):
        project.set_job("again", "above.py")


@pytest.mark.parametrize("group", [("job", "run", "retrain"), ("reference", "set")])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--from", "yesterday"), "--from: 'yesterday' is no time; write it in UTC as "),
        (("--from", "2026-01-01", "--to", "soon"), "--to: 'soon' is no time; write it in UTC as "),
        (
            ("--from", "2026-02-01", "--to", "2026-01-01"),
            "--to: must come after --from, 2026-02-01, got 2026-01",
        ),
    ],
)
def test_a_span_that_is_none_is_said_by_the_option_that_it_is_of(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Any, group: Any, given: Any, told: str
) -> None:
    whose = ("--endpoint", "delay") if group[0] == "job" else ("delay",)
    where = ("--project-dir", str(project.context))
    assert told in printed(monkeypatch, capsys, *group, *whose, *given, *where, code=2)
