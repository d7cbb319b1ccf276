"""The controller when something is down, dies, is gone or goes back."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event as sql_event

from ledger_rows import news
from modelmon.errors import UnavailableError
from modelmon.ledger import due_windows
from modelmon.ledger import window_ledger as ledger
from modelmon.ledger.window_ledger import Watched
from modelmon.model import to_us
from modelmon.sql.locks import CONTROLLER
from modelmon.stages.controller import Controller
from modelmon.stages.controller.controller import BUSY
from modelmon.stages.controller.take_over import take_over
from modelmon.streams import BACKENDS, memory, open_stream
from modelmon.upkeep import asking
from modelmon.windows import Span
from repeating import times
from unit import flaky_stream
from unit.flaky_stream import Killed, kill
from unit.window_support import E1, E2, GRACE, T0, Chain, at, done, failed, waits


@pytest.fixture
def chain(tmp_path, monkeypatch):
    monkeypatch.setitem(BACKENDS, "flaky", ("unit.flaky_stream", ""))
    chain = Chain(tmp_path, stream_path=f"flaky://{tmp_path.name}")
    yield chain
    flaky_stream.DOWN.clear()
    flaky_stream.AFTER_PUBLISH.clear()
    chain.close()


def restarted(chain: Chain) -> None:
    """The controller died and was started again."""
    chain.controller._streams.close()
    chain.controller = Controller.open(chain.settings)


# --- what is down


def test_an_app_whose_stream_is_down_does_not_stop_the_others(chain):
    chain.register("other")
    chain.serve(at(0), at(11), now=at(11))
    flaky_stream.DOWN.add("app-app")
    sent = chain.tick(at(11))["sent"]
    assert (sent["new"], list(sent["unavailable"])) == (1, ["app"])
    assert len(chain.app_events("other")) == 1
    flaky_stream.DOWN.clear()
    chain.tick(at(11, 1))
    assert len(chain.app_events("app")) == 1
    assert chain.app_events("other") == []


def test_an_app_stream_that_was_made_anew_is_opened_again_and_gets_what_was_lost_with_it(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    memory.delete(chain.settings.app_url("app").replace("flaky", "memory"))
    chain.serve(at(21), now=at(21))
    for minute in (21, 22, 23):
        chain.tick(at(minute))
        for each in chain.app_events():
            chain.report(done(each))
    assert [row.outcome for row in chain.windows()][:2] == ["done", "done"]


def test_an_app_stream_that_was_made_anew_before_a_publish_is_opened_again(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    (event,) = chain.app_events()
    chain.report(done(event))
    chain.tick(at(12))
    memory.delete(chain.settings.app_url("app").replace("flaky", "memory"))
    open_stream(chain.settings.app_url("app")).close()
    chain.serve(at(21), now=at(21))
    assert list(chain.tick(at(21))["sent"]["unavailable"]) == ["app"]
    assert chain.tick(at(21, 1))["sent"]["new"] == 1


def test_an_events_stream_that_was_made_anew_is_opened_again(chain):
    chain.serve(at(0), at(9), now=at(9))
    chain.settle(at(11))
    chain.app_events()
    memory.delete(chain.settings.events_url.replace("flaky", "memory"))
    chain.events = open_stream(chain.settings.events_url, 2)
    chain.serve(at(11), at(19), now=at(19))
    chain.tick(at(21))  # finds out
    chain.settle(at(22))
    assert at(10) in {to_us(each.window.start) for each in chain.app_events()}


def test_while_the_events_stream_is_down_newer_data_still_close_windows(chain):
    flaky_stream.DOWN.add("events")
    chain.serve(at(0), at(5), now=at(5), endpoint_id=E1)
    chain.serve(at(0), at(11), now=at(11), endpoint_id=E2)
    report = chain.tick(at(30))
    assert [each.endpoint_id for each in chain.app_events()] == [E2]
    assert report["clocks_sent"] == 0


def test_records_that_do_not_answer_end_the_tick_and_lose_nothing(chain, tmp_path):
    chain.serve(at(0), at(11), now=at(11))

    def fail(*_):
        raise _no_space()

    engine = chain.controller._database._engine
    sql_event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(UnavailableError, match="does not answer"):
        chain.tick(at(11))
    sql_event.remove(engine, "before_cursor_execute", fail)
    assert chain.tick(at(11))["sent"]["new"] == 1


def _no_space():
    import sqlite3

    from sqlalchemy.exc import OperationalError

    cause = sqlite3.OperationalError("database or disk is full")
    cause.sqlite_errorcode = sqlite3.SQLITE_FULL
    return OperationalError("INSERT", {}, cause)


def test_tidying_up_that_fails_does_not_fail_the_tick(chain):
    def maintain(*_):
        raise UnavailableError("the samples' disk is full")

    chain.controller._maintain = maintain
    chain.serve(at(0), at(11), now=at(11))
    report = chain.tick(at(11))
    assert report["sent"]["new"] == 1
    assert report["tidied"] == {}
    assert report["unavailable"] == {"tidying up": "the samples' disk is full"}


# --- kills


def test_killed_between_publishing_and_recording_it_publishes_again(chain):
    chain.serve(at(0), at(11), now=at(11))
    flaky_stream.AFTER_PUBLISH["app-app"] = kill
    with pytest.raises(Killed):
        chain.tick(at(11))
    flaky_stream.AFTER_PUBLISH.clear()
    restarted(chain)
    assert chain.windows()[0].sent == 0
    chain.tick(at(11, 1))
    first, second = chain.app_events()
    assert first == second


def test_killed_in_the_middle_of_many_apps_it_goes_on_with_the_rest(chain):
    for name in ("b", "c", "d"):
        chain.register(name)
    chain.serve(at(0), at(11), now=at(11))
    flaky_stream.AFTER_PUBLISH["app-c"] = kill
    with pytest.raises(Killed):
        chain.tick(at(11))
    flaky_stream.AFTER_PUBLISH.clear()
    restarted(chain)
    chain.tick(at(11, 1))
    assert all(chain.app_events(name) for name in ("app", "b", "c", "d"))


def test_killed_inside_the_transaction_that_takes_it_over_takes_it_over_again(chain):
    chain.serve(at(0), at(11), now=at(11))
    engine = chain.controller._database._engine

    def die_at_the_deletion(connection, cursor, statement, *_):
        if statement.startswith("DELETE FROM dirty"):
            raise Killed

    sql_event.listen(engine, "before_cursor_execute", die_at_the_deletion)
    with pytest.raises(Killed):
        chain.tick(at(11))
    sql_event.remove(engine, "before_cursor_execute", die_at_the_deletion)
    assert chain.windows() == []
    assert chain.tick(at(11))["taken_over"] == {"minutes": 2, "windows": 2, "late": 0}
    assert chain.windows()[0].wanted == 1


def test_a_tick_that_was_killed_gives_the_lease_back(chain):
    flaky_stream.AFTER_PUBLISH["app-app"] = kill
    chain.serve(at(0), at(11), now=at(11))
    with pytest.raises(Killed):
        chain.tick(at(11))
    flaky_stream.AFTER_PUBLISH.clear()
    assert chain.tick(at(11))["state"] == "done"


# --- two controllers


def test_a_second_controller_finds_another_one_at_work(chain):
    second = Controller.open(chain.settings)
    with chain.database.lock(CONTROLLER) as mine:
        assert mine
        assert second.tick_blocking(at(0)) == {"state": BUSY}
    assert second.tick_blocking(at(0))["state"] == "done"


def test_a_tick_during_a_tick_of_the_same_controller_returns_at_once(chain):
    answers = []
    flaky_stream.AFTER_PUBLISH["app-app"] = lambda: answers.append(chain.tick(at(11)))
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    assert answers == [{"state": BUSY}]


HOLDER = """
import sys, time
from modelmon.settings import Settings
from modelmon.ledger.records import open_records
from modelmon.sql.locks import CONTROLLER
with open_records(Settings.load(sys.argv[1], {})).lock(CONTROLLER) as mine:
    print(mine, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_the_lease_holds_against_another_process_and_its_death_frees_it(tmp_path):
    chain = Chain(tmp_path, records_url=f"sqlite:///{tmp_path}/.modelmon/records.db")
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "True\n"
        assert chain.tick(at(0)) == {"state": BUSY}
        holder.kill()
        holder.wait()
    assert chain.tick(at(0))["state"] == "done"
    chain.close()


def test_controllers_that_tick_together_send_each_revision_once(tmp_path):
    chain = Chain(tmp_path, stream_path=f"sqlite:///{tmp_path}/streams")
    others = [Controller.open(chain.settings) for _ in range(4)]
    barrier = Barrier(len(others), timeout=60)

    def work(controller: Controller) -> None:
        for second in range(20):
            barrier.wait()
            controller.tick_blocking(at(40, second))

    chain.serve(*[at(minute) for minute in range(0, 40, 3)], now=at(40))
    with ThreadPoolExecutor(len(others)) as threads:
        list(threads.map(work, others))
    for each in others:
        each._close()
    events = chain.app_events()
    assert sorted((to_us(each.window.start), each.window_revision) for each in events) == [
        (at(0), 1), (at(10), 1), (at(20), 1),
    ]  # fmt: skip
    chain.close()


def test_rows_that_another_controller_takes_over_during_a_publish_are_not_forgotten(chain):
    """Correctness does not rest on the lease: here both work at once."""

    def meanwhile() -> None:
        flaky_stream.AFTER_PUBLISH.clear()
        chain.serve(at(5), now=at(11))
        with chain.database.write() as connection:
            take_over(connection, chain.settings, at(11), 100)

    chain.serve(at(0), at(11), now=at(11))
    flaky_stream.AFTER_PUBLISH["app-app"] = meanwhile
    chain.tick(at(11))
    row = chain.windows()[0]
    assert row.wanted > row.sent == 1
    chain.tick(at(13))
    assert [each.window_revision for each in chain.app_events()] == [1, row.wanted]


def test_a_slow_controller_does_not_take_back_what_a_faster_one_sent(chain):
    second = Controller.open(chain.settings)

    def meanwhile() -> None:
        flaky_stream.AFTER_PUBLISH.clear()
        chain.serve(at(5), now=at(11))
        with chain.database.write() as connection:
            take_over(connection, chain.settings, at(11), 100)
        second._work(at(13))  # past the lease

    chain.serve(at(0), at(11), now=at(11))
    flaky_stream.AFTER_PUBLISH["app-app"] = meanwhile
    chain.tick(at(11))
    second._close()
    assert chain.windows()[0].sent == 2


@pytest.mark.parametrize("what", ["rows", "answer"])
def test_what_happens_to_a_window_after_it_was_read_is_not_overlooked(chain, what):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    (event,) = chain.app_events()
    chain.report(done(event))
    with chain.database.read() as connection:
        (window,) = due_windows.due(connection, at(12), 10)
    if what == "rows":
        chain.serve(at(5), now=at(12))
        with chain.database.write() as connection:
            take_over(connection, chain.settings, at(12), 100)
    else:
        chain.report(failed(event))
    with chain.database.write() as connection:
        due_windows.look_again(connection, [(window, None)], min_rows=50)
    assert chain.windows()[0].check_us is not None


def test_a_minute_that_got_rows_after_it_was_read_stays_dirty(chain):
    chain.serve(at(0), at(1), now=at(1))
    with chain.database.write() as connection:
        read = ledger.read_dirty(connection, 10)
    chain.serve(at(1), now=at(1))
    with chain.database.write() as connection:
        ledger.forget_dirty(connection, read)
    assert [minute_us for _, minute_us in chain.read(news)] == [at(1)]


# --- what is gone


def test_minutes_of_an_endpoint_that_was_deleted_are_dropped(chain):
    chain.serve(at(0), at(11), now=at(11), endpoint_id=E1)
    chain.serve(at(0), at(11), now=at(11), endpoint_id=E2)
    chain.forget_endpoint(E1)
    chain.tick(at(11))
    assert [each.endpoint_id for each in chain.app_events()] == [E2]
    assert chain.read(news) == []


def test_windows_of_an_endpoint_that_was_deleted_are_left_alone(chain):
    chain.serve(at(0), now=at(0), endpoint_id=E1)
    chain.serve(at(0), now=at(0), endpoint_id=E2)
    chain.tick(at(0))
    chain.forget_endpoint(E1)
    chain.settle(at(20))
    assert [each.endpoint_id for each in chain.app_events()] == [E2]
    assert chain.windows()[0].check_us is None


def test_an_app_that_was_unregistered_is_sent_nothing(chain):
    chain.register("other")
    chain.serve(at(0), now=at(0))
    chain.tick(at(0))
    chain.unregister("other")
    chain.serve(at(11), at(21), now=at(21))
    chain.tick(at(21))
    assert chain.app_events("other") == []
    assert len(chain.windows("other")) == 1
    assert len(chain.app_events("app")) == 2


def test_an_app_that_is_registered_again_gets_what_waited_for_it(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11) - 1_000_000)
    chain.unregister("app")
    chain.tick(at(11))
    chain.register("app")
    chain.tick(at(12, 1))
    assert [to_us(each.window.start) for each in chain.app_events()] == [at(0)]


