"""The controller's ticks: what is sent, when, and how often."""

from __future__ import annotations

from itertools import pairwise

import pytest
from sqlalchemy import event as sql_event

from modelmon import wire
from modelmon.ledger import registry
from modelmon.ledger import window_ledger as ledger
from modelmon.model import Window, WindowKey, from_us, to_us
from modelmon.stages.controller import send
from unit.window_support import E1, E2, GRACE, Chain, at, done, failed, result, waits

RETRY = 10


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    yield chain
    chain.close()


def starts(events: list[wire.AppEvent]) -> list[int]:
    """Minutes after T0 at which the windows of these events start."""
    return [(to_us(each.window.start) - at(0)) // 60_000_000 for each in events]


# --- what is sent


def test_a_window_goes_to_the_app_once_newer_data_have_passed_it(chain):
    chain.serve(at(0), at(5), at(10, GRACE), now=at(10, GRACE))
    chain.tick(at(10, GRACE))
    (event,) = chain.app_events()
    assert event == wire.AppEvent(
        endpoint_id=E1,
        endpoint_name=f"{E1}-name",
        application_name="app",
        window=Window(from_us(at(0)), from_us(at(10))),
        window_revision=1,
        window_incomplete=0,
        project="flights",
        endpoint_updated=wire.write_moment(at(10, GRACE)),
    )


def test_nothing_is_sent_before_the_end_and_the_grace_have_passed(chain):
    chain.serve(at(0), at(10, GRACE), now=at(10))
    chain.tick(at(10, GRACE - 1))
    assert chain.app_events() == []
    chain.tick(at(10, GRACE))
    assert starts(chain.app_events()) == [0]


def test_a_window_is_sent_once_however_often_the_controller_ticks(chain):
    chain.serve(at(0), at(11), now=at(11))
    for seconds in range(9):
        chain.tick(at(11, seconds))
    assert len(chain.app_events()) == 1


def test_a_replay_of_the_past_sends_each_window_once_when_its_rows_are_in(chain):
    now = at(100_000)
    for minute in range(0, 60, 5):
        chain.serve(at(minute), now=now)
        chain.tick(now)
    assert starts(chain.app_events()) == [0, 10, 20, 30, 40]


def test_a_catch_up_sends_the_windows_of_an_endpoint_in_their_order(chain):
    chain.serve(*[at(minute) for minute in range(0, 600, 3)], now=at(601))
    chain.tick(at(601))
    assert starts(chain.app_events()) == list(range(0, 590, 10))


def test_each_app_gets_every_window_on_its_own_grid(chain):
    chain.register("hourly", 60)
    chain.serve(*[at(minute) for minute in range(0, 80, 10)], now=at(200))
    chain.settle(at(201))
    assert len(chain.app_events()) == 8
    hourly = chain.app_events("hourly")
    assert {to_us(each.window.end) - to_us(each.window.start) for each in hourly} == {3_600_000_000}


def test_an_endpoint_that_names_its_apps_goes_to_these_alone(chain):
    chain.register("other")
    chain.endpoint(E1, policy={"monitoring_applications": ["other"]})
    chain.endpoint(E2, policy={"monitoring_applications": []})
    for endpoint in (E1, E2):
        chain.serve(at(0), at(11), now=at(11), endpoint_id=endpoint)
    chain.tick(at(11))
    assert chain.app_events() == []
    assert [each.endpoint_id for each in chain.app_events("other")] == [E1]


def test_a_router_is_not_analysed(chain):
    chain.endpoint(E1, endpoint_type=2)
    chain.serve(at(0), at(11), now=at(11))
    assert chain.settle(at(60))["taken_over"]["windows"] == 0
    assert chain.windows() == []


def test_an_app_sees_what_is_committed_after_its_registration(chain):
    chain.serve(at(0), now=at(0))
    chain.tick(at(0))
    chain.register("new")
    chain.serve(at(25), now=at(25))
    chain.settle(at(60))
    assert starts(chain.app_events()) == [0, 20]
    assert starts(chain.app_events("new")) == [20]


# --- silence


def test_a_silent_endpoint_closes_its_window_once_the_watermark_has_passed(chain):
    chain.serve(at(0), at(9), now=at(9))
    assert chain.tick(at(11))["clocks_sent"] == 2
    assert chain.app_events() == []
    chain.catch_up(at(11))
    chain.tick(at(11))
    assert starts(chain.app_events()) == [0]


def test_a_stream_function_that_is_down_closes_nothing(chain):
    chain.serve(at(0), at(9), now=at(9))
    for minute in range(11, 300, 7):
        chain.tick(at(minute))
    assert chain.app_events() == []


def test_one_partition_that_is_behind_keeps_the_watermark_back(chain):
    chain.serve(at(0), at(9), now=at(9))
    chain.tick(at(11))
    consumer = chain.events.consumer("modelmon-stream")
    first = consumer.poll(1, 0)[0]  # the other partition's clock is not applied
    consumer.close()
    (nop,) = wire.read_message(first.body)
    from modelmon.ledger.batches import Derived

    chain._commit(Derived(nop_us=nop.timestamp_us), at(11), first.partition)
    chain.tick(at(11, 1))
    assert chain.app_events() == []
    chain.catch_up(at(11, 2))
    chain.tick(at(11, 2))
    assert starts(chain.app_events()) == [0]


def test_the_watermark_has_to_be_younger_than_the_endpoints_last_rows(chain):
    chain.serve(at(0), at(9), now=at(9))
    chain.tick(at(11))
    chain.serve(at(9, 1), now=at(11))  # out of a backlog, after the clock was sent and before it was applied
    chain.catch_up(at(11))
    chain.tick(at(12))
    assert chain.app_events() == []
    chain.catch_up(at(12))
    chain.tick(at(12))
    assert starts(chain.app_events()) == [0]


def test_clocks_do_not_pile_up_before_a_stream_function_that_is_down(chain):
    chain.serve(at(0), now=at(0))
    sent = sum(chain.tick(at(20, seconds))["clocks_sent"] for seconds in range(0, 290, 5))
    assert sent == 2  # one a partition


@pytest.mark.slow
def test_clocks_are_sent_at_most_twice_a_grace_while_they_are_seen(chain):
    sent = 0
    for second in range(0, 3 * GRACE, 2):
        chain.serve(at(0), now=at(20, second))  # rows that never end keep silence from being proven
        sent += chain.tick(at(20 + GRACE / 60, second))["clocks_sent"]
        chain.catch_up(at(20, second))
    assert 0 < sent <= 2 * 3 * GRACE / (GRACE / 2)


def test_no_clock_is_sent_while_nothing_waits_for_silence(chain):
    assert chain.tick(at(20))["clocks_sent"] == 0
    chain.serve(at(0), at(30), now=at(30))
    assert chain.tick(at(31))["clocks_sent"] == 0


def test_a_clock_message_from_the_future_is_not_believed(chain):
    chain.serve(at(0), at(9), now=at(9))
    chain.tick(at(9))
    chain.tick(at(100))
    chain.catch_up(at(100))  # then the wall clock goes back to where it should be
    chain.tick(at(20))
    assert chain.app_events() == []
    chain.tick(at(101))
    assert starts(chain.app_events()) == [0]


def test_one_clock_message_from_the_future_stops_no_window_for_longer_than_the_next_clock(chain):
    chain.serve(at(0), at(9), now=at(9))
    chain.events.publish([("", wire.write_nop_event(at(10**6)))], partition=0)
    chain.catch_up(at(10))
    chain.tick(at(11))
    chain.catch_up(at(11))
    chain.tick(at(11))
    assert starts(chain.app_events()) == [0]


def test_windows_that_wait_for_silence_are_read_once_and_no_more(chain):
    for number in range(20):
        chain.serve(at(0), at(9), now=at(9), endpoint_id=f"endpoint-{number}")
    assert chain.tick(at(11))["sent"]["looked_at"] == 20
    assert [chain.tick(at(11, second))["sent"]["looked_at"] for second in range(5, 60, 5)] == [0] * 11
    chain.catch_up(at(12))
    assert chain.tick(at(12))["sent"]["new"] == 20


def test_news_of_an_endpoint_close_its_windows_alone_without_the_watermark(chain):
    for endpoint_id in (E1, E2):
        chain.serve(at(0), at(9), now=at(9), endpoint_id=endpoint_id)
    chain.tick(at(11))
    chain.serve(at(10, GRACE), now=at(11))
    report = chain.tick(at(11, 5))
    assert (report["sent"]["looked_at"], report["sent"]["new"]) == (1, 1)
    assert [each.endpoint_id for each in chain.app_events()] == [E1]


# --- batch jobs


def test_windows_that_wait_for_a_batch_job_are_read_once_and_no_more(chain):
    chain.endpoint(E1, mode="batch")
    chain.serve(*[at(minute) for minute in range(0, 250, 5)], now=at(3))
    assert chain.tick(at(300))["sent"]["looked_at"] == 25
    for minute in range(301, 320):
        report = chain.settle(at(minute))
        assert (report["sent"]["looked_at"], report["clocks_sent"]) == (0, 0)
    chain.complete(at(245), now=at(330))
    assert chain.tick(at(330))["sent"]["new"] == 25


def test_what_a_batch_job_goes_on_to_send_makes_nobody_look_at_its_windows_again(chain):
    chain.endpoint(E1, mode="batch")
    chain.serve(*[at(minute) for minute in range(0, 250, 5)], now=at(3))
    chain.tick(at(300))
    for minute in range(250, 300, 10):
        chain.serve(at(minute), now=at(301))
        assert chain.tick(at(301))["sent"]["looked_at"] == 1
    chain.complete(at(105), now=at(302))
    assert chain.tick(at(302))["sent"] == {"looked_at": 11, "new": 11, "again": 0, "unavailable": {}}


def test_a_completion_closes_windows_of_any_endpoint_without_a_wait(chain):
    chain.serve(*[at(minute) for minute in range(0, 25, 5)], now=at(31))
    chain.complete(at(20), now=at(31))
    chain.tick(at(31))
    assert starts(chain.app_events()) == [0, 10, 20]


def test_what_comes_after_a_completion_waits_as_ever(chain):
    chain.serve(at(0), now=at(30))
    chain.complete(at(0), now=at(30))
    chain.tick(at(30))
    (event,) = chain.app_events()
    chain.report(done(event))
    chain.serve(at(30), now=at(31))
    chain.tick(at(41))
    assert chain.app_events() == []
    chain.settle(at(42))
    assert starts(chain.app_events()) == [30]


def test_windows_of_a_batch_endpoint_close_on_its_completion(chain):
    chain.endpoint(E1, mode="batch")
    chain.serve(*[at(minute) for minute in range(0, 25, 5)], now=at(3))
    chain.settle(at(200))
    assert chain.app_events() == []
    chain.complete(at(20), now=at(200))
    chain.tick(at(200))
    events = chain.app_events()
    assert starts(events) == [0, 10, 20]
    assert [each.window_incomplete for each in events] == [0, 0, 0]


def test_a_batch_jobs_last_window_closes_before_its_end_by_the_wall_clock(chain):
    chain.endpoint(E1, mode="batch")
    chain.serve(at(1), at(3), now=at(3))
    chain.complete(at(3), now=at(3))
    chain.tick(at(4))
    assert starts(chain.app_events()) == [0]


def test_a_second_batch_job_waits_for_its_own_completion(chain):
    chain.endpoint(E1, mode="batch")
    chain.serve(at(1), now=at(3))
    chain.complete(at(1), now=at(3))
    chain.tick(at(4))
    chain.serve(at(31), now=at(40))
    chain.tick(at(100))
    (event,) = chain.app_events()
    assert starts([event]) == [0]
    chain.report(done(event))
    chain.complete(at(31), now=at(101))
    chain.tick(at(101))
    assert starts(chain.app_events()) == [30]


# --- late rows and revisions


def test_late_rows_reopen_their_window_after_the_grace_with_a_higher_revision(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    (first,) = chain.app_events()
    chain.serve(at(5), at(5, 1), now=at(12))
    chain.tick(at(12))
    assert chain.app_events() == []
    chain.tick(at(12, GRACE))
    (second,) = chain.app_events()
    assert second.window == first.window
    assert second.window_revision > first.window_revision


def test_late_rows_are_counted_on_the_window_and_once_on_the_endpoint_however_many_apps(chain):
    chain.register("other")
    chain.register("hourly", 60)
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    chain.serve(at(5), at(5, 1), at(6), now=at(12))
    chain.tick(at(12))
    assert chain.windows("app")[0].late == chain.windows("other")[0].late == 3
    assert chain.windows("hourly")[0].late == 0  # it was not sent yet
    assert chain.traffic().late == 3
    assert chain.traffic().stored == 5


def test_rows_that_come_before_their_window_is_sent_are_not_late(chain):
    chain.serve(at(0), now=at(0))
    chain.tick(at(0))
    chain.serve(at(1), at(11), now=at(11))
    chain.tick(at(11))
    assert chain.traffic().late == 0


def test_a_window_with_late_rows_under_way_is_sent_again_after_its_answer(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    (first,) = chain.app_events()
    chain.serve(at(5), now=at(12))
    chain.tick(at(12))
    chain.report(result(first), done(first))
    chain.tick(at(12, GRACE))
    (second,) = chain.app_events()
    chain.report(result(second), done(second))
    row = chain.windows()[0]
    assert row.answered == row.sent == row.wanted == second.window_revision


# --- answers


def test_a_window_that_is_done_is_not_looked_at_again(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    (event,) = chain.app_events()
    chain.report(done(event))
    chain.tick(at(11, RETRY))
    assert chain.windows()[0].check_us is None
    assert chain.tick(at(500))["sent"]["again"] == 0


def test_a_failed_window_is_sent_three_times_with_doubling_waits_and_then_stays_failed(chain):
    chain.serve(at(0), at(11), now=at(11))
    sends = []
    for second in range(120):
        chain.tick(at(11, second))
        for event in chain.app_events():
            sends.append((second, event.window_revision))
            chain.report(failed(event))
    assert sends == [(0, 1), (RETRY, 1), (3 * RETRY, 1)]
    row = chain.windows()[0]
    assert (row.outcome, row.error, row.sends, row.check_us) == ("failed", "no such column", 3, None)


def test_a_new_revision_of_a_failed_window_has_all_its_tries_again(chain):
    chain.serve(at(0), at(11), now=at(11))
    for second in range(0, 120, RETRY):
        chain.tick(at(11, second))
        for event in chain.app_events():
            chain.report(failed(event))
    chain.serve(at(5), now=at(14))
    chain.tick(at(14))
    chain.tick(at(14, GRACE))
    (event,) = chain.app_events()
    chain.report(failed(event))
    assert chain.windows()[0].sends == 1
    chain.tick(at(14, GRACE + RETRY))
    assert len(chain.app_events()) == 1


def test_a_window_that_killed_its_app_as_often_as_it_may_is_not_sent_again(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    (event,) = chain.app_events()
    with chain.database.write() as connection:
        for _ in range(4):
            ledger.raise_attempt(connection, WindowKey(E1, "app", at(0)), event.window_revision)
    chain.report(failed(event, "it kills its app"))
    for second in range(0, 120, RETRY):
        chain.tick(at(12, second))
    assert chain.app_events() == []


@pytest.mark.slow
def test_a_window_whose_app_waits_is_sent_again_ever_more_rarely_and_never_given_up(chain):
    chain.serve(at(0), at(11), now=at(11))
    sends = []
    for second in range(0, 8 * 3_600, RETRY):
        chain.tick(at(11, second))
        for event in chain.app_events():
            sends.append(second)
            chain.report(waits(event))
    gaps = [after - before for before, after in pairwise(sends)]
    assert gaps[:6] == [10, 10, 20, 40, 80, 160]
    assert max(gaps) == gaps[-1] == 3_600
    (row,) = (row for row in chain.windows() if row.start_us == at(0))
    assert (row.sent, row.sends, row.error) == (1, 1, "actuals not there")


def test_a_window_whose_app_waited_has_all_its_tries_when_it_fails(chain):
    chain.serve(at(0), at(11), now=at(11))
    answers = iter([waits] * 5 + [failed] * 10)
    for second in range(0, 900, RETRY):
        chain.tick(at(11, second))
        for event in chain.app_events():
            chain.report(next(answers)(event))
    assert len(list(answers)) == 10 - chain.settings.app_attempts


def test_a_window_whose_app_waits_does_not_hold_up_the_others(chain):
    for endpoint_id in (E1, E2):
        chain.serve(at(0), at(11), now=at(11), endpoint_id=endpoint_id)
    chain.tick(at(11))
    for event in chain.app_events():
        chain.report(waits(event) if event.endpoint_id == E1 else done(event))
    for endpoint_id in (E1, E2):
        chain.serve(at(21), now=at(21), endpoint_id=endpoint_id)
    chain.tick(at(21))
    found = [(each.endpoint_id, *starts([each])) for each in chain.app_events()]
    assert sorted(found) == [(E1, 0), (E1, 10), (E2, 10)]


def test_late_rows_of_a_window_whose_app_waits_are_a_new_revision(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    chain.report(*map(waits, chain.app_events()))
    chain.serve(at(5), now=at(11, 1))
    chain.tick(at(11, 1))
    chain.tick(at(11, 1 + GRACE))
    (again,) = chain.app_events()
    assert again.window_revision == 2
    chain.report(done(again))
    chain.tick(at(30))
    assert (chain.windows()[0].outcome, chain.windows()[0].check_us) == ("done", None)


def test_a_window_that_waits_in_the_apps_stream_is_not_sent_again(chain):
    chain.serve(at(0), at(11), now=at(11))
    for minute in range(11, 60):
        chain.tick(at(minute))
    assert len(chain.app_events()) == 1


@pytest.mark.slow
def test_a_window_whose_answer_got_lost_is_sent_again_and_at_last_given_up(chain):
    chain.serve(at(0), at(11), now=at(11))
    sends = []
    for second in range(200):
        chain.tick(at(11, second))
        sends += [second for _ in chain.app_events()]  # read, committed, and never answered
    assert sends == [0, RETRY, 3 * RETRY]
    assert chain.windows()[0].check_us is None


def test_an_answer_that_waits_in_the_writers_stream_is_waited_for(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    (event,) = chain.app_events()
    with chain._stream(chain.settings.writer_url) as writer:
        writer.publish([(E1, wire.write_report([done(event)]))])
    for minute in range(12, 60):
        chain.tick(at(minute))
    assert chain.app_events() == []


# --- attempts


def test_attempts_count_from_one_and_anew_for_each_revision(chain):
    chain.serve(at(0), now=at(0))
    chain.tick(at(0))

    def start(revision: int) -> int:
        with chain.database.write() as connection:
            return ledger.raise_attempt(connection, WindowKey(E1, "app", at(0)), revision)

    assert [start(1), start(1), start(2), start(2), start(5)] == [1, 2, 1, 2, 1]


def test_two_revisions_that_come_again_and_again_come_to_an_end(chain):
    chain.serve(at(0), now=at(0))
    chain.tick(at(0))
    numbers = []
    for _ in range(3):
        for revision in (1, 2):
            with chain.database.write() as connection:
                numbers.append(ledger.raise_attempt(connection, WindowKey(E1, "app", at(0)), revision))
    assert numbers == [1, 1, 2, 3, 4, 5]


def test_an_app_that_survived_is_at_its_first_attempt_again(chain):
    chain.serve(at(0), now=at(0))
    chain.tick(at(0))
    numbers = []
    for revision in (1, 1, 2, 2):
        with chain.database.write() as connection:
            numbers.append(ledger.raise_attempt(connection, WindowKey(E1, "app", at(0)), revision))
            ledger.forget_attempts(connection, WindowKey(E1, "app", at(0)), 1)
    assert numbers == [1, 1, 1, 2], "what is forgotten of a revision says nothing of another"


def test_a_window_of_nobodys_ledger_is_at_its_first_attempt(chain):
    with chain.database.write() as connection:
        assert ledger.raise_attempt(connection, WindowKey("stranger", "app", at(0)), 1) == 1


# --- periods


@pytest.mark.slow
def test_a_changed_period_begins_after_the_last_window_with_one_short_one(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    chain.register("app", 60)
    for minute in range(12, 300, 9):  # each window of ten minutes has rows
        chain.serve(at(minute), now=at(minute))
        chain.tick(at(minute))
    spans = [(row.start_us, row.end_us) for row in chain.windows()]
    assert spans[:2] == [(at(0), at(10)), (at(10), at(20))]
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    assert spans[2][0] == at(20)
    assert spans[2][1] % 3_600_000_000 == 0
    assert {end - start for start, end in spans[3:]} == {3_600_000_000}


def test_the_projects_own_period_goes_before_the_setting(chain):
    with chain.database.write() as connection:
        registry.set_value(connection, "base_period", 30)
    chain.serve(at(0), now=at(0))
    chain.tick(at(0))
    (row,) = chain.windows()
    assert row.end_us - row.start_us == 30 * 60_000_000


# --- cost


def test_a_tick_asks_as_much_of_the_database_whatever_the_number_of_quiet_endpoints(tmp_path):
    def statements(quiet: int) -> int:
        (tmp_path / str(quiet)).mkdir()
        chain = Chain(tmp_path / str(quiet))
        for number in range(quiet):
            chain.serve(at(1), at(2), now=at(2), endpoint_id=f"quiet-{number}")
        chain.tick(at(3))  # their windows wait for their end
        chain.serve(at(4), now=at(4))
        asked = []
        sql_event.listen(
            chain.controller._database._engine, "before_cursor_execute", lambda *args: asked.append(1)
        )
        chain.tick(at(5))
        chain.close()
        return len(asked)

    assert statements(40) == statements(1)


GROWING = (
    "windows",
    "endpoints",
    "traffic",
    "verdicts",
    "app_stats",
    "watches",
    "incidents",
    "incident_windows",
    "incident_events",
    "outbox",
    "reported",
    "series_values",
    "series_features",
    "dead_letters",
)


def test_no_statement_of_a_tick_or_of_the_writer_reads_a_table_that_grows_from_end_to_end(chain):
    scans = []

    def explain(connection, cursor, statement, parameters, context, many):
        if statement.split()[0] in ("SELECT", "UPDATE", "DELETE"):
            first = parameters[0] if many else parameters
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", first).all()
            steps = [row[3].split() for row in plan]
            scans.extend(statement for what, table, *_ in steps if what == "SCAN" and table in GROWING)

    for engine in (
        chain.controller._database._engine,
        chain.database._engine,
        chain.series._database._engine,
    ):
        sql_event.listen(engine, "before_cursor_execute", explain)
    for endpoint in (E1, E2):
        chain.serve(*[at(minute) for minute in range(0, 60, 4)], now=at(60), endpoint_id=endpoint)
    chain.settle(at(70))
    for event in chain.app_events():
        with chain.database.write() as connection:
            ledger.raise_attempt(connection, WindowKey(event.endpoint_id, "app", at(0)), 1)
        chain.report(result(event, 1), done(event))
    chain.serve(at(1), at(91), now=at(91))
    chain.settle(at(92))
    assert scans == []


def test_windows_that_wait_do_not_hide_those_behind_them(chain, monkeypatch):
    monkeypatch.setattr(send, "PAGE", 2)
    for number in range(7):
        chain.serve(at(0), now=at(5), endpoint_id=f"silent-{number}")
    chain.serve(*[at(minute) for minute in range(0, 80, 10)], now=at(80), endpoint_id=E2)
    chain.tick(at(81))
    assert starts(chain.app_events()) == [0, 10, 20, 30, 40, 50]
