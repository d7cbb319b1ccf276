"""What `modelmon status --json` shows, and when nothing is left to do."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from sqlalchemy import update

from modelmon import wire
from modelmon.errors import ConfigError
from modelmon.ledger import batches
from modelmon.ledger.incident_schema import incidents
from modelmon.model import UNKNOWN_ENDPOINT
from modelmon.model_monitoring.alerts import set_alerts
from modelmon.stages.controller import ProjectStreams
from modelmon.streams import BACKENDS, open_stream
from modelmon.views import results
from modelmon.views.encoding import to_json
from modelmon.views.endpoints import EndpointQuery
from modelmon.views.left_to_do import left_to_do
from modelmon.views.project_status import project_status
from unit import flaky_stream
from unit.window_support import E1, E2, GRACE, T0, Chain, at, done, failed, metric, result, waits


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    yield chain
    chain.close()


def read(
    chain: Chain, now: int, since: int | None = None, query: EndpointQuery | None = None, **options
) -> dict:
    streams = ProjectStreams(chain.settings)
    groups = streams.groups(["app"])
    found = project_status(chain.database, chain.series, groups, now, chain.settings, query, since, **options)
    streams.close()
    return json.loads(json.dumps(to_json(found)))


def left(chain: Chain, now: int) -> dict[str, int]:
    """What is left to do, and how much of it."""
    streams = ProjectStreams(chain.settings)
    found = left_to_do(chain.database, streams.groups(["app"]), now, chain.settings)
    streams.close()
    amounts = {**found.messages, "minutes": found.minutes}
    amounts |= {state.value: many for state, many in found.windows.items()}
    assert found.is_idle is not any(amounts.values())
    return {what: many for what, many in amounts.items() if many}


def judge(chain: Chain, now: int, *, rows: int = 100, status: int = 0) -> None:
    """Let the app answer everything it was sent."""
    for event in chain.app_events():
        chain.report(result(event, status), metric(event), done(event, rows), now=now)


# --- status


def test_an_endpoint_shows_its_counts_and_times(chain):
    chain.serve(at(0), at(1), now=at(1))
    (endpoint,) = read(chain, at(2))["endpoints"]
    assert endpoint == {
        "endpoint_id": E1,
        "endpoint_name": f"{E1}-name",
        "function_name": "",
        "model_uri": "",
        "received": 2,
        "stored": 2,
        "errors": 0,
        "rejected": 0,
        "late": 0,
        "missing": 0, "repeated": 0,
        "first_request": "2023-11-14 22:20:00.000000+00:00",
        "last_request": "2023-11-14 22:21:00.000000+00:00",
        "last_error": "",
        "last_error_time": None,
        "windows": {
            "waiting": 0, "sent": 0, "retrying": 0, "done": 0, "failed": 0,
            "partial": 0, "incomplete": 0, "warming up": 0, "no data": 0,
        },
        "no_data_since": None,
        "states": [],
        "status": {},
        "apps": [],
        "verdicts": [],
        "waits": None,
        "state": "waiting",
        "why": "for its first window",
        "value": None,
        "application_name": "",
        "result_name": "",
        "mode": "real_time",
        "labels": {},
    }  # fmt: skip


def test_the_apps_that_judge_are_named_before_their_first_verdict(chain):
    assert read(chain, at(0))["applications"] == ["app"]
    chain.unregister("app")
    assert read(chain, at(0))["applications"] == []


def test_an_endpoint_without_a_request_has_no_data(chain):
    chain.endpoint(E1)
    (endpoint,) = read(chain, at(0))["endpoints"]
    assert endpoint["received"] == 0
    assert endpoint["first_request"] is None
    assert endpoint["states"] == ["no data"]
    assert endpoint["no_data_since"] == wire.write_moment(T0)  # it was registered then


def test_a_model_that_fails_on_every_request_is_not_called_one_without_requests(chain):
    chain.endpoint(E1)
    counts = batches.EndpointCounts(E1, errors=1, last_error="ValueError: x", last_error_us=at(1))
    chain._commit(batches.Derived(counts=[counts]), at(1))
    (endpoint,) = read(chain, at(1))["endpoints"]
    assert (endpoint["state"], endpoint["why"]) == ("no data", "no request answered yet: ValueError: x")
    assert (endpoint["last_request"], endpoint["last_error_time"]) == (None, wire.write_moment(at(1)))


def test_undecodable_messages_are_shown_under_an_endpoint_of_their_own(chain):
    counts = batches.EndpointCounts(UNKNOWN_ENDPOINT, rejected=3)
    chain._commit(batches.Derived(counts=[counts]), at(0))
    (endpoint,) = read(chain, at(0))["endpoints"]
    assert (endpoint["endpoint_name"], endpoint["received"], endpoint["rejected"]) == ("(unknown)", 3, 3)


def test_a_result_has_the_names_of_the_wire(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    judge(chain, at(11), status=2)
    shown = read(chain, at(11))
    assert shown["results"] == [
        {
            "endpoint_id": E1,
            "endpoint_name": f"{E1}-name",
            "application_name": "app",
            "start_infer_time": "2023-11-14 22:20:00.000000+00:00",
            "end_infer_time": "2023-11-14 22:30:00.000000+00:00",
            "window_revision": 1,
            "result_name": "drift",
            "result_value": 0.1,
            "result_kind": 0,
            "result_status": 2,
            "result_extra_data": '{"worst":"pressure"}',
            "stale": False,
        }
    ]
    assert [(each["metric_name"], each["metric_value"]) for each in shown["metrics"]] == [("rows", 1.0)]


def test_results_of_the_newest_windows_are_shown_and_with_a_time_those_of_all_since(chain):
    chain.serve(*[at(minute) for minute in range(0, 41, 5)], now=at(41))
    chain.tick(at(41))
    judge(chain, at(41))
    shown = read(chain, at(41))
    starts = [wire.write_moment(at(minute)) for minute in (0, 10, 20)]
    assert [each["start_infer_time"] for each in shown["results"]] == starts
    assert [each["start_infer_time"] for each in shown["metrics"]] == starts
    page = project_status(chain.database, chain.series, {}, at(41), chain.settings)
    newest = results.newest_values(chain.database, chain.series, chain.settings, page.endpoints, newest=2)
    assert [to_json(each.start_infer_time) for each in newest.results] == starts[1:]
    starts = [each["start_infer_time"] for each in read(chain, at(41), since=0)["results"]]
    assert len(starts) == 3
    assert starts == sorted(starts)
    assert [each["start_infer_time"] for each in read(chain, at(41), since=at(15))["results"]] == starts[2:]


def test_values_since_a_time_come_in_pages_that_follow_each_other_without_a_gap(chain, monkeypatch):
    chain.serve(*[at(minute) for minute in range(0, 41, 5)], now=at(41))
    chain.tick(at(41))
    judge(chain, at(41))
    whole = read(chain, at(41), since=0)
    assert whole["totals"]["values_after"] == ""
    monkeypatch.setattr(results, "WINDOWS", 2)
    first = read(chain, at(41), since=0)
    last = read(chain, at(41), since=0, values_after=first["totals"]["values_after"])
    assert (len(first["results"]), len(last["results"]), last["totals"]["values_after"]) == (2, 1, "")
    assert first["results"] + last["results"] == whole["results"]
    assert first["metrics"] + last["metrics"] == whole["metrics"]


@pytest.mark.parametrize("wrong", ["e1", "app/5", "e1/app/", "e1/app/noon"])
def test_a_place_that_no_page_ended_at_is_refused(chain, wrong):
    with pytest.raises(ConfigError, match=f"results go on after a window, .* got '{wrong}'"):
        read(chain, at(1), since=0, values_after=wrong)


def test_open_incidents_that_are_left_out_are_said_to_be(chain, monkeypatch):
    for endpoint_id in (E1, E2):
        chain.serve(at(0), at(5), at(11), now=at(11), endpoint_id=endpoint_id)
    chain.tick(at(11))
    for event in chain.app_events():
        chain.report(result(event, 2), done(event), now=at(11))
    shown = read(chain, at(12))
    assert (len(shown["incidents"]), shown["totals"]["incidents_complete"]) == (2, True)
    monkeypatch.setattr("modelmon.views.project_status.MOST", 1)
    shown = read(chain, at(12))
    assert (len(shown["incidents"]), shown["totals"]["incidents_complete"]) == (1, False)


def test_of_incidents_that_ended_the_newest_are_shown_and_every_open_one(chain):
    set_alerts(chain.settings, "format: 1\nrules: [{name: result-status, flapping: off}]\n")
    chain.serve(*[at(minute) for minute in range(0, 75, 5)], at(71), now=at(71))
    chain.tick(at(71))
    for event, found in zip(chain.app_events(), (2, 0, 2, 0, 2, 0, 1), strict=True):
        chain.report(result(event, found), done(event), now=at(71))
    shown = read(chain, at(73))["incidents"]
    assert [each["first"][11:16] for each in shown] == ["23:20", "23:00", "22:40", "22:20"]
    assert [each["resolved"] is None for each in shown] == [True, False, False, False]
    assert len(read(chain, at(73), since=at(40))["incidents"]) == 2


def test_the_incidents_of_an_app_are_chosen_before_the_page_is_cut(chain, monkeypatch):
    chain.serve(*[at(minute) for minute in range(0, 55, 5)], at(51), now=at(51))
    chain.tick(at(51))
    for event, found in zip(chain.app_events(), (2, 0, 2, 0, 2), strict=True):
        chain.report(result(event, found), done(event), now=at(51))
    with chain.database.write() as connection:  # as if another app had found what is newer
        newer = update(incidents).where(incidents.c.incident_id == 2)
        connection.execute(newer.values(application_name="another"))
    monkeypatch.setattr("modelmon.views.project_status.ENDED", 1)
    shown = read(chain, at(52), query=EndpointQuery(apps=["app"]))["incidents"]
    assert [(each["incident_id"], each["application_name"]) for each in shown] == [(3, "app"), (1, "app")]
    with chain.database.write() as connection:
        connection.execute(newer.values(application_name="app"))


def test_a_waiting_window_says_until_when_and_why(chain):
    chain.serve(at(4), at(5), now=at(5))
    chain.tick(at(5))
    (endpoint,) = read(chain, at(6))["endpoints"]
    assert endpoint["waits"] == {
        "application_name": "app",
        "start_infer_time": wire.write_moment(at(0)),
        "end_infer_time": wire.write_moment(at(10)),
        "until": wire.write_moment(at(10, GRACE)),
        "reason": "its end and 30 s for stragglers",
        "first_full_until": wire.write_moment(at(20, GRACE)),
        "why": "full window at 22:40:30 UTC",
        "min_rows": 50,
    }
    assert (endpoint["state"], endpoint["why"]) == ("waiting", "full window at 22:40:30 UTC")


@pytest.mark.parametrize(
    ("served", "now", "until", "reason"),
    [
        ([at(0), at(9)], at(9), at(10, GRACE), "its end and 30 s for stragglers"),
        ([at(0), at(9, 50)], at(10, 20), at(10, GRACE), "its end and 30 s for stragglers"),
        ([at(0), at(9, 50)], at(10, 40), None, "until it is known that no rows are on their way"),
        ([at(0), at(10, 31)], at(10, 40), None, "for the controller's next tick"),
    ],
)
def test_what_a_window_waits_for(chain, served, now, until, reason):
    chain.serve(*served, now=at(10))
    chain.tick(at(10))
    waits = read(chain, now)["endpoints"][0]["waits"]
    assert waits["until"] == (until and wire.write_moment(until))
    assert waits["reason"] == reason


def test_an_app_that_does_not_answer_and_one_that_is_asked_again_are_waited_for_by_name(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    assert read(chain, at(11))["endpoints"][0]["waits"]["reason"] == "app has it and has not answered yet"
    for event in chain.app_events():
        chain.report(failed(event))
    waits = read(chain, at(11))["endpoints"][0]["waits"]
    assert waits["reason"] == "app failed and is asked again"
    assert waits["until"] is not None


def test_a_window_that_is_done_waits_for_nothing(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    judge(chain, at(11))
    waits = read(chain, at(11, 1))["endpoints"][0]["waits"]
    assert waits["start_infer_time"] == wire.write_moment(at(10))


def test_a_burst_waits_for_silence_to_become_partial(chain):
    chain.serve(*[at(5, second) for second in range(60)], now=at(6))
    chain.settle(at(10, GRACE))
    judge(chain, at(10, GRACE))
    waits = read(chain, at(11))["endpoints"][0]["waits"]
    assert (waits["until"], waits["start_infer_time"]) == (
        wire.write_moment(at(20)),
        wire.write_moment(at(0)),
    )
    assert waits["reason"] == "silence for a period makes it a partial one"
    assert waits["why"] == "window due at 22:40:00 UTC"
    waits = read(chain, at(20))["endpoints"][0]["waits"]
    assert (waits["until"], waits["reason"]) == (None, "until it is known that no rows are on their way")
    chain.settle(at(20))
    chain.tick(at(20))
    judge(chain, at(20), rows=60)
    assert read(chain, at(21))["endpoints"][0]["waits"] is None


def test_an_endpoint_says_the_worst_of_it_and_the_error_of_an_app_that_failed(chain):
    chain.serve(at(0), at(11), now=at(11))
    for second in range(41):
        chain.tick(at(11, second))
        for event in chain.app_events():
            chain.report(failed(event, "KeyError: 'wind'"))
    (endpoint,) = read(chain, at(11, 41))["endpoints"]
    assert (endpoint["state"], endpoint["why"]) == ("failed", "KeyError: 'wind'")


def test_windows_are_counted_by_their_state(chain):
    chain.serve(*[at(minute) for minute in range(60)], now=at(60))
    chain.tick(at(60))
    first, second, third, *_ = chain.app_events()
    chain.report(done(first, 100))
    chain.report(done(second, 3))
    chain.report(failed(third))
    windows = read(chain, at(60))["endpoints"][0]["windows"]
    assert {state: count for state, count in windows.items() if count} == {
        "waiting": 1, "sent": 2, "retrying": 1, "done": 2, "warming up": 1,
    }  # fmt: skip


def test_a_window_that_failed_for_good_is_counted_as_failed_at_once(chain):
    chain.serve(at(0), at(11), now=at(11))
    for second in range(41):
        chain.tick(at(11, second))
        for event in chain.app_events():
            chain.report(failed(event))
    (endpoint,) = read(chain, at(11, 41))["endpoints"]
    assert endpoint["windows"]["failed"] == 1
    assert endpoint["states"] == ["failed"]


def test_an_app_that_waits_is_shown_with_its_reason_and_its_calm_is_not_known(chain):
    chain.serve(*[at(minute) for minute in range(0, 22, 3)], now=at(21))
    chain.tick(at(21))
    first, second = chain.app_events()
    chain.report(result(first), done(first))
    chain.report(waits(second))
    (endpoint,) = read(chain, at(21))["endpoints"]
    assert (endpoint["states"], endpoint["status"]) == (["unavailable"], {"data_drift": -1})
    assert (endpoint["windows"]["retrying"], endpoint["windows"]["failed"]) == (1, 0)
    assert [each["error"] for each in endpoint["apps"]] == ["actuals not there"]


def test_too_few_rows_are_a_state_and_so_is_an_incomplete_window(chain):
    chain.serve(at(5), at(11), now=at(11))
    chain.tick(at(11))
    judge(chain, at(11), rows=2)
    (endpoint,) = read(chain, at(12))["endpoints"]
    assert endpoint["states"] == ["incomplete", "warming up"]
    assert endpoint["windows"]["incomplete"] == endpoint["windows"]["warming up"] == 1


@pytest.mark.parametrize(("rows", "state"), [(50, "partial"), (49, "incomplete")])
def test_partial_stands_beside_the_verdict_of_a_burst(chain, rows, state):
    chain.serve(*[at(5, second) for second in range(rows)], now=at(6))
    chain.settle(at(21))
    for event in chain.app_events():
        chain.report(result(event, 1), done(event, rows))
    (endpoint,) = read(chain, at(12))["endpoints"]
    assert state in endpoint["states"]
    assert (endpoint["windows"]["partial"], endpoint["windows"]["incomplete"]) == (
        (1, 0) if state == "partial" else (0, 1)
    )
    assert state in endpoint["verdicts"][0]["states"]
    assert endpoint["status"] == {"data_drift": 1}


def test_each_app_shows_how_far_it_has_come(chain):
    chain.serve(*[at(minute) for minute in range(0, 35, 5)], now=at(35))
    chain.tick(at(35))
    first, second = chain.app_events()
    chain.report(done(first))
    assert read(chain, at(35))["endpoints"][0]["apps"] == [
        {"application_name": "app", "last_analyzed": wire.write_moment(at(10)), "states": [], "error": ""}
    ]
    chain.report(done(second, rows=3))
    assert read(chain, at(35))["endpoints"][0]["apps"] == [
        {
            "application_name": "app",
            "last_analyzed": wire.write_moment(at(20)),
            "states": ["warming up"],
            "error": "",
        }
    ]


def test_status_is_kept_apart_per_kind_and_the_worst_of_each(chain):
    chain.register("other")
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    (event,), (other,) = chain.app_events(), chain.app_events("other")
    chain.report(result(event, 0), result(event, 2, name="accuracy", kind=2), done(event))
    chain.report(result(other, 1), done(other))
    assert read(chain, at(12))["endpoints"][0]["status"] == {"data_drift": 1, "model_performance": 2}


def test_the_verdicts_of_an_app_that_was_removed_no_longer_count(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    judge(chain, at(11), status=2)
    chain.unregister("app")
    assert read(chain, at(12))["endpoints"][0]["status"] == {}


def test_no_data_is_never_green(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    judge(chain, at(11), status=0)
    assert read(chain, at(20))["endpoints"][0]["status"] == {"data_drift": 0}
    (endpoint,) = read(chain, at(22))["endpoints"]
    assert endpoint["states"] == ["no data"]
    assert endpoint["status"] == {"data_drift": -1}
    assert endpoint["no_data_since"] == endpoint["last_request"] == wire.write_moment(at(11))
    (verdict,) = endpoint["verdicts"]
    assert (verdict["result_status"], verdict["shown_status"], verdict["stale"]) == (0, -1, True)


def test_data_that_come_again_end_the_silence(chain):
    chain.serve(at(0), now=at(0))
    assert read(chain, at(12))["endpoints"][0]["no_data_since"] == wire.write_moment(at(0))
    chain.serve(at(12), now=at(12))
    (endpoint,) = read(chain, at(12))["endpoints"]
    assert (endpoint["states"], endpoint["no_data_since"]) == ([], None)


def test_a_verdict_says_which_window_it_is_of_and_how_old_it_is(chain):
    chain.serve(at(5), at(11), now=at(11))
    chain.tick(at(11))
    judge(chain, at(11), status=2)
    (verdict,) = read(chain, at(12))["endpoints"][0]["verdicts"]
    assert verdict == {
        "application_name": "app",
        "result_name": "drift",
        "result_value": 0.1,
        "result_kind": 0,
        "result_status": 2,
        "result_extra_data": '{"worst":"pressure"}',
        "start_infer_time": wire.write_moment(at(0)),
        "end_infer_time": wire.write_moment(at(10)),
        "window_revision": 1,
        "states": ["incomplete"],
        "age_seconds": 120,
        "stale": False,
        "shown_status": 2,
    }


def test_green_is_never_older_than_it_looks(chain):
    """Data come and come, and no newer verdict does: the app is down."""
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    judge(chain, at(11), status=0)
    for minute, shown in ((30, 0), (31, -1)):  # the end, two periods, the grace
        chain.serve(at(minute), now=at(minute))
        (endpoint,) = read(chain, at(minute))["endpoints"]
        assert (endpoint["states"], endpoint["status"]) == ([], {"data_drift": shown})
        assert [each["stale"] for each in endpoint["verdicts"]] == [shown == -1]


def test_a_verdict_on_a_window_before_the_one_that_failed_is_stale(chain):
    chain.serve(*[at(minute) for minute in range(0, 22, 3)], now=at(21))
    chain.tick(at(21))
    first, second = chain.app_events()
    chain.report(result(first), done(first))
    for _ in range(3):
        chain.report(failed(second))
    (verdict,) = read(chain, at(21))["endpoints"][0]["verdicts"]
    assert (verdict["stale"], verdict["shown_status"]) == (True, -1)


def test_a_result_that_newer_windows_do_not_have_is_stale_and_no_verdict_any_more(chain):
    """The accuracy of an app that found no actuals since."""
    chain.serve(at(0), at(11), at(21), now=at(21))
    chain.tick(at(21))
    first, second = chain.app_events()
    chain.report(result(first, name="accuracy"), done(first))
    chain.report(metric(second, name="labelled"), done(second))
    shown = read(chain, at(22), since=0)
    assert [(each["result_name"], each["stale"]) for each in shown["results"]] == [("accuracy", True)]
    assert shown["endpoints"][0]["verdicts"] == []
    assert shown["endpoints"][0]["status"] == {}


def test_calm_of_one_app_does_not_hide_that_another_one_is_silent(chain):
    chain.register("other")
    chain.serve(*[at(minute) for minute in range(32)], now=at(31))
    chain.tick(at(31))
    events = [*chain.app_events("other"), chain.app_events()[0]]
    for event in events:
        chain.report(result(event), done(event))
    assert read(chain, at(31))["endpoints"][0]["status"] == {"data_drift": -1}


def test_no_data_does_not_hide_what_was_found(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    judge(chain, at(11), status=2)
    assert read(chain, at(100))["endpoints"][0]["status"] == {"data_drift": 2}


def test_incidents_are_shown_with_when_they_were_raised_and_resolved(chain):
    chain.serve(at(0), at(11), at(21), now=at(21))
    chain.tick(at(21))
    first, second = chain.app_events()
    chain.report(result(first, 1), done(first), now=at(22))
    chain.report(result(second, 0), done(second), now=at(23))
    (incident,) = read(chain, at(24))["incidents"]
    assert (incident["kind"], incident["severity"], incident["endpoint_name"]) == (
        "data-drift-suspected", "medium", f"{E1}-name",
    )  # fmt: skip
    assert (incident["state"], incident["reason"]) == ("resolved", "calm")
    assert incident["raised"] < incident["resolved"] == "2023-11-14 22:43:00.000000+00:00"


def test_lag_of_a_stream_that_does_not_answer_is_a_reason(tmp_path, monkeypatch):
    monkeypatch.setitem(BACKENDS, "flaky", ("unit.flaky_stream", ""))
    monkeypatch.setattr(flaky_stream, "DOWN", {"writer"})
    chain = Chain(tmp_path, stream_path=f"flaky://{tmp_path.name}")
    found = read(chain, at(11))
    chain.close()
    assert {each["stream"] for each in found["lag"]} == {"events", "app-app"}
    assert found["unavailable"] == [{"stream": "writer", "reason": "stream writer is down"}]


@pytest.mark.parametrize(("hours", "foreign"), [(72.0, {"a copy"}), (0.0, set())])
def test_a_foreign_group_is_named_where_its_lag_keeps_messages_from_being_deleted(tmp_path, hours, foreign):
    limits = {"stream_retention_hours": hours, "stream_max_bytes": 0}
    chain = Chain(tmp_path, stream_path=f"sqlite:///{tmp_path}/streams", **limits)
    with closing(open_stream(chain.settings.app_url("app"))) as stream:
        stream.publish([("k", b"x")] * 5)
        with closing(stream.consumer("a copy")) as consumer:
            consumer.poll(1, 0)
            consumer.commit({0: 2})
    lag = {each["group"]: each["lag"] for each in read(chain, at(1))["lag"] if each["stream"] == "app-app"}
    chain.close()
    assert lag == {"modelmon-app-app": 5} | dict.fromkeys(foreign, 3)


def test_lag_is_shown_per_stream_group_and_partition(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    assert {tuple(each.values()) for each in read(chain, at(11))["lag"]} == {
        ("events", "modelmon-stream", 0, 0),
        ("events", "modelmon-stream", 1, 0),
        ("writer", "modelmon-writer", 0, 0),
        ("app-app", "modelmon-app-app", 0, 1),
    }  # fmt: skip


def test_dead_letters_are_counted(chain):
    chain.write([b"not json", b"nor this"])
    assert read(chain, at(0))["dead_letters"] == 2


def test_a_project_without_anything_can_be_shown(chain):
    shown = read(chain, at(0))
    assert shown["endpoints"] == shown["results"] == shown["incidents"] == []


# --- idle


def test_a_project_without_anything_is_idle(chain):
    assert left(chain, at(0)) == {}


def test_messages_that_nobody_read_are_left_to_do(chain):
    chain.events.publish([(E1, b"{}")] * 3)
    assert left(chain, at(0)) == {"modelmon-stream": 3}


def test_minutes_that_the_controller_has_not_seen_are_left_to_do(chain):
    chain.serve(at(0), at(1), now=at(1))
    assert left(chain, at(1)) == {"minutes": 2}


def test_a_window_that_ends_in_the_future_is_not_waited_for(chain):
    chain.serve(at(0), now=at(0))
    chain.tick(at(0))
    assert left(chain, at(9)) == {}


def test_a_window_that_waits_for_silence_is_waited_for_until_it_is_answered(chain):
    chain.serve(at(0), at(9), now=at(9))
    chain.tick(at(9))
    assert left(chain, at(10)) == {"waiting": 1}
    chain.settle(at(11))
    assert left(chain, at(11)) == {"modelmon-app-app": 1, "sent": 1}
    events = chain.app_events()
    assert left(chain, at(11)) == {"sent": 1}
    chain.report(done(events[0]))
    assert left(chain, at(11)) == {}


def test_a_failed_window_is_waited_for_as_long_as_it_is_retried(chain):
    chain.serve(at(0), at(11), now=at(11))
    waits = []
    for second in range(41):
        chain.tick(at(11, second))
        for event in chain.app_events():
            chain.report(failed(event))
        waits.append(left(chain, at(11, second)))
    assert waits[0] == waits[29] == {"retrying": 1}
    assert waits[30] == {}


def test_a_reopened_window_is_waited_for(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    judge(chain, at(11))
    chain.serve(at(5), now=at(12))
    chain.tick(at(12))
    assert left(chain, at(12)) == {"waiting": 1}
    chain.tick(at(12, GRACE))
    judge(chain, at(13))
    assert left(chain, at(13)) == {}


def test_windows_that_nobody_judges_any_more_are_not_waited_for(chain):
    chain.register("other")
    chain.serve(at(0), now=at(0))
    chain.serve(at(0), now=at(0), endpoint_id=E2)
    chain.tick(at(0))
    chain.unregister("app")
    chain.unregister("other")
    assert left(chain, at(60)) == {}
    chain.register("app")
    chain.forget_endpoint(E1)
    chain.forget_endpoint(E2)
    assert left(chain, at(60)) == {}


def test_a_batch_job_that_is_not_complete_is_not_waited_for(chain):
    chain.endpoint(E1, mode="batch")
    chain.serve(at(0), now=at(0))
    chain.tick(at(0))
    assert left(chain, at(60)) == {}
    chain.complete(at(0), now=at(60))
    assert left(chain, at(60)) == {"minutes": 1, "waiting": 1}
