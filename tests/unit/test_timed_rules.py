"""Rules of what time brings about: raised once, over when it is, and no false word after a gap."""

from __future__ import annotations

from pathlib import Path

import pytest

from api_client import ApiClient
from made_pages import text_of
from modelmon.alerting import check_alerts
from modelmon.alerting.measures import MEASURES
from modelmon.alerting.rules import Match
from modelmon.errors import UnavailableError
from modelmon.incidents import IncidentKey, Said
from modelmon.ledger import heartbeats
from modelmon.ledger.endpoints import begin_to_delete
from modelmon.ledger.incidents import reset
from modelmon.ledger.lost_events import Span, note_lost
from modelmon.ledger.registry import put_function
from modelmon.ledger.schema import schema_changes
from modelmon.ledger.silences import add_silence
from modelmon.ledger.timed_incidents import TimedFinding, settle_minute
from modelmon.model import from_us
from modelmon.stages.notifier.measuring import _BY_NAME
from modelmon.stages.notifier.timing import NEXT
from unit.timed_support import DAY, HOUR, MINUTE, START, Clocked

SILENT = "  - {name: quiet, when: {silent: 20m}}\n"
ALONE = [("alone", "endpoint-1"), ("alone", "endpoint-3")]


def test_an_endpoint_of_which_nothing_comes_is_told_of_once_and_once_when_it_is_over(tmp_path: Path) -> None:
    of = Clocked(tmp_path, SILENT)
    of.served("endpoint-1", at=START)
    of.tick()
    of.wait(19)
    assert of.open() == []
    of.tick()
    of.wait(20)
    assert of.open() == [("quiet", "endpoint-1")]
    assert of.said() == [("raised", "endpoint-1", "nothing came for 21 min")]
    of.served("endpoint-1")
    of.tick(5)
    assert of.ended() == [("quiet", "calm")]
    assert [what for what, _, _ in of.said()] == ["raised", "resolved"]


def test_a_silence_is_since_the_last_request_not_since_it_was_too_long(tmp_path: Path) -> None:
    of = Clocked(tmp_path, SILENT)
    of.served("endpoint-1", at=START)
    of.tick()
    of.wait(40)
    of.served("endpoint-1")
    of.tick(5)
    last = f"{from_us(START):%Y-%m-%d %H:%M} UTC"
    assert [dict(line.facts)["since"] for each in of.sent for line in each.lines] == [last, last]
    client = ApiClient(of.settings)
    page = text_of(client.get("/projects/flights/incidents?show=resolved").text)
    client.close()
    assert last.removesuffix(" UTC") in page, page


def test_who_never_had_data_is_a_batch_job_or_is_gone_long_ago_is_not_missed(tmp_path: Path) -> None:
    of = Clocked(tmp_path, SILENT, endpoints=3)
    of.add("batch", mode="batch")
    of.served("batch", at=START)
    of.served("endpoint-2", at=START - 7 * DAY)
    of.served("endpoint-3", at=START)
    with of.database.write() as connection:
        begin_to_delete(connection, "endpoint-3", START)
    of.wait(30)
    assert of.open() == []


@pytest.mark.slow
def test_what_is_open_of_who_was_silent_for_a_week_is_over_and_begins_anew_if_it_comes_back(
    tmp_path: Path,
) -> None:
    of = Clocked(tmp_path, SILENT + "  - {name: failing, when: {error_share: '> 5 %', over: 30m}}\n")
    of.tick()
    of.served("endpoint-1")
    of.requests("endpoint-1", 30, START, errors=30)
    of.wait(30)
    assert of.open() == [("failing", "endpoint-1"), ("quiet", "endpoint-1")]
    of.tick(1, step=7 * DAY)
    of.wait(56)
    assert len(of.open()) == 2, "nobody listened for long enough to say that it is gone"
    of.wait(8)
    assert (of.open(), of.ended()) == ([], [("failing", "endpoint gone"), ("quiet", "endpoint gone")])
    assert of.sizes()[0] == 0
    assert [what for what, _, _ in of.said()].count("resolved") == 2
    of.served("endpoint-1")
    of.wait(28)
    assert of.open() == [("quiet", "endpoint-1")]


