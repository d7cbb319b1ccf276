"""Endpoints over time in one picture, and which of them went bad together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from made_project import HOUR, Shape, make
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.records import open_records
from modelmon.model import from_us
from modelmon.views.heat_map import read_heat_map
from modelmon.views.same_onset import read_same_onset
from query_counter import counted

UNTIL_US = 1_767_225_600_000_000
UNTIL = from_us(UNTIL_US)


class Opened:
    """A project and its records."""

    def __init__(self, folder, **shape):
        self.made = make(folder, Shape(UNTIL_US, **{"endpoints": 24, "with_features": 0, **shape}))
        self.database = open_records(self.made.settings)

    def heat(self, *numbers: int, hours: int = 48):
        ids = [f"{number:032x}" for number in numbers]
        with self.database.read() as connection:
            return read_heat_map(connection, self.made.settings, ids, UNTIL - timedelta(hours=hours), UNTIL)

    def cells(self, number: int, hours: int = 48):
        return self.heat(number, hours=hours).cells[f"{number:032x}"]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    opened = Opened(tmp_path_factory.mktemp("heat") / "project")
    yield opened
    opened.database.close()


@pytest.mark.slow
def test_a_bin_is_a_window_while_they_are_few(opened):
    heat = opened.heat(0, 7)
    assert (heat.minutes, len(heat.starts)) == (60, 48)
    assert heat.starts[0] == UNTIL - timedelta(hours=48)
    assert [*heat.cells] == [f"{0:032x}", f"{7:032x}"]


@pytest.mark.parametrize(
    ("number", "newest"),
    [(0, "detected"), (1, "suspected"), (2, ""), (3, "failed"), (4, "incomplete"), (7, "no detection")],
)
def test_a_cell_has_the_worst_state_of_its_windows(opened, number, newest):
    assert opened.cells(number)[-1] == newest


def test_without_rows_enough_a_cell_is_warming_up(opened):
    assert set(opened.cells(5)) == {"warming up"}


def test_the_onset_is_seen(opened):
    cells = opened.cells(0, hours=168)
    with opened.database.read() as connection:
        mine = incidents.c.endpoint_id == f"{0:032x}"
        row = connection.execute(select(incidents).where(mine)).one()
    heat = opened.heat(0, hours=168)
    onset = next(place for place, cell in enumerate(cells) if cell in ("suspected", "detected"))
    assert heat.starts[onset] <= from_us(row.first_us) < heat.starts[onset] + timedelta(minutes=heat.minutes)
    assert set(cells[:onset]) == {"no detection"}


def test_a_long_time_has_no_more_than_a_hundred_bins(opened):
    heat = opened.heat(0, hours=168)
    assert 50 <= len(heat.starts) <= 100


@pytest.mark.slow
def test_a_map_costs_the_windows_in_its_time_and_asks_for_all_endpoints_at_once(opened, tmp_path):
    def work(which, *numbers):
        with counted(which.database) as found:
            which.heat(*numbers)
        return found

    long = Opened(tmp_path / "long", days=14)
    few, many, more = work(opened, 0), work(opened, *range(24)), work(long, *range(24))
    long.database.close()
    assert few.statements == many.statements == more.statements <= 4
    assert more.steps <= many.steps * 1.1 + 50


@pytest.mark.slow
def test_endpoints_that_went_bad_at_the_same_time_are_named_those_of_the_function_first(tmp_path):
    opened = Opened(tmp_path / "project", endpoints=62, days=3)
    with opened.database.write() as connection:
        is_open = incidents.c.resolved_us.is_(None)
        connection.execute(update(incidents).where(is_open).values(first_us=UNTIL_US - 30 * HOUR))
        far = incidents.c.endpoint_id == f"{1:032x}"
        connection.execute(update(incidents).where(far).values(first_us=UNTIL_US - 40 * HOUR))
        mine = incidents.c.endpoint_id == f"{0:032x}"
        number = connection.scalar(select(incidents.c.incident_id).where(mine, is_open))
        found = read_same_onset(connection, number)
        nothing = read_same_onset(connection, 10**9)
    opened.database.close()
    # 0, 20, 40, 60 drift, 1, 21, 41, 61 are suspected; 0 and 60 are of one function
    assert (found.of_function, found.of_others) == (1, 5)
    assert [each.endpoint_name for each in found.companions] == [
        "model-0060", "model-0020", "model-0021", "model-0040", "model-0041", "model-0061",
    ]  # fmt: skip
    assert (nothing.of_function, nothing.companions) == (0, ())
