"""What the page of metrics has beside its lines: calls against the time before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from made_project import Made, Shape, make
from modelmon.ledger.records import open_records
from modelmon.model import from_us
from modelmon.stores.series import open_series
from modelmon.views.endpoint_calls import BUCKETS, Calls, read_calls
from query_counter import counted

UNTIL_US = 1_767_225_600_000_000
UNTIL = from_us(UNTIL_US)
ENDPOINT = f"{0:032x}"


class Opened:
    """A project of two endpoints and four days, and its databases."""

    def __init__(self, folder: Path) -> None:
        self.made: Made = make(folder, Shape(UNTIL_US, endpoints=2, days=4))
        self.database, self.series = open_records(self.made.settings), open_series(self.made.settings)

    def calls(self, hours: int, until_hours: int = 0) -> Calls:
        end = UNTIL - timedelta(hours=until_hours)
        return read_calls(self.database, self.series, ENDPOINT, end - timedelta(hours=hours), end)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    opened = Opened(tmp_path_factory.mktemp("calls") / "project")
    yield opened
    opened.series.close()
    opened.database.close()


def test_the_calls_before_are_those_of_the_time_of_the_same_length(opened: Opened) -> None:
    now, earlier = opened.calls(24), opened.calls(24, until_hours=24)
    assert now.before == earlier.all > 0
    assert now.change == pytest.approx(now.all / earlier.all - 1)


def test_buckets_add_up_and_have_no_gap(opened: Opened) -> None:
    calls = opened.calls(48)
    assert sum(each.requests + each.errors for each in calls.buckets) == calls.all
    assert len(calls.buckets) <= BUCKETS
    assert all(a.end == b.start for a, b in zip(calls.buckets, calls.buckets[1:], strict=False))


def test_without_traffic_there_is_nothing_to_compare_with(opened: Opened) -> None:
    calls = opened.calls(24, until_hours=24 * 30)
    assert (calls.buckets, calls.all, calls.before, calls.change) == ((), 0, 0, None)


def test_a_long_time_costs_as_many_queries(opened: Opened) -> None:
    with counted(opened.database, opened.series._database) as short:
        opened.calls(6)
    with counted(opened.database, opened.series._database) as long:
        opened.calls(24 * 365)
    assert long.statements == short.statements <= 8
