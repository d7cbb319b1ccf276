"""Windows in which nothing came though something was expected: who is asked about, and who is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelmon.ledger import endpoints, expected_windows
from modelmon.ledger.requirements import EMPTY_WINDOWS, note_requirements
from modelmon.model import DAY_US, Endpoint
from query_counter import counted
from unit.window_support import E1, E2, GRACE, Chain, at, done

WEEK = 7 * DAY_US
MINUTES = 10_080  # of a week
APP = "service"


class Silence(Chain):
    """A project whose app `service` asks for empty windows. `at(0)` is a moment of this week."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.register(APP)
        with self.database.write() as connection:
            note_requirements(connection, APP, {EMPTY_WINDOWS})

    def past(self, endpoint_id: str, minute: float, weeks: tuple[int, ...] = (1, 2, 3)) -> None:
        """Rows at the same minute of past weeks."""
        for week in weeks:
            self.serve(at(minute) - week * WEEK, now=at(-60), endpoint_id=endpoint_id)

    def there(self, first: int, last: int) -> None:
        """The controller ticks every five minutes, and the stream function sees its clock."""
        for minute in range(first, last + 1, 5):
            self.settle(at(minute, GRACE + 1))

    def empty(self) -> list[tuple[str, int]]:
        """The windows without rows that were made: endpoint and minute."""
        return [
            (row.endpoint_id, (row.start_us - at(0)) // 60_000_000)
            for endpoint_id in (E1, E2)
            for row in self.windows(APP, endpoint_id)
            if row.empty
        ]

    def silence(self) -> expected_windows.AllSilent | None:
        with self.database.read() as connection:
            return expected_windows.all_silent(connection)


@pytest.fixture
def chain(tmp_path):
    chain = Silence(tmp_path)
    yield chain
    chain.close()


def test_a_window_that_was_never_empty_in_past_weeks_is_asked_for_once_it_ended_without_rows(chain):
    chain.past(E1, 21)
    chain.past(E2, 21)
    chain.there(0, 20)
    assert chain.app_events(APP) != []  # those of the past
    chain.serve(at(21), now=at(22), endpoint_id=E2)
    chain.there(25, 35)
    assert chain.empty() == [(E1, 20)]
    asked = [each for each in chain.app_events(APP) if each.key.start_us == at(20)]
    assert [each.window_incomplete for each in asked if each.endpoint_id == E1] == [0]
    assert chain.silence() is None
    assert chain.app_events("app") != []  # who does not ask gets none of them
    assert {row.empty for row in chain.windows("app", E1)} == {0}


def test_rows_that_come_late_fill_the_window_and_it_is_judged_again(chain):
    chain.past(E1, 21)
    chain.past(E2, 21)
    chain.there(0, 20)
    chain.serve(at(21), now=at(22), endpoint_id=E2)
    chain.there(25, 35)
    (event,) = [each for each in chain.app_events(APP) if each.key[::2] == (E1, at(20))]
    chain.report(done(event, rows=0), now=at(35))
    chain.serve(at(23), now=at(36), endpoint_id=E1)
    chain.there(40, 45)
    (row,) = [row for row in chain.windows(APP, E1) if row.start_us == at(20)]
    assert (row.empty, row.wanted, row.sent, row.late) == (0, 2, 2, 1)
    assert chain.empty() == []


@pytest.mark.parametrize("weeks", [(), (1,), (5, 6), (7,)])
def test_a_night_without_traffic_and_a_new_endpoint_are_expected_nowhere(chain, weeks):
    chain.past(E1, 21, weeks)
    chain.past(E1, 300, (1, 2, 3))  # by day
    chain.past(E2, 21)
    chain.there(0, 20)
    chain.serve(at(21), now=at(22), endpoint_id=E2)
    chain.there(25, 35)
    assert chain.empty() == []
    assert chain.silence() is None


def test_an_endpoint_that_was_silent_for_a_week_is_retired(chain):
    chain.past(E1, 21, (2, 3, 4))
    chain.past(E2, 21)
    chain.there(0, 20)
    chain.serve(at(21), now=at(22), endpoint_id=E2)
    chain.there(25, 35)
    assert chain.empty() == []


def test_one_that_was_deleted_or_whose_policy_leaves_the_app_out_is_not_asked_about(chain):
    for endpoint_id, policy in ((E1, {"monitoring_applications": ["app"]}), (E2, {})):
        chain.past(endpoint_id, 21)
        with chain.database.write() as connection:
            endpoints.put(connection, Endpoint(endpoint_id, "flights", "n", policy=policy), at(-50))
    chain.there(0, 20)
    chain.serve(at(21), now=at(22), endpoint_id="another")
    with chain.database.write() as connection:
        endpoints.begin_to_delete(connection, E2, at(22))
    chain.there(25, 35)
    assert chain.empty() == []


def test_where_nobody_is_heard_that_is_told_instead_until_somebody_is(chain):
    chain.past(E1, 21)
    chain.past(E2, 21)
    chain.past(E1, 31)
    chain.past(E2, 31)
    chain.there(0, 45)
    assert chain.empty() == []
    found = chain.silence()
    assert found is not None
    assert (found.since_us, found.until_us, found.endpoints) == (at(20), at(40), 2)
    chain.serve(at(47), now=at(47), endpoint_id=E2)
    assert chain.silence() is None


def test_the_only_endpoint_that_is_expected_is_asked_about(chain):
    chain.past(E1, 21)
    chain.there(0, 35)
    assert chain.empty() == [(E1, 20)]
    assert chain.silence() is None


@pytest.mark.parametrize("back", [21, 25, 500])
def test_what_ends_while_the_controller_is_away_says_nothing_of_an_endpoint(chain, back):
    """The laptop was closed: its model server too."""
    chain.past(E1, 1)
    chain.past(E1, 11)
    chain.past(E1, back + 1)
    chain.settle(at(-9))
    chain.there(back + 10, back + 15)
    assert chain.empty() == []


def test_nothing_is_empty_before_the_stream_function_has_read_what_was_published(chain):
    chain.past(E1, 21)
    chain.past(E2, 21)
    chain.there(0, 20)
    chain.serve(at(21), now=at(22), endpoint_id=E2)
    for minute in range(25, 60, 5):
        chain.tick(at(minute))  # it is down: the clock is not applied
    assert chain.empty() == []
    chain.serve(at(22), now=at(59), endpoint_id=E1)
    chain.settle(at(60))
    chain.settle(at(65))
    assert chain.empty() == []


def test_a_window_in_which_every_request_failed_is_asked_for_without_any_past(chain):
    chain.serve(at(1), now=at(2))
    chain.there(0, 20)
    with chain.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE traffic SET last_error_us = {at(25)}")
    chain.there(25, 35)
    assert chain.empty() == [(E1, 20)]


def test_an_empty_window_is_no_witness_that_rows_followed(chain):
    """The data of E1 end inside a window: it becomes partial, whatever was expected afterwards."""
    chain.past(E1, 11)
    chain.past(E2, 11)
    chain.there(-10, 0)
    chain.serve(at(2), now=at(3), endpoint_id=E1)
    chain.serve(at(2), at(11), now=at(12), endpoint_id=E2)
    chain.there(5, 15)
    for event in chain.app_events(APP):
        chain.report(done(event), now=at(15))
    chain.there(20, 30)
    assert (E1, 10) in chain.empty()
    (row,) = [row for row in chain.windows(APP, E1) if row.start_us == at(0)]
    assert row.incomplete & 4


def test_the_clock_may_go_back_and_windows_are_looked_at_again(chain):
    chain.past(E1, 21)
    chain.tick(at(100_000))
    chain.there(0, 35)
    assert chain.empty() == [(E1, 20)]


def test_between_two_ends_of_windows_a_tick_asks_nothing_more(chain):
    chain.past(E1, 21)
    chain.there(0, 20)
    chain.settle(at(21))
    with counted(chain.controller._database) as asking:
        chain.tick(at(22))
    with chain.database.write() as connection:
        note_requirements(connection, APP, ())
    with counted(chain.controller._database) as without:
        chain.tick(at(23))
    assert asking.statements == without.statements
