"""The row of an endpoint and app: what it counts, and what it names. That it counts right whatever happens is
asked at the end of every test with a `Chain`."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update

from ledger_rows import apps_of_endpoints
from modelmon.ledger import endpoint_apps as ledger
from modelmon.ledger.schema import endpoint_apps, windows
from unit.window_support import E1, E2, Chain, at, done, failed


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    yield chain
    chain.close()


def kept(chain: Chain) -> list[tuple]:
    return [tuple(row) for row in chain.read(apps_of_endpoints)]


def judge(chain: Chain, now: int, rows: int = 100) -> None:
    for event in chain.app_events():
        chain.report(done(event, rows), now=now)


def test_a_window_counts_once_the_controller_is_through_with_it(chain):
    chain.serve(*[at(minute) for minute in range(0, 22, 3)], now=at(21))
    chain.tick(at(21))
    judge(chain, at(21))
    assert kept(chain) == [(E1, "app", 0, 0, 0, 0, 0, 0, at(10), at(20))]
    chain.tick(at(22))
    assert kept(chain) == [(E1, "app", 2, 0, 0, 0, 0, 0, at(10), at(20))]


def test_a_window_that_is_opened_again_counts_no_more_until_it_is_judged(chain):
    chain.serve(at(0), at(5), at(11), now=at(11))
    chain.tick(at(11))
    judge(chain, at(11))
    chain.tick(at(12))
    chain.serve(at(6), now=at(12))
    chain.tick(at(12))
    assert [row[2] for row in kept(chain)] == [0]
    chain.tick(at(13))
    judge(chain, at(13), rows=3)
    chain.tick(at(14))
    assert kept(chain) == [(E1, "app", 1, 0, 0, 0, 1, 0, at(0), at(10))]


def test_the_newest_window_that_ended_may_have_failed_while_the_newest_done_is_older(chain):
    chain.serve(*[at(minute) for minute in range(0, 22, 3)], now=at(21))
    chain.tick(at(21))
    first, second = chain.app_events()
    chain.report(done(first))
    chain.report(failed(second))
    assert kept(chain)[0][-2:] == (at(10), at(10))


def test_everything_counted_anew_is_what_was_kept(chain):
    chain.serve(*[at(minute) for minute in range(0, 41, 5)], now=at(41))
    chain.serve(*[at(minute) for minute in range(3, 41, 5)], now=at(41), endpoint_id=E2)
    chain.tick(at(41))
    judge(chain, at(41))
    chain.settle(at(80))
    judge(chain, at(80), rows=7)
    chain.tick(at(81))
    before = kept(chain)
    with chain.database.write() as connection:
        connection.execute(delete(endpoint_apps))
        connection.execute(update(windows).values(counted=0))
        ledger.count_everything(connection)
    assert kept(chain) == before
    assert sum(row[2] for row in before) > 4
