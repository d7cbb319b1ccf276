"""Windows that the data cover in part: what is said of them, and what becomes of them."""

from __future__ import annotations

import pytest

from modelmon import wire
from modelmon.ledger import registry
from modelmon.model import to_us
from modelmon.streams import open_stream
from unit.window_support import E1, GRACE, Chain, at, done, result

RETRY = 10


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    yield chain
    chain.close()


def starts(events: list[wire.AppEvent]) -> list[int]:
    """Minutes after T0 at which the windows of these events start."""
    return [(to_us(each.window.start) - at(0)) // 60_000_000 for each in events]


def test_the_first_window_says_that_the_data_begin_inside_it(chain):
    chain.serve(at(5), at(11), at(21), now=at(21))
    chain.tick(at(21))
    assert [(each.window_incomplete) for each in chain.app_events()] == [1, 0]


def test_a_window_that_silence_closed_says_that_the_data_end_inside_it(chain):
    chain.serve(at(0), at(5), now=at(5))
    chain.settle(at(11))
    assert [each.window_incomplete for each in chain.app_events()] == [2]


BURST = [at(5, second / 500) for second in range(1_000)]


def judge(chain: Chain, now: int, rows: int = 1_000) -> list[tuple[int, int, int]]:
    """Tick until nothing moves, let the app answer; minute, revision and bits of what it was sent."""
    chain.settle(now)
    chain.tick(now)
    events = chain.app_events()
    for event in events:
        chain.report(result(event, 1), done(event, rows))
    return [(*starts([each]), each.window_revision, each.window_incomplete) for each in events]


def settle(chain: Chain, now: int, rows: int = 1_000) -> list[tuple[int, int, int]]:
    """`judge`, and once more when the controller looks at the answers."""
    return judge(chain, now, rows) + judge(chain, now + RETRY * 1_000_000, rows)


def test_a_burst_is_incomplete_and_becomes_partial_when_silence_of_a_period_follows(chain):
    chain.serve(*BURST, now=at(6))
    assert settle(chain, at(10, GRACE)) == [(0, 1, 3)]
    assert settle(chain, at(19, 49)) == []
    assert settle(chain, at(20)) == [(0, 2, 7)]
    assert settle(chain, at(90)) == []
    assert (chain.traffic().late, chain.windows()[0].check_us) == (0, None)


def test_a_burst_of_the_past_is_partial_after_a_period_of_silence_by_the_wall_clock(chain):
    """A replay may have paused for a moment only."""
    chain.serve(*BURST, now=at(500))
    assert settle(chain, at(501)) == [(0, 1, 3)]
    assert settle(chain, at(509)) == []
    assert settle(chain, at(510)) == [(0, 2, 7)]


def test_a_burst_that_is_seen_long_after_it_came_is_partial_at_once(chain):
    chain.serve(*BURST, now=at(6))
    assert settle(chain, at(501)) == [(0, 1, 7)]


def test_while_the_stream_function_is_down_no_silence_is_known_and_nothing_becomes_partial(chain):
    chain.serve(*BURST, now=at(6))
    assert settle(chain, at(11)) == [(0, 1, 3)]
    for minute in range(20, 60, 10):
        chain.tick(at(minute))
        assert chain.app_events() == []
    chain.catch_up(at(60))
    assert judge(chain, at(60)) == [(0, 2, 7)]


def test_a_few_rows_and_silence_stay_incomplete(chain):
    chain.serve(at(5), now=at(6))
    assert settle(chain, at(11), rows=49) == [(0, 1, 3)]
    assert settle(chain, at(60), rows=49) == []


def test_the_first_window_of_steady_traffic_stays_incomplete(chain):
    sent = []
    for minute in range(5, 60, 5):
        chain.serve(*[at(minute, second) for second in range(60)], now=at(minute + 1))
        sent += settle(chain, at(minute + 1))
    assert [each for each in sent if each[2]] == [(0, 1, 1)]


@pytest.mark.parametrize(("resumes", "bits"), [(15, 1), (33, 5)])
def test_data_that_go_on_reopen_a_partial_window(chain, resumes, bits):
    """It began inside, so that there is no full verdict; what follows at once makes it steady traffic."""
    chain.serve(*BURST, now=at(6))
    settle(chain, at(11))
    assert settle(chain, at(31)) == [(0, 2, 7)]
    chain.serve(at(resumes), now=at(33))
    assert judge(chain, at(33)) == []
    assert settle(chain, at(33, GRACE))[0] == (0, 3, bits)
    assert all(start for start, *_ in settle(chain, at(90)))


def test_a_partial_window_gets_a_full_verdict_when_data_go_on(chain):
    chain.serve(at(0), at(0, 2), now=at(1))
    settle(chain, at(11))
    assert settle(chain, at(20)) == [(0, 2, 6)]
    chain.serve(at(33), now=at(33))
    chain.tick(at(33))
    assert settle(chain, at(33, GRACE)) == [(0, 3, 0)]


def test_late_rows_in_the_period_after_a_partial_window_reopen_it_once(chain):
    chain.serve(at(5), at(9, 59), now=at(10))
    settle(chain, at(11))
    assert settle(chain, at(20)) == [(0, 2, 5)]
    chain.serve(at(40), now=at(40))
    assert all(start for start, *_ in settle(chain, at(41)))  # silence did follow it
    chain.serve(at(12), now=at(42))
    chain.tick(at(42))
    assert (0, 3, 1) in settle(chain, at(43))
    assert all(start for start, *_ in settle(chain, at(90)))


def test_late_rows_of_a_window_that_is_about_to_become_partial_are_judged_with_it(chain):
    chain.serve(*BURST, now=at(6))
    settle(chain, at(11))
    chain.serve(at(6), now=at(20))
    assert settle(chain, at(20)) == []
    assert settle(chain, at(20, GRACE)) == [(0, 2, 3)]
    assert settle(chain, at(30)) == [(0, 3, 7)]
    assert chain.traffic().late == 1


def test_a_batch_job_of_one_burst_is_partial(chain):
    chain.endpoint(E1, mode="batch")
    chain.serve(*BURST, now=at(6))
    chain.complete(BURST[-1], now=at(6))
    assert settle(chain, at(6)) == [(0, 1, 5)]


def test_a_window_from_before_the_app_was_registered_is_not_partial_once_newer_data_are_there(chain):
    """The app may lack the window after it, which would tell."""
    chain.serve(*BURST, now=at(6))
    chain.serve(at(12), at(40), now=at(40))
    chain.tick(at(40))
    open_stream(chain.settings.app_url("new")).close()
    with chain.database.write() as connection:
        registry.register_app(connection, "new", None, at(41))
    chain.serve(at(6), now=at(42))
    chain.tick(at(42))
    chain.settle(at(43))
    assert [(*starts([each]), each.window_incomplete) for each in chain.app_events("new")] == [(0, 1)]


def test_a_window_that_silence_closed_gets_a_full_verdict_when_data_go_on(chain):
    chain.serve(at(0), at(5), now=at(5))
    chain.settle(at(20))
    (first,) = chain.app_events()
    chain.report(done(first))
    chain.serve(at(33), now=at(33))
    chain.tick(at(33))
    chain.tick(at(33, GRACE))
    (again,) = chain.app_events()
    assert (again.window, again.window_incomplete) == (first.window, 0)
    assert chain.traffic().late == 0
    chain.report(done(again))
    chain.serve(at(34), now=at(34))
    chain.tick(at(36))
    assert chain.app_events() == []  # once is enough


def test_data_that_go_on_do_not_put_off_the_full_verdict_of_a_window_that_silence_closed(chain):
    chain.serve(at(0), at(5), now=at(5))
    chain.settle(at(20))
    for event in chain.app_events():
        chain.report(done(event))
    for second in range(0, 60, 5):
        chain.serve(at(33, second), now=at(33, second))
        chain.tick(at(33, second))
    assert starts(chain.app_events()) == [0]
