"""Reading what the stores say of the demo's year, showing it, and the folder and the traffic before that."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from rich.console import Console

from modelmon.demo.actuals import ADayLater
from modelmon.demo.data import HourOfRequests
from modelmon.demo.incidents import IncidentLines, courses, summary
from modelmon.demo.last_page import findings, line, still_right, worst_features, year
from modelmon.demo.outcome import outcomes
from modelmon.demo.place import clear
from modelmon.demo.replay import replay
from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.folders import lock_file
from modelmon.local.runner_state import lock_project
from modelmon.model import ResultStatusApp
from modelmon.views.endpoints import EndpointSummary
from modelmon.views.incidents import Incident
from modelmon.views.results import Result

APP = "histogram-data-drift"


def verdict(number: int, name: str, value: float, status: int, **evidence) -> Result:
    start = datetime(2013, 1, 3, tzinfo=UTC) + timedelta(weeks=number)
    return Result(
        "e1", "delay", APP, start, start + timedelta(weeks=1), 1, name, value, 0, status,
        json.dumps({"rows": 600 + number, **evidence}), stale=False,
    )  # fmt: skip


def week(number: int, scores: dict[str, float], status: int, state: str = "") -> list[Result]:
    features = {name: {"score": score, "tvd": score, "hellinger": score} for name, score in scores.items()}
    extra = {"state": state} if state else {}
    return [
        verdict(number, "feature_drift", max(scores.values()), status, features=features, **extra),
        verdict(number, "general_drift", sum(scores.values()) / len(scores), min(status, 0), **extra),
    ]


def endpoint(endpoint_id: str, name: str, received: int = 0, failed: int = 0) -> EndpointSummary:
    nothing = dict.fromkeys(field.name for field in fields(EndpointSummary))
    known = {"endpoint_id": endpoint_id, "endpoint_name": name, "received": received}
    return EndpointSummary(**nothing | known | {"windows": {"failed": failed}})


@pytest.fixture
def endpoints() -> list[EndpointSummary]:
    return [endpoint("e3", "never judged"), endpoint("e1", "delay", 2406, failed=1)]


@pytest.fixture
def results() -> list[Result]:
    drifted = verdict(2, "feature_drift", 1.0, 2)
    return [
        *week(2, {"temperature": 0.72, "hour": 0.1}, 2),
        *week(0, {"temperature": 0.9, "hour": 0.9}, -1, "incomplete"),
        *week(1, {"pressure": 0.55, "temperature": 0.2}, 1),
        *week(3, {"temperature": 0.3, "hour": 0.2}, 0),
        replace(drifted, application_name="other"),
        replace(drifted, endpoint_id="e2"),
    ]


def shown(*things: object) -> str:
    console = Console(file=io.StringIO(), width=100)
    for thing in things:
        console.print(thing)
    return console.file.getvalue()


def test_an_outcome_has_the_weeks_of_one_endpoint_and_app_in_order(endpoints, results):
    outcome, _ = outcomes(endpoints, results, APP)
    assert [each.start for each in outcome.weeks] == [date(2013, 1, 3) + timedelta(weeks=n) for n in range(4)]
    assert [each.rows for each in outcome.judged] == [601, 602, 603]


def test_weeks_without_a_verdict_count_neither_as_alarms_nor_as_highest(endpoints, results):
    outcome, _ = outcomes(endpoints, results, APP)
    suspected = outcome.first(ResultStatusApp.potential_detection)
    detected = outcome.first(ResultStatusApp.detected)
    assert suspected is not None
    assert detected is not None
    assert (suspected.start, detected.start) == (date(2013, 1, 10), date(2013, 1, 17))
    assert [(found.feature, found.score) for found in outcome.worst_features()] == [
        ("temperature", 0.72), ("pressure", 0.55), ("hour", 0.2),
    ]  # fmt: skip


def test_the_report_says_when_on_what_and_on_how_many_rows(endpoints, results):
    found = outcomes(endpoints, results, APP)[:1]
    text = shown(findings(found), worst_features(found))
    for words in ("3 + 1 incomplete + 1 failed", "week of 10 Jan: pressure 0.55, on 601 rows",
                  "week of 17 Jan: temperature 0.72, on 602 rows", "0.72, week of 17 Jan",
                  "2,406"):  # fmt: skip
        assert words in text


def test_an_endpoint_that_never_alarmed_says_never(endpoints):
    calm = week(1, {"distance": 0.1}, 0)
    assert shown(findings(outcomes(endpoints, calm, APP)[:1])).count("never") == 3


def truth(number: int, accuracy: float, estimated: float, drift: float, **evidence) -> list[Result]:
    """What the other apps say of a week."""
    status = -1 if evidence.get("state") else 0
    known = {"values": {"accuracy": {"value": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02,
                                     "reference": 0.8}}}  # fmt: skip
    off = {"accuracy": {"realised": accuracy, "off": estimated - accuracy, "within": estimated == accuracy}}
    expected = {"accuracy": {"value": estimated, "low": estimated - 0.01, "high": estimated + 0.01}}
    finding = {"temperature": ["`temperature` above the training range 19 % (0 % in training)"]}
    said = {"feature": "temperature", "findings": finding} if drift >= 1 else {}
    return [
        verdict(number, "performance", 0.2, status, **known, **evidence),
        verdict(number, "estimated_performance", 0.1, 0, values=expected, realised=off),
        verdict(number, "drift", drift, int(drift >= 1), **said),
    ]


def test_accuracy_stands_beside_its_estimate_in_training_in_the_week_of_most_drift_and_in_the_worst(
    endpoints,
):
    cause = {"wind": {"part": 0.031, "harmful": True}, "hour": {"part": 0.0, "harmful": False}}
    found = outcomes(
        endpoints,
        [
            *truth(0, 0.9, 0.9, 0.1),
            *truth(1, 0.7, 0.8, 1.5, causes=cause, known_rows=600, maturity=0.95),
            *truth(2, 0.75, 0.78, 4.0),
            *truth(3, 0.5, 0.6, 9.0, state="warming up", known_rows=300, maturity=0.5),
        ],
        APP,
    )[:1]
    lines = [" ".join(line.split()) for line in shown(still_right(found)).splitlines()]
    for words in ("delay training 0.800", "delay most drift 17 Jan 0.750 ± 0.020 0.780 ± 0.010 no feature",
                  "delay worst 10 Jan 0.700 ± 0.020 0.800 ± 0.010 wind -0.031"):  # fmt: skip
        assert words in lines
    text = " ".join(shown(findings(found)).replace("│", " ").split())
    assert "suspected in 3 of 4 weeks, first 10 Jan: temperature above the training range 19 %" in text
    assert "900 rows, least in the week of 24 Jan: 50%" in text
    assert "0.058 of accuracy, 0.100 at most; in 1 of 4 weeks its band held the truth" in text


def test_without_actuals_nothing_is_known_of_how_right_it_is(endpoints, results):
    found = outcomes(endpoints, results, APP)[:1]
    assert "not known" in shown(still_right(found))
    assert shown(findings(found)).count("not known") == 5
    assert "accuracy" not in year(found[0]).plain


def test_an_endpoint_that_was_never_judged_is_there_without_a_score(endpoints, results):
    _, unjudged = outcomes(endpoints, results, APP)
    assert (unjudged.endpoint_name, unjudged.weeks) == ("never judged", ())
    assert shown(findings([unjudged]), worst_features([unjudged]), year(unjudged)).count("1.00") == 0


def test_the_year_is_a_bar_a_week_and_a_dot_where_there_was_no_verdict(endpoints, results):
    outcome, _ = outcomes(endpoints, results, APP)
    assert "feature_drift ·▅▆▃" in year(outcome).plain


@pytest.mark.parametrize(
    ("value", "bar"), [(0.0, "▁"), (0.124, "▁"), (0.125, "▂"), (0.5, "▅"), (0.99, "█"), (1.0, "█")]
)
def test_a_bar_is_as_high_as_its_value(value, bar):
    assert line([(value, ResultStatusApp.no_detection)]).plain == bar


def test_each_step_of_an_incident_is_told_as_it_comes():
    console = Console(file=io.StringIO(), width=200)
    lines = IncidentLines(console)
    lines.tell("warning", "modelmon-writer: incident 1 raised: data-drift-suspected (medium): delay")
    lines.tell("warning", "modelmon-writer: incident 1 escalated: data-drift-detected (high): delay")
    lines.tell("error", "modelmon-stream crashed")
    assert console.file.getvalue().splitlines() == [
        "  incident 1 raised: data-drift-suspected (medium): delay",
        "  incident 1 escalated: data-drift-detected (high): delay",
        "  modelmon-stream crashed",
    ]


def incident(number: int, first: str, detected: str, ended: str, windows: int) -> Incident:
    first_day, detected_day, ended_day = (
        datetime.fromisoformat(f"2013-{day}T00:00:00+00:00") if day else None
        for day in (first, detected, ended)
    )
    return Incident(
        number, "result-status", "", "", "", "", "", "e", "delay", APP, "feature_drift", 0.719,
        '{"feature":"pressure"}', first_day, detected_day, first_day, ended_day, windows, 0, first_day,
        first_day, ended_day,
    )  # fmt: skip


def test_an_incident_is_a_line_with_when_it_was_suspected_detected_and_ended():
    found = [
        incident(3, "11-07", "11-07", "", 2),
        incident(2, "03-21", "04-11", "11-14", 34),
        incident(1, "02-28", "", "03-07", 1),
    ]
    lines = [line.split() for line in shown(courses(found)).splitlines() if line.strip()]
    assert ["What", "came", "of", "it:", "3", "incidents,", "2", "detected"] in lines
    assert lines[-3:] == [
        ["delay", "feature_drift", "28", "Feb", "never", "07", "Mar", "1", "pressure", "0.72"],
        ["delay", "feature_drift", "21", "Mar", "11", "Apr", "14", "Nov", "34", "pressure", "0.72"],
        ["delay", "feature_drift", "never", "07", "Nov", "still", "open", "2", "pressure", "0.72"],
    ]


def test_an_incident_of_drift_says_what_was_found():
    said = {"feature": "city", "findings": {"city": ["`city` missing 7 % (0 % in training)", "more"]}}
    found = replace(incident(1, "02-28", "", "03-07", 1), result_name="drift", detail=json.dumps(said))
    assert " drift " in shown(courses([found]))
    assert "city missing 7 %" in shown(courses([found]))


def test_an_app_that_failed_is_an_incident_without_a_value():
    failed = replace(
        incident(1, "02-28", "", "", 3), result_name="", result_value=None, detail="KeyError: 'x'"
    )
    assert "the app failed" in shown(courses([failed]))
    assert APP in shown(courses([failed]))


def test_a_calm_year_has_no_incident():
    assert summary([]) == "no incident"


# Actuals


class _Logged:
    """Keeps the days that were logged."""

    def __init__(self) -> None:
        self.days: list[str] = []

    def log_actuals(self, endpoint: str, frame: list[str]) -> None:
        assert endpoint == "delay"
        self.days += frame


def test_what_came_true_of_a_day_is_logged_when_the_day_after_it_is_over():
    logged = _Logged()
    days = {date(2013, 1, number): [f"{number}"] for number in (3, 1, 2, 5)}
    later = ADayLater(logged, "delay", days)
    later.over(date(2013, 1, 1))
    assert logged.days == []
    later.over(date(2013, 1, 2))
    assert logged.days == ["1"]
    later.over(date(2013, 1, 5))  # no flight left on the fourth
    assert logged.days == ["1", "2", "3"]
    later.rest()
    later.rest()
    assert logged.days == ["1", "2", "3", "5"]


# The folder


def test_a_new_folder_is_made_and_keeps_itself_out_of_a_repository(tmp_path):
    assert clear(tmp_path / "demo") is False
    assert (tmp_path / "demo" / ".gitignore").read_text() == "*\n"


def test_the_state_of_a_run_before_is_removed(tmp_path):
    clear(tmp_path)
    (tmp_path / "modelmon.yaml").write_text("project: flights-2013\n")
    (tmp_path / ".modelmon").mkdir()
    (tmp_path / ".modelmon" / "records.db").write_text("old")
    assert clear(tmp_path) is True
    assert not (tmp_path / ".modelmon").exists()
    deadline = time.monotonic() + 30
    while {path.name for path in tmp_path.iterdir()} != {"modelmon.yaml", ".gitignore"}:
        assert time.monotonic() < deadline, "the old state is still there"


@pytest.mark.parametrize("content", ["project: churn\n", "{not yaml", ""])
def test_a_folder_of_somebody_else_is_left_alone(tmp_path, content):
    (tmp_path / "modelmon.yaml").write_text(content)
    (tmp_path / ".modelmon").mkdir()
    with pytest.raises(ConfigError, match="holds something else"):
        clear(tmp_path)
    assert (tmp_path / ".modelmon").is_dir()


def test_a_folder_in_which_a_runner_is_at_work_is_left_alone(tmp_path):
    (tmp_path / "modelmon.yaml").write_text("project: flights-2013\n")
    lock_file(tmp_path).parent.mkdir()
    held = lock_project(tmp_path)
    with pytest.raises(ConfigError, match="at work"):
        clear(tmp_path)
    os.close(held)
    assert lock_file(tmp_path).exists()


# The traffic


class _Recorder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests: list[tuple[str, bytes, int]]
    refused = b"refuse me"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append((self.path, body, self.client_address[1]))
        answer = b"no such thing" if body == self.refused else b"{}"
        self.send_response(400 if body == self.refused else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def a_server() -> Iterator[tuple[str, list[tuple[str, bytes, int]]]]:
    handler = type("Handler", (_Recorder,), {"requests": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", handler.requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def hours(count: int) -> list[HourOfRequests]:
    return [HourOfRequests(number * 3_600_000_000, number, b"%d" % number) for number in range(count)]


@pytest.mark.slow
def test_each_model_gets_its_hours_in_order_over_one_connection():
    rows: list[int] = []
    over: list[tuple[str, date]] = []
    with a_server() as (address, requests):
        replay(address, {"one": hours(50), "other": hours(30)}, rows.append, lambda *day: over.append(day))
    for model, count in (("one", 50), ("other", 30)):
        path = f"/v2/models/{model}/infer"
        assert [body for where, body, _ in requests if where == path] == [b"%d" % n for n in range(count)]
        assert len({port for where, _, port in requests if where == path}) == 1
    assert sum(rows) == sum(range(50)) + sum(range(30))
    days = [date(1970, 1, 1), date(1970, 1, 2), date(1970, 1, 3)]
    assert [day for model, day in over if model == "one"] == days
    assert [day for model, day in over if model == "other"] == days[:2]


def test_a_refused_request_ends_the_replay_of_every_model():
    bad = [HourOfRequests(0, 1, b"refuse me")]
    with a_server() as (address, requests):
        with pytest.raises(UnavailableError, match="/v2/models/one/infer answered 400: no such thing"):
            replay(address, {"one": bad, "other": hours(5000)}, lambda rows: None)
        assert len(requests) < 5000


def test_a_server_that_is_not_there_is_unavailable():
    with a_server() as (address, _):
        gone = address
    with pytest.raises(UnavailableError, match="does not answer"):
        replay(gone, {"one": hours(3)}, lambda rows: None)
