"""Actions: asked for once an incident, in the words of each system, as often as they may."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

from modelmon.alerting import check_alerts
from modelmon.alerting.rules import Match
from modelmon.ledger import job_runs, registry
from modelmon.ledger.action_runs import action_runs, retry
from modelmon.ledger.silences import add_silence
from receivers import OK, WebServer, web_server
from unit.notifying_support import NOW, Notifying

MINUTE, HOUR = 60_000_000, 3_600_000_000
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setenv("A_TOKEN", "token-of-a-test")
    monkeypatch.setenv("A_SECRET", SECRET)
    with web_server() as server:
        yield server


def alerts(action: str, rule: str = "") -> str:
    return f"format: 1\nactions:\n  again: {{{action}}}\nrules:\n  - {{name: a, action: again, {rule}}}\n"


def webhook(web: WebServer, more: str = "") -> str:
    return alerts(f"kind: webhook, url: {web.address}/start, secret: '${{env:A_SECRET}}', {more}")


def set_job(news: Notifying) -> None:
    with news.chain.database.write() as connection:
        registry.put_function(connection, "fit-anew", "job", {}, deployed=True, now_us=NOW)


def runs(news: Notifying) -> list[Any]:
    with news.chain.database.read() as connection:
        return list(connection.execute(select(action_runs).order_by(action_runs.c.incident_id)))


def test_an_incident_starts_its_action_once_and_says_what_it_is(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, webhook(web))
    news.judge(0, 1)
    news.judge(1, 2)
    assert news.tick()["started"] == 1
    assert news.tick(NOW + HOUR)["started"] == 0
    (got,) = web.got
    Webhook(SECRET).verify(got.body, got.headers)
    data = got.json["data"]
    assert (data["incident_id"], data["endpoint_name"], data["rule"]) == (1, "endpoint-1-name", "a")
    assert data["start_infer_time"] == "2023-11-14T22:20:00+00:00", (
        "not every pipeline reads a blank for the T"
    )
    assert (data["action"], data["run_id"]) == ("again", got.headers["webhook-id"])


@pytest.mark.parametrize(
    ("action", "status", "path", "headers", "body"),
    [
        (
            "kind: github, repository: acme/models, token: '${env:A_TOKEN}', event: drift", 204,
            "/repos/acme/models/dispatches",
            {"authorization": "Bearer token-of-a-test", "accept": "application/vnd.github+json"},
            {"event_type": "drift"},
        ),
        (
            "kind: gitlab, project: group/models, token: '${env:A_TOKEN}', ref: main", 201,
            "/api/v4/projects/group%2Fmodels/trigger/pipeline",
            {"content-type": "application/x-www-form-urlencoded"},
            {"token": ["token-of-a-test"], "ref": ["main"], "variables[MODELMON_INCIDENT_ID]": ["1"],
             "variables[MODELMON_ENDPOINT_NAME]": ["endpoint-1-name"]},
        ),
        (
            "kind: jenkins, job: ml/retrain, user: ann, token: '${env:A_TOKEN}'", 201,
            "/job/ml/job/retrain/buildWithParameters",
            {"authorization": "Basic " + base64.b64encode(b"ann:token-of-a-test").decode()},
            {"MODELMON_INCIDENT_ID": ["1"]},
        ),
    ],
)  # fmt: skip
def test_each_system_is_asked_in_its_own_words(
    tmp_path: Path, web: WebServer, action: str, status: int, path: str, headers: Any, body: Any
) -> None:
    web.answers = [(status, {"Location": f"{web.address}/queue/7"}, b"")]
    news = Notifying(tmp_path, alerts(f"{action}, url: '{web.address}'"))
    news.judge(0, 2)
    assert news.tick()["started"] == 1
    (got,) = web.got
    assert (got.method, got.path) == ("POST", path)
    assert headers.items() <= got.headers.items()
    said = got.json if "json" in got.headers["content-type"] else parse_qs(got.body.decode())
    assert body.items() <= said.items()
    if status == 204:
        assert said["client_payload"]["modelmon"]["incident_id"] == 1
    (run,) = runs(news)
    assert (run.state, run.answer) == ("started", f"{web.address}/queue/7" if status == 201 else "")
    assert "token-of-a-test" not in str(run)


@pytest.mark.parametrize(
    ("more", "states", "why"),
    [
        ("max_per_day: 1", ["skipped", "started"], "as often as it may"),
        ("dry_run: true", ["dry run", "dry run"], ""),
        ("", ["started", "started"], ""),
    ],
)
def test_as_often_as_it_may(tmp_path: Path, web: WebServer, more: str, states: list[str], why: str) -> None:
    news = Notifying(tmp_path, webhook(web, more), endpoints=2)
    for which in (0, 1):
        news.judge(0, 2, which=which)
    news.tick()
    found = runs(news)
    assert sorted(each.state for each in found) == states
    assert any(why in each.why for each in found)
    assert len(web.got) == states.count("started")


def test_it_rests_for_an_endpoint_and_not_for_another(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, webhook(web, "cooldown: 6h"), endpoints=2)
    news.judge(0, 2)
    news.tick()
    news.judge(1, 0)
    news.judge(2, 2)
    news.judge(0, 2, which=1)
    news.tick(NOW + HOUR)
    assert [each.state for each in runs(news)] == ["started", "skipped", "started"]


def test_what_fails_is_tried_again_under_the_same_id(tmp_path: Path, web: WebServer) -> None:
    web.answers = [(503, {}, b""), OK]
    news = Notifying(tmp_path, webhook(web))
    news.judge(0, 2)
    assert (news.tick()["started"], news.tick(NOW + MINUTE)["started"]) == (0, 1)
    assert len({got.headers["webhook-id"] for got in web.got}) == 1


def test_what_is_refused_is_over_until_a_person_says_otherwise(tmp_path: Path, web: WebServer) -> None:
    web.answers = [(404, {}, b"no such"), OK]
    news = Notifying(tmp_path, webhook(web))
    news.judge(0, 2)
    news.tick()
    (run,) = runs(news)
    assert (run.state, run.why) == ("failed", "it answers 404 Not Found no such")
    with news.chain.database.write() as connection:
        assert retry(connection, run.run_id, NOW + MINUTE)
    assert news.tick(NOW + MINUTE)["started"] == 1


def test_what_is_silenced_starts_nothing(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, webhook(web))
    with news.chain.database.write() as connection:
        add_silence(connection, Match(apps=("app",)), "ann", "", NOW + HOUR, NOW)
    news.judge(0, 2)
    news.tick()
    assert [(each.state, each.why) for each in runs(news)] == [("skipped", "silenced by ann (apps app)")]


@pytest.mark.parametrize("reached", [True, False])
def test_a_run_of_a_job_is_asked_for_once_an_incident(tmp_path: Path, web: WebServer, reached: bool) -> None:
    where = f", url: '{web.address}/', auto_approve: true" if reached else ""
    news = Notifying(tmp_path, alerts(f"kind: retrain, job: fit-anew{where}"))
    set_job(news)
    news.judge(0, 1)
    news.judge(1, 2)
    assert (news.tick()["started"], news.tick(NOW + HOUR)["started"]) == (1, 0)
    (run,) = news.chain.read(lambda connection: job_runs.newest_runs(connection, 9))
    assert (run.job, run.endpoint_id, run.who, run.state) == (
        "fit-anew", "endpoint-1", "action again", "requested",
    )  # fmt: skip
    asked = json.loads(run.asked)
    assert (asked["incident_id"], asked["rule"], asked["auto_approve"]) == (1, "a", reached)
    assert [got.json for got in web.got] == ([{"run_id": run.run_id}] if reached else [])


def test_killed_before_it_was_noted_the_run_of_a_job_is_asked_for_again_and_is_one(tmp_path: Path) -> None:
    news = Notifying(tmp_path, alerts("kind: retrain, job: fit-anew"))
    set_job(news)
    news.judge(0, 2)
    with (
        patch("modelmon.stages.notifier.acting.action_runs.mark", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        news.tick()
    assert [each.state for each in runs(news)] == ["requested"]
    assert news.tick(NOW + HOUR)["started"] == 1
    assert len(news.chain.read(lambda connection: job_runs.newest_runs(connection, 9))) == 1


@pytest.mark.parametrize("more", ["max_per_day: 1", "cooldown: 24h"])
def test_after_a_day_it_may_run_again(tmp_path: Path, more: str) -> None:
    news = Notifying(tmp_path, alerts(f"kind: retrain, job: fit-anew, {more}"))
    set_job(news)
    for number, status, hours in ((0, 2, 0), (1, 0, 0), (2, 2, 1), (3, 0, 1), (4, 2, 25)):
        news.judge(number, status, now=NOW + hours * HOUR)
        news.tick(NOW + hours * HOUR)
    assert [each.state for each in runs(news)] == ["started", "skipped", "started"]


def test_a_job_that_is_not_there_is_said(tmp_path: Path) -> None:
    news = Notifying(tmp_path, alerts("kind: retrain, job: fit-anew"))
    news.judge(0, 2)
    assert news.tick()["started"] == 0
    (run,) = runs(news)
    assert (run.state, run.why) == (
        "failed", "there is no job 'fit-anew'; `project.set_job(…)` makes one",
    )  # fmt: skip


def test_a_run_that_nobody_told_the_end_of_has_failed_when_its_time_is_over(tmp_path: Path) -> None:
    news = Notifying(tmp_path, alerts("kind: retrain, job: fit-anew"))
    set_job(news)
    news.judge(0, 2)
    news.tick()
    with news.chain.database.write() as connection:
        (run,) = job_runs.newest_runs(connection, 9)
        assert job_runs.start(connection, run.run_id, NOW, NOW + MINUTE)
        assert not job_runs.start(connection, run.run_id, NOW, NOW + MINUTE)
    news.tick(NOW + 2 * MINUTE)
    (run,) = news.chain.read(lambda connection: job_runs.newest_runs(connection, 9))
    assert (run.state, run.why) == ("failed", job_runs.KILLED)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: githu, repository: a/b", "no kind of action"),
        ("kind: github, token: '${env:A}'", "is missing"),
        ("kind: github, repository: b, token: '${env:A}'", "no repository"),
        ("kind: github, repository: a/b, token: ghp_secret", "stands there itself"),
        ("kind: webhook, url: 'https://a', job: x", "no key here"),
        ("kind: jenkins, url: 'https://a', job: '../x?y'", "no job"),
        ("kind: webhook, url: 'https://a', max_per_day: -1", "no number of times"),
        ("kind: retrain", "is missing"),
        ("kind: retrain, job: a, auto_approve: maybe", "auto_approve"),
        ("kind: webhook, url: 'https://a', auto_approve: true", "no key here"),
    ],
)
def test_what_is_wrong_with_an_action_is_said(text: str, problem: str) -> None:
    said = " ".join(map(str, check_alerts(alerts(text)).findings))
    assert problem in said
    assert "ghp_secret" not in said


def test_a_rule_names_an_action_that_is_there() -> None:
    said = " ".join(map(str, check_alerts("format: 1\nrules:\n  - {name: a, action: b}").findings))
    assert "is no action; there is none" in said


def test_a_secret_in_the_address_does_not_come_back_from_the_answer(
    tmp_path: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_PATH", "a-key-in-a-path")
    web.answers = [(201, {"Location": f"{web.address}/a-key-in-a-path/runs/7"}, b"")]
    news = Notifying(tmp_path, alerts(f"kind: webhook, url: '{web.address}/${{env:A_PATH}}/start'"))
    news.judge(0, 2)
    news.tick()
    (run,) = runs(news)
    assert (run.state, run.answer) == ("started", f"{web.address}/…/runs/7")


def test_what_a_library_can_t_take_has_failed(
    tmp_path: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "tökén")
    news = Notifying(
        tmp_path, alerts(f"kind: github, repository: a/b, token: '${{env:A_TOKEN}}', url: '{web.address}'")
    )
    news.judge(0, 2)
    news.tick()
    (run,) = runs(news)
    assert run.state == "failed"
    assert run.why.startswith("it can't be done: UnicodeEncodeError")