@pytest.mark.parametrize("gap", ["notifier", "reader"])
def test_after_a_gap_only_what_was_listened_to_counts(tmp_path: Path, gap: str) -> None:
    of = Clocked(tmp_path, SILENT)
    of.served("endpoint-1", at=START)
    of.wait(10)
    if gap == "notifier":
        of.tick(1, step=8 * HOUR)
    else:
        of.functions["modelmon-stream"] = "down"
        of.wait(30)
        assert ("quiet", "endpoint-1") not in of.open()
        of.functions["modelmon-stream"] = "ready"
        of.tick()
    of.wait(19)
    assert ("quiet", "endpoint-1") not in of.open()
    of.tick(2)
    assert ("quiet", "endpoint-1") in of.open()


def test_a_gap_ends_nothing_either(tmp_path: Path) -> None:
    of = Clocked(tmp_path, SILENT)
    of.served("endpoint-1", at=START)
    of.wait(30)
    of.tick(1, step=8 * HOUR)
    of.functions["modelmon-stream"] = "behind"
    of.wait(30)
    assert of.open() == [("quiet", "endpoint-1")]


def test_a_clock_that_jumps_raises_and_ends_nothing(tmp_path: Path) -> None:
    of = Clocked(tmp_path, SILENT)
    of.served("endpoint-1", at=START)
    of.tick(1, step=30 * DAY // 10)
    assert of.open() == []
    of.now = START
    of.wait(30)
    assert of.open() == [("quiet", "endpoint-1")]
    of.now = START - DAY
    of.wait(30)
    of.served("endpoint-1")
    of.tick(2)
    assert of.ended() == [("quiet", "calm")]
    assert of.open() == []


@pytest.mark.slow
def test_silent_alone_counts_from_when_others_are_heard_again_after_a_pause_of_all(tmp_path: Path) -> None:
    of = Clocked(tmp_path, "  - {name: alone, when: {silent_alone: 30m}}\n", endpoints=3)
    of.served(*of.endpoints, at=START)
    of.wait(8 * 60)
    assert of.open() == []
    for _ in range(9):
        of.served("endpoint-2")
        of.wait(4)
    assert of.open() == []
    of.served("endpoint-2")
    of.wait(4)
    assert of.open() == ALONE
    assert of.said()[0][2] == "nothing came for 32 min, while others had requests"
    of.served("endpoint-1")
    of.tick(1)
    assert of.ended() == [("alone", "calm")]


def test_who_fell_silent_together_was_not_silent_alone(tmp_path: Path) -> None:
    of = Clocked(tmp_path, "  - {name: alone, when: {silent_alone: 3m}}\n", endpoints=3)
    for _ in range(5):
        of.served("endpoint-1", "endpoint-2")
        of.tick(1)
    of.served("endpoint-3", at=START)
    of.tick(30)
    assert of.open() == [("alone", "endpoint-3")]


def test_who_is_heard_alone_is_no_other_to_itself(tmp_path: Path) -> None:
    of = Clocked(tmp_path, "  - {name: alone, when: {silent_alone: 5m}}\n", endpoints=1)
    of.tick()
    of.served("endpoint-1")
    of.wait(20)
    assert of.open() == []


@pytest.mark.slow
def test_a_pause_of_all_ends_nothing_that_was_silent_alone(tmp_path: Path) -> None:
    of = Clocked(tmp_path, "  - {name: alone, when: {silent_alone: 30m}}\n", endpoints=2)
    of.served("endpoint-1", at=START)
    for _ in range(10):
        of.served("endpoint-2")
        of.wait(4)
    assert of.open() == ALONE[:1]
    of.wait(8 * 60)
    assert of.open() == ALONE[:1]
    of.served("endpoint-1")
    of.tick(1)
    assert (of.open(), of.ended()) == ([], [("alone", "calm")])


def test_errors_and_latencies_are_judged_of_enough_requests(tmp_path: Path) -> None:
    of = Clocked(
        tmp_path,
        "  - {name: errors, when: {error_share: '> 5 %', over: 10m}}\n"
        "  - {name: slow, when: {latency_p95: '> 300 ms', over: 10m}}\n",
        endpoints=2,
    )
    of.served(*of.endpoints)
    slow = {"latency_count": 30, "latency_us_max": 900_000, "latency_us_histogram": (*[0] * 20, 30)}
    of.requests("endpoint-1", 30, START, errors=3, **slow)
    of.requests("endpoint-2", 10, START, errors=5)
    of.tick(3)
    assert of.open() == [("errors", "endpoint-1"), ("slow", "endpoint-1")]
    assert of.said()[0][2] == "9.09 % of requests failed in 10 min (3 of 33)"
    of.served(*of.endpoints)
    of.wait(12)
    assert len(of.open()) == 2, "that there are no requests ends nothing"
    of.requests("endpoint-1", 40, of.now, latency_count=40, latency_us_max=9, latency_us_histogram=(0, 40))
    of.tick(3)
    assert of.open() == []


def test_too_few_requests_are_known_only_of_a_time_that_was_listened_to(tmp_path: Path) -> None:
    of = Clocked(tmp_path, "  - {name: few, when: {requests: '< 5', over: 30m}}\n", endpoints=2)
    of.served("endpoint-1")
    of.served("endpoint-2", first=START)
    of.wait(34)
    assert of.open() == []
    of.tick(3)
    assert of.open() == [("few", "endpoint-1"), ("few", "endpoint-2")]


def test_fewer_requests_than_at_the_same_time_of_past_weeks(tmp_path: Path) -> None:
    of = Clocked(tmp_path, "  - {name: down, when: {requests_of_usual: '< 50 %'}}\n", endpoints=2)
    of.served(*of.endpoints)
    for week in (1, 2, 3):
        of.requests("endpoint-1", 100, START + 30 * MINUTE - 7 * week * DAY)
    of.requests("endpoint-1", 40, START + 30 * MINUTE)
    of.wait(67)
    assert of.open() == [("down", "endpoint-1")]
    said = "40 % of the requests of the same time in past weeks, in 1 h (40 instead of 100)"
    assert of.said()[0][2] == said


def test_missing_events_and_changed_columns_are_counted(tmp_path: Path) -> None:
    of = Clocked(
        tmp_path,
        "  - {name: lost, when: {missing_events: '> 0'}}\n"
        "  - {name: columns, when: {schema_changes: '> 0'}}\n",
        endpoints=2,
    )
    of.tick()
    with of.database.write() as connection:
        note_lost(connection, {"endpoint-1": 3}, [Span("endpoint-1", None, None)], of.now)
        row = {"endpoint_id": "endpoint-2", "column": "age", "change": "missing", "detail": ""}
        connection.execute(schema_changes.insert(), [{**row, "first_seen_us": of.now}])
    of.tick()
    assert of.open() == [("lost", "endpoint-1"), ("columns", "endpoint-2")]
    of.wait(62)
    assert of.open() == [("columns", "endpoint-2")]


DOWN = [("not-running", "function modelmon-writer")]


def test_a_function_that_is_not_heard_of_is_told_of_without_a_rule(tmp_path: Path) -> None:
    of = Clocked(tmp_path)
    of.tick(5)
    of.functions["modelmon-writer"] = "down"
    of.tick(9)
    assert of.open() == []
    of.tick(3)
    assert of.open() == DOWN
    assert of.sent[0].title == "function modelmon-writer: not heard of for 10 min"
    assert of.said() == [("raised", "function modelmon-writer", "not heard of for 10 min")]
    of.functions["modelmon-writer"] = "ready"
    of.tick(2)
    assert of.ended() == [("not-running", "calm")]
    assert of.sent[-1].title == "function modelmon-writer: system performance resolved"


def test_two_functions_that_stop_are_two_incidents_in_one_message(tmp_path: Path) -> None:
    of = Clocked(tmp_path)
    of.functions["modelmon-controller"] = "ready"
    of.tick(5)
    down = ("modelmon-controller", "modelmon-writer")
    for each in down:
        of.functions[each] = "down"
    of.tick(12)
    assert of.open() == [("not-running", f"function {each}") for each in down]
    (sent,) = of.sent
    assert sent.title == "system performance: 2 raised"
    assert [line.endpoint for line in sent.lines] == [f"function {each}" for each in down]
    of.functions["modelmon-writer"] = "ready"
    of.tick(3)
    assert of.open() == [("not-running", "function modelmon-controller")]
    of.functions["modelmon-writer"] = "down"
    of.tick(12)
    assert len(of.open()) == 2
    assert of.ended() == [("not-running", "calm")]
    assert [what for what, _, _ in of.said()] == ["raised", "raised", "resolved", "raised"]


def test_a_function_that_is_taken_out_is_missed_no_more(tmp_path: Path) -> None:
    of = Clocked(tmp_path)
    of.tick(5)
    of.functions["modelmon-writer"] = "down"
    of.wait(12)
    assert of.open() == DOWN
    with of.database.write() as connection:
        heartbeats.forget_function(connection, "modelmon-writer")
    of.tick()
    assert of.ended() == [("not-running", "function gone")]


@pytest.mark.parametrize("kind", ["serving", "job", "page"])
def test_who_answers_for_itself_is_missed_only_where_it_was_ever_heard_of(tmp_path: Path, kind: str) -> None:
    of = Clocked(tmp_path)
    with of.database.write() as connection:
        for name in ("quiet", "beating"):
            put_function(connection, name, kind, {}, deployed=True, now_us=START)
    of.functions["beating"] = "ready"
    of.tick(2)
    of.functions["beating"] = "down"
    of.wait(20)
    assert of.open() == [("not-running", "function beating")]


def test_what_was_open_of_the_project_as_a_whole_is_over_and_told_of_by_function(tmp_path: Path) -> None:
    """As it was before each function was watched for itself."""
    of = Clocked(tmp_path)
    of.tick(5)
    whole = TimedFinding(IncidentKey("not-running", "", "", "not_running"), Said.DETECTED, 700.0)
    with of.database.write() as connection:
        settle_minute(connection, [whole], of.now, resumed=False)
    assert of.open() == [("not-running", "")]
    of.functions["modelmon-writer"] = "down"
    of.wait(12)
    assert (of.ended(), of.open()) == ([("not-running", "rule gone")], DOWN)


def test_a_rule_may_name_the_functions_it_watches(tmp_path: Path) -> None:
    rule = "  - {name: not-running, when: {not_running: 2m}, match: {functions: modelmon-w*}}\n"
    of = Clocked(tmp_path, rule)
    of.tick(2)
    of.functions = dict.fromkeys(of.functions, "down")
    of.tick(5)
    assert of.open() == DOWN


@pytest.mark.parametrize("key", ["endpoints", "apps", "labels"])
def test_a_function_has_no_endpoint_to_be_matched_by(key: str) -> None:
    value = "{a: b}" if key == "labels" else "x"
    text = f"format: 1\nrules:\n  - {{name: a, when: {{not_running: 2m}}, match: {{{key}: {value}}}}}\n"
    (finding,) = check_alerts(text).findings
    assert finding.problem == "is of no use: not_running is measured of a function"


def test_a_silence_of_a_function_keeps_its_incident_from_being_told(tmp_path: Path) -> None:
    of = Clocked(tmp_path)
    of.tick(2)
    with of.database.write() as connection:
        add_silence(connection, Match(functions=("modelmon-w*",)), "ann", "", of.now + HOUR, of.now)
    of.functions = {"modelmon-writer": "down", "modelmon-stream": "down"}
    of.wait(14)
    assert [where for _, where, _ in of.said()] == ["function modelmon-stream"]


def test_after_all_was_down_functions_have_time_to_start(tmp_path: Path) -> None:
    of = Clocked(tmp_path)
    of.tick(5)
    of.functions = dict.fromkeys(of.functions, "down")
    of.tick(1, step=8 * HOUR)
    of.tick(8)
    assert of.open() == []


def test_a_built_in_rule_is_off_where_a_file_says_so(tmp_path: Path) -> None:
    of = Clocked(tmp_path, "  - {name: not-running, enabled: false, when: {not_running: 1m}}\n")
    of.tick(2)
    of.functions = dict.fromkeys(of.functions, "down")
    of.wait(30)
    assert of.open() == []


def test_minutes_that_say_what_is_known_are_no_rows(tmp_path: Path) -> None:
    of = Clocked(tmp_path, SILENT, endpoints=3)
    of.served(*of.endpoints, at=START)
    of.wait(16)
    assert of.sizes() == (0, 0, 0)
    of.wait(12)
    raised = of.sizes()
    of.tick(20)
    assert of.sizes() == raised == (3, 3, 3)


def test_so_many_of_so_many_minutes_have_to_follow_each_other(tmp_path: Path) -> None:
    of = Clocked(tmp_path, "  - {name: few, for: 3 of 3, when: {requests: '> 2', over: 5m}}\n")
    of.served("endpoint-1")
    of.requests("endpoint-1", 3, START)
    of.tick(3)
    assert of.open() == []
    of.requests("endpoint-1", 3, of.now + HOUR)
    of.tick(1, step=HOUR)
    of.tick(2)
    assert of.open() == []
    of.tick(2)
    assert of.open() == [("few", "endpoint-1")]


def test_a_rule_that_is_taken_out_ends_what_it_has_open(tmp_path: Path) -> None:
    of = Clocked(tmp_path, SILENT)
    of.served("endpoint-1", at=START)
    of.wait(30)
    of.rules("  - {name: quiet, match: {endpoints: other-*}, when: {silent: 20m}}\n")
    of.tick(1)
    assert of.ended() == [("quiet", "rule gone")]
    assert of.sizes()[0] == 0


def test_series_that_are_down_hold_no_message_back_and_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = Clocked(tmp_path, "  - {name: many, when: {requests: '> 2', over: 1h}}\n")
    of.served("endpoint-1")
    of.requests("endpoint-1", 3, START)
    of.tick(3)

    def down(*_: object, **__: object) -> None:
        raise UnavailableError("series: the database does not answer")

    monkeypatch.setattr(type(of.series), "read_traffic", down)
    assert of.tick(3)["unavailable"] == {"rules by the clock": "series: the database does not answer"}
    assert of.open() == [("many", "endpoint-1")]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("match: {endpoints: a}, when: {lag: '> 5'}", "lag is measured of the project as a whole"),
        ("match: {apps: drift}, when: {silent: 2h}", "silent is measured of an endpoint"),
        ("when: {silent: 8d}", "is longer than anybody waits for an endpoint"),
    ],
)
def test_what_could_never_hold_is_a_mistake(rule: str, said: str) -> None:
    found = check_alerts(f"format: 1\nrules:\n  - {{name: a, {rule}}}\n")
    assert [said in each.problem for each in found.findings] == [True]