def test_without_an_app_dirty_minutes_do_not_pile_up(chain):
    chain.unregister("app")
    chain.serve(at(0), now=at(0))
    assert chain.tick(at(0))["taken_over"] == {"minutes": 1, "windows": 0, "late": 0}
    assert chain.read(news) == []


# --- clocks


def test_a_wall_clock_that_goes_back_delays_and_loses_nothing(chain):
    chain.serve(at(0), at(9), now=at(100))
    chain.tick(at(100))
    chain.serve(at(9, 30), now=at(20))
    for minute in (20, 21, 22, 101, 102, 103):
        chain.tick(at(minute))
        chain.catch_up(at(minute))
    assert [to_us(each.window.start) for each in chain.app_events()] == [at(0)]


@pytest.mark.parametrize("again", [False, True])
def test_a_clock_that_was_a_day_ahead_holds_no_window_once_it_is_right_again(chain, again):
    day = 24 * 60
    chain.serve(at(0), at(9), now=at(9))
    chain.serve(at(11), now=at(12 + day))  # the clock jumps ahead
    chain.tick(at(12 + day))
    chain.catch_up(at(12 + day))
    if again:
        restarted(chain)
    chain.tick(at(13))  # and back
    chain.settle(at(21))
    assert [to_us(each.window.start) for each in chain.app_events()] == [at(0), at(10)]


