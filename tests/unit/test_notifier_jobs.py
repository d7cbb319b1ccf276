"""A challenger that waits for a person, and a job that failed, are told of once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelmon.ledger import challengers, job_runs
from modelmon.ledger.challengers import keep_review, put_challenger
from modelmon.ledger.job_runs import DONE, FAILED, TIMED_OUT, JobRun
from modelmon.model import from_us
from modelmon.views.challenger_reviews import BETTER, Interval, Review
from receivers import OK, WebServer
from unit.notifying_support import NOW, Notifying, do, heard

MINUTE, HOUR = 60_000_000, 3_600_000_000
ALERTS = """
format: 1
channels:
  hook: {{kind: webhook, url: {web}/hook, per_second: 1000}}
  fits: {{kind: webhook, url: {web}/fits, per_second: 1000}}
send: {{group_wait: 0, group_interval: 0, channels: hook, {send}}}
actions: {{again: {{kind: retrain, job: fit-anew}}}}
rules: [{{name: a, channels: fits, action: again, {rule}}}]
"""
REVIEW = Review(
    from_us(NOW - HOUR), from_us(NOW), 500, 480, 1, BETTER, "", "share of wrong answers",
    Interval(-0.012, -0.02, -0.004), "day",
)  # fmt: skip


def alerts(web: WebServer, send: str = "", rule: str = "") -> str:
    return ALERTS.format(web=web.address, send=send, rule=rule)


def begin(news: Notifying, run_id: str = "1" * 32, **asked: Any) -> str:
    run = JobRun(run_id, "fit-anew", "endpoint-1", json.dumps(asked), "anna", NOW)
    do(news, job_runs.request, run)
    assert do(news, job_runs.start, run_id, NOW, NOW + HOUR)
    return run_id


def log(news: Notifying, run_id: str = "", key: str = "m-2") -> int:
    number: int = do(news, put_challenger, "endpoint-1", key, "{}", None, NOW, run_id)
    return number


def judged(news: Notifying, number: int) -> None:
    found = do(news, challengers.one, number)
    do(news, keep_review, found, msgspec.json.encode(REVIEW).decode(), NOW)


def model(news: Notifying) -> None:
    news.chain.endpoint("endpoint-1", function_name="serving", model_uri="store://models/flights/m")


@pytest.mark.parametrize(("asked", "channel"), [({}, "hook"), ({"rule": "a", "incident_id": 7}, "fits")])
def test_what_a_job_has_logged_is_told_once_when_it_was_judged(
    tmp_path: Path, web: WebServer, asked: Any, channel: str
) -> None:
    news = Notifying(tmp_path, alerts(web))
    model(news)
    run_id = begin(news, **asked)
    number = log(news, run_id)
    judged(news, number)
    news.tick()
    assert not web.got, "the job is not done with it"
    assert do(news, job_runs.finish, run_id, DONE, "", NOW)
    assert not do(news, job_runs.finish, run_id, FAILED, "", NOW)
    for minute in range(3):
        news.tick(NOW + minute * MINUTE)
    (got,) = web.got
    (line,) = got.json["data"]["incidents"]
    assert got.path == f"/{channel}"
    assert got.json["data"]["title"] == "endpoint-1-name: a challenger waits for a review"
    assert (line["what"], line["kind"], line["incident_id"]) == ("awaiting review", "challenger", 0)
    better = "The challenger is better: beside the champion's its share of wrong answers is 1.20 points lower"
    assert line["found"].startswith(f"a challenger waits for a review\n{better}")
    said = {"challenger": "m-2 (number 1)", "champion": "m", "judged on": "480 rows"}
    assert line["facts"] == ({**said, "incident": "7"} if asked else said)
    assert line["link"] == "https://monitoring.example/projects/flights/challengers/1"
    assert "modelmon challenger show 1" in line["todo"]


def test_what_a_person_has_logged_is_told_at_once_and_once(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, alerts(web))
    for _ in range(2):
        assert log(news) == 1
        news.tick()
    (got,) = web.got
    (line,) = got.json["data"]["incidents"]
    assert line["found"].endswith("It is not judged yet.")
    assert line["facts"] == {"challenger": "m-2 (number 1)", "champion": "not known"}


def test_what_comes_again_has_the_same_id(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, alerts(web))
    log(news)
    web.answers = [(503, {}, b"busy"), OK]
    news.tick()
    news.tick(NOW + HOUR)
    first, again = web.got
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.body == again.body


def test_what_was_decided_on_before_is_told_to_nobody(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, alerts(web).replace("group_wait: 0", "group_wait: 60s"))
    log(news)
    news.tick()
    do(news, challengers.reject, 1, "ann", "", NOW)
    news.tick(NOW + HOUR)
    log(news, key="m-3")
    do(news, challengers.reject, 2, "ann", "", NOW)
    news.tick(NOW + HOUR)
    assert not web.got
    assert [(each.state, each.why) for each in news.notices()] == [
        ("dropped", "it was decided on before anybody was told of it")
    ]


@pytest.mark.parametrize(
    ("state", "said"),
    [(FAILED, "the job fit-anew has failed"), (TIMED_OUT, "the job fit-anew ran out of time")],
)
def test_a_run_that_failed_is_told_once(tmp_path: Path, web: WebServer, state: str, said: str) -> None:
    news = Notifying(tmp_path, alerts(web))
    run_id = begin(news, rule="a", incident_id=7)
    log(news, run_id)
    do(news, job_runs.finish, run_id, state, "ValueError: no such column", NOW)
    for _ in range(2):
        news.tick()
    (got,) = web.got
    (line,) = got.json["data"]["incidents"]
    assert (got.path, got.json["data"]["title"]) == ("/fits", f"endpoint-1-name: {said}")
    assert (line["what"], line["severity"], line["kind"]) == (state, "medium", "job-run")
    assert line["found"] == f"{said}\nValueError: no such column"
    assert line["facts"]["logged before, and not judged"] == "challenger 1"
    assert (line["facts"]["asked for by"], line["facts"]["incident"]) == ("anna", "7")


def test_a_run_that_was_killed_is_told_of_when_its_time_is_over(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, alerts(web))
    begin(news)
    news.tick(NOW + 2 * HOUR)
    news.tick(NOW + 3 * HOUR)
    (got,) = web.got
    assert job_runs.KILLED in got.json["data"]["incidents"][0]["found"]


def test_several_are_told_in_one_message(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, alerts(web))
    for key in ("m-2", "m-3"):
        log(news, key=key)
    news.tick()
    (got,) = web.got
    assert got.json["data"]["title"] == "challenger: 2 awaiting review"
    assert got.json["data"]["link"] == "https://monitoring.example/projects/flights/challengers"


def test_what_a_private_column_may_be_in_is_not_told(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, alerts(web), private="email")
    run_id = begin(news)
    do(news, job_runs.finish, run_id, FAILED, "KeyError: 'ann@example.com'", NOW)
    news.tick()
    (got,) = web.got
    assert b"ann@" not in got.body
    assert b"the job fit-anew has failed" in got.body


def test_of_an_incident_of_the_past_nothing_is_told(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, alerts(web), historical_days=15 / 1440)
    news.judge(0, 2)  # it ended three quarters of an hour ago
    run_id = begin(news, rule="a", incident_id=1)
    log(news, run_id)
    do(news, job_runs.finish, run_id, DONE, "", NOW)
    news.tick()
    assert not web.got


def test_at_a_quiet_hour_it_waits_for_its_end(tmp_path: Path, web: WebServer) -> None:
    muted = f"{from_us(NOW):%H}:00-{from_us(NOW + 2 * HOUR):%H}:00"
    news = Notifying(tmp_path, alerts(web, rule=f"hours: {{mute: ['{muted}']}}"))
    run_id = begin(news, rule="a")
    log(news, run_id)
    do(news, job_runs.finish, run_id, DONE, "", NOW)
    log(news, key="m-3")
    for minute in range(2):
        news.tick(NOW + minute * MINUTE)
    assert heard(web) == [("hook", "awaiting review")], "a person's has no rule that is muted"
    news.tick(NOW + 3 * HOUR)
    assert heard(web)[1:] == [("fits", "awaiting review")]