def test_what_a_person_has_ended_begins_anew_after_a_calm_minute_alone(tmp_path: Path) -> None:
    of = Clocked(tmp_path, SILENT)
    of.served("endpoint-1", at=START)
    of.wait(30)
    with of.database.write() as connection:
        reset(connection, 1, of.now)
    of.tick(10)
    assert of.open() == []
    of.served("endpoint-1")
    of.tick(1)
    of.wait(24)
    assert of.open() == [("quiet", "endpoint-1")]
    assert of.ended() == [("quiet", "reset")]


def test_what_blinds_an_endpoint_may_keep_its_alert_from_being_told(tmp_path: Path) -> None:
    rule = "  - {name: few, inhibited_by: not-running, when: {requests: '> 2', over: 5m}}\n"
    of = Clocked(tmp_path, rule)
    of.tick()
    of.functions["modelmon-writer"] = "down"
    of.wait(12)
    of.served("endpoint-1")
    of.requests("endpoint-1", 3, of.now)
    of.tick(3)
    assert of.open() == [*DOWN, ("few", "endpoint-1")]
    assert [where for _, where, _ in of.said()] == ["function modelmon-writer"]
    of.functions["modelmon-writer"] = "ready"
    of.tick(2)
    assert ("raised", "endpoint-1", "3 requests in 5 min") in of.said()


def test_every_measure_is_measured_said_and_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/alerts-yaml.md").read_text(encoding="utf-8")
    assert set(_BY_NAME) == set(NEXT) == set(MEASURES)
    assert [each for each in MEASURES if f"| `{each}: " not in page] == []