def test_after_the_clock_went_back_the_controller_sends_its_clock_again(chain):
    chain.serve(at(0), at(9), now=at(9))
    assert chain.tick(at(100))["clocks_sent"] == 2
    assert chain.tick(at(50))["clocks_sent"] == 2


# --- everything at once


class Model:
    """What has to be true in the end, whatever happened on the way."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.now = T0
        self.rows: list[int] = []
        self.events: list = []

    def serve(self, minutes_back: int) -> None:
        row = max(T0, self.now - minutes_back * 60_000_000) + len(self.rows)
        self.chain.serve(row, now=self.now)
        self.rows.append(row)

    def collect(self, answer=done) -> None:
        for event in self.chain.app_events():
            self.events.append((event, set(self.rows)))
            self.chain.report(answer(event), now=self.now)

    def ask(self) -> None:
        """Every window is asked for again."""
        spans = [Span(each.start_us, each.end_us) for each in self.chain.windows()]
        found = asking.Found(Watched(E1, False, None), spans, 0)
        asking.ask(self.chain.database, "app", [found], self.now, GRACE * 1_000_000)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("serve"), st.integers(0, 40)),
        st.tuples(st.just("wait"), st.integers(1, 900)),
        st.tuples(st.just("tick"), st.just(0)),
        st.tuples(st.just("killed tick"), st.just(0)),
        st.tuples(st.just("catch up"), st.just(0)),
        st.tuples(st.just("answer"), st.just(0)),
        st.tuples(st.just("app waits"), st.just(0)),
        st.tuples(st.just("ask again"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("period"), st.integers(1, 90)),
    ),
    max_size=40,
)


@pytest.mark.long
@settings(max_examples=times(40, few=10), deadline=None)
@given(steps)
def test_any_order_of_ticks_kills_and_changes_judges_each_row_in_one_window_after_it_came(
    tmp_path_factory, monkeypatch_module, plan
):
    chain = Chain(
        tmp_path_factory.mktemp("chain"), stream_path=f"flaky://{id(plan)}-{len(plan)}-{hash(str(plan))}"
    )
    model = Model(chain)
    try:
        for name, number in plan:
            _step(model, name, number)
        for _ in range(8):  # then the world settles
            model.now += 3_600_000_000
            chain.tick(model.now)
            chain.catch_up(model.now)
            model.collect()
        rows = chain.windows()
        for row in model.rows:
            inside = [each for each in rows if each.start_us <= row < each.end_us]
            assert len(inside) == 1
            seen = [seen for event, seen in model.events if to_us(event.window.start) == inside[0].start_us]
            assert row in seen[-1]
        for one, next_one in pairwise(rows):
            assert one.end_us <= next_one.start_us
        assert all(each.wanted == each.sent == each.answered for each in rows)
        assert {each.outcome for each in rows} <= {"done"}
        for each in rows:
            length = each.end_us - each.start_us
            followed = any(each.end_us <= other.start_us < each.end_us + length for other in rows)
            assert bool(each.incomplete & 4) == (each.incomplete > 0 and not followed)
            assert not each.incomplete & 2 or max(model.rows) < each.end_us
    finally:
        flaky_stream.AFTER_PUBLISH.clear()
        chain.close()


def _step(model: Model, name: str, number: int) -> None:
    chain = model.chain
    if name == "serve":
        model.serve(number)
    elif name == "wait":
        model.now += number * 1_000_000
    elif name == "tick":
        chain.tick(model.now)
    elif name == "killed tick":
        flaky_stream.AFTER_PUBLISH["app-app"] = kill
        try:
            chain.tick(model.now)
        except Killed:
            restarted(chain)
        flaky_stream.AFTER_PUBLISH.clear()
    elif name == "catch up":
        chain.catch_up(model.now)
    elif name == "answer":
        model.collect()
    elif name == "app waits":
        model.collect(waits)
    elif name == "ask again":
        model.ask()
    elif name == "restart":
        restarted(chain)
    elif name == "period":
        chain.register("app", number)


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKENDS, "flaky", ("unit.flaky_stream", ""))
        yield patch
