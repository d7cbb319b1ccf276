"""What the first page shows: the list with its small pictures, and what stands above it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from made_project import APP, HOUR, Made, Shape, make
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.records import open_records
from modelmon.model import WindowKey, from_us, to_us
from modelmon.sql.database import Database
from modelmon.stores.series import open_series
from modelmon.stores.series.acknowledged_points import read_windows
from modelmon.stores.series.base import SeriesStore
from modelmon.views.drift_over_time import read_drift_over_time
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoint_rows import EndpointRows, read_endpoint_rows
from modelmon.views.endpoints import EndpointQuery
from modelmon.views.last_verdicts import last_verdict_of
from modelmon.views.open_incidents import count_open
from modelmon.views.overview import Overview, read_home, read_overview
from modelmon.views.recent_traffic import read_recent
from query_counter import Work, counted

UNTIL_US = 1_767_225_600_000_000
UNTIL = from_us(UNTIL_US)
Reading = Callable[[Database, SeriesStore, Made], object]


class Opened:
    """A project and its databases."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        self.made = make(folder, shape)
        self.database, self.series = open_records(self.made.settings), open_series(self.made.settings)

    @property
    def looking(self) -> Looking:
        return Looking(self.made.now_us, self.made.settings)

    def rows(self, **query: object) -> EndpointRows:
        return read_endpoint_rows(self.database, self.series, self.looking, EndpointQuery(**query), UNTIL)

    def home(self, days: int = 7, **query: object) -> tuple[Overview, EndpointRows]:
        return read_home(
            self.database,
            self.series,
            {},
            self.looking,
            EndpointQuery(**query),
            UNTIL - timedelta(days),
            UNTIL,
        )

    def work(self, limit: int = 10) -> Work:
        with counted(self.database, self.series._database) as work:
            self.home(limit=limit)
        return work

    def close(self) -> None:
        self.series.close()
        self.database.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    opened = Opened(tmp_path_factory.mktemp("home") / "project", Shape(UNTIL_US))
    yield opened
    opened.close()


@pytest.mark.slow
def test_the_headline_says_what_is_bad_on_how_many_rows_since_when_by_which_threshold(opened):
    worst = opened.rows(text="model-0000").rows[0]
    assert worst.endpoint.state == "detected"
    said = worst.headline
    assert (said.result_name, said.feature) == ("feature_drift", "feature_03")
    assert said.thresholds == (0.5, 0.7)
    assert said.value == worst.endpoint.value > 0.85
    assert said.rows == worst.line[-1].rows > 50
    with opened.database.read() as connection:
        row = connection.execute(incidents.select().where(incidents.c.incident_id == said.incident_id)).one()
    assert (row.endpoint_id, from_us(row.first_us)) == (worst.endpoint.endpoint_id, said.since)
    assert worst.open_incidents == 1


def test_the_headline_of_a_calm_endpoint_is_its_highest_result_and_has_no_since(opened):
    calm = opened.rows(text="model-0007").rows[0]
    assert (calm.endpoint.state, calm.headline.result_name, calm.headline.since) == (
        "no detection", "feature_drift", None,
    )  # fmt: skip
    assert calm.open_incidents == 0


def test_an_incident_whose_worst_window_was_before_tells_of_that_one(opened):
    silent = opened.rows(text="model-0002").rows[0]
    assert (silent.endpoint.state, silent.headline) == ("no data", None)
    assert silent.last is not None
    numbers = {
        "incident_id": 900,
        "endpoint_id": silent.endpoint.endpoint_id,
        "first_us": UNTIL_US - 90 * HOUR,
    }
    with opened.database.write() as connection:
        some = (
            connection.execute(incidents.select().where(incidents.c.resolved_us.is_(None))).mappings().first()
        )
        connection.execute(insert(incidents), {**some, **numbers, "value": 0.99})
    row = opened.rows(text="model-0002").rows[0]
    with opened.database.write() as connection:
        connection.execute(incidents.delete().where(incidents.c.incident_id == 900))
    assert (row.headline.value, row.headline.since, row.headline.incident_id) == (
        0.99, from_us(UNTIL_US - 90 * HOUR), 900,
    )  # fmt: skip


def test_of_a_silent_endpoint_the_last_verdict_and_the_highest_are_told(opened):
    silent, worst = (opened.rows(text=name).rows[0] for name in ("model-0002", "model-0000"))
    found = silent.last
    assert worst.last is None
    assert (found.endpoint_id, found.result_name, found.since) == (
        silent.endpoint.endpoint_id, "feature_drift", None,
    )  # fmt: skip
    assert found.last.end == silent.endpoint.apps[0].last_analyzed
    assert (found.last.status, found.last.thresholds, found.last.rows) == (
        0,
        (0.5, 0.7),
        silent.line[-1].rows,
    )
    assert found.last.words.startswith(found.last.feature)
    assert found.highest.value == max(point.value for point in silent.line)


def test_since_when_the_last_verdict_holds_and_what_was_worse_before_it(opened):
    silent = opened.rows(text="model-0002").rows[0]
    places = [WindowKey(silent.endpoint.endpoint_id, APP, to_us(point.start)) for point in silent.line]
    course = read_windows(opened.database, opened.series, places, ["feature_drift"])
    given = dict(enumerate([-1] + [0] * 9 + [2] * 10 + [-1] + [0] * 8 + [-1]))
    course = [replace(point, status=given[place]) for place, point in enumerate(course)]
    course[12] = replace(course[12], value=0.9, extra_data='{"feature": "wind", "rows": 60}')
    found = last_verdict_of(opened.made.settings, course)
    assert (found.last.start, found.last.status) == (from_us(course[28].start_us), 0)
    assert found.since == from_us(course[21].start_us)
    assert (found.highest.words, found.highest.status) == ("wind 0.90, feature_drift", 2)
    assert last_verdict_of(opened.made.settings, course[:1]) is None


def test_the_small_picture_is_of_the_newest_thirty_windows_of_each_endpoint(opened):
    for row in opened.rows().rows:
        starts = [point.start for point in row.line]
        assert len(starts) == 30
        assert starts == sorted(starts)
    worst, silent = (opened.rows(text=name).rows[0] for name in ("model-0000", "model-0002"))
    assert worst.line[-1].start == from_us(UNTIL_US - HOUR)
    assert (worst.line[-1].value, worst.line[-1].status) == (worst.headline.value, 2)
    assert silent.line[-1].start == silent.endpoint.apps[0].last_analyzed - timedelta(hours=1)
    assert (silent.line[-1].value, silent.line[-1].status) == (silent.last.last.value, 0)


def test_recent_traffic_is_that_of_the_last_ten_minutes(opened):
    rows = {row.endpoint.endpoint_name: row for row in opened.rows().rows}
    recent = rows["model-0007"].recent
    assert (recent.start, recent.end) == (UNTIL - timedelta(minutes=10), UNTIL)
    assert recent.requests == recent.rows > 0
    assert recent.requests_per_minute == (recent.requests + recent.errors) / 10
    assert 1 < recent.p95_ms < 20
    assert rows["model-0002"].recent is None


def test_above_the_list_stands_the_sum_of_all(opened):
    overview, rows = opened.home(limit=2)
    everyone = opened.rows().rows
    recent = read_recent(opened.database, opened.series, None, UNTIL, 5).values()
    assert overview.endpoints == 30
    assert overview.by_state == rows.page.chips
    assert overview.recent.requests == sum(each.requests for each in recent)
    assert overview.recent.errors == sum(each.errors for each in recent)
    assert overview.open_incidents == sum(each.open_incidents for each in everyone)
    with opened.database.read() as connection:
        found = connection.execute(incidents.select()).all()
        assert overview.open_incidents == count_open(connection)
    for days in (1, 7):
        start_us = UNTIL_US - days * 24 * HOUR
        in_time = [each for each in found if start_us <= each.last_us and each.first_us < UNTIL_US]
        assert opened.home(days)[0].alerts == len(in_time)
    assert overview.alerts > opened.home(1)[0].alerts
    alone = read_overview(
        opened.database, opened.series, {}, opened.looking, UNTIL - timedelta(7), UNTIL
    )  # fmt: skip
    assert alone == overview


@pytest.mark.parametrize(
    ("hours", "length"),
    [(6, timedelta(minutes=10)), (7, timedelta(hours=1)), (72, timedelta(hours=1)), (73, timedelta(days=1))],
)
def test_drift_over_time_has_bins_as_long_as_mlruns_and_leaves_none_out(opened, hours, length):
    start = UNTIL - timedelta(hours=hours)
    with opened.database.read() as connection:
        bins = read_drift_over_time(connection, start, UNTIL)
    assert {each.end - each.start for each in bins} == {length}
    assert bins[0].start <= start < bins[0].end
    assert bins[-1].end >= UNTIL
    assert all(one.end == other.start for one, other in pairwise(bins))


def test_drift_over_time_counts_each_endpoint_once_by_its_worst(opened):
    with opened.database.read() as connection:
        bins = read_drift_over_time(connection, UNTIL - timedelta(days=7), UNTIL)
    assert (bins[-1].suspected, bins[-1].detected) == (2, 2)
    assert [(each.suspected, each.detected) for each in bins[:3]] == [(3, 0), (3, 0), (0, 0)]
    assert sorted(each.detected for each in bins)[-1] == 2


def test_a_bin_before_the_first_detected_window_is_suspected(opened):
    one = incidents.c.endpoint_id == f"{0:032x}"
    with opened.database.write() as connection:
        connection.execute(update(incidents).where(one).values(detected_us=UNTIL_US - 2 * HOUR))
        bins = read_drift_over_time(connection, UNTIL - timedelta(hours=8), UNTIL)
        connection.execute(update(incidents).where(one).values(detected_us=incidents.c.first_us))
    assert [each.detected for each in bins] == [1, 1, 1, 1, 1, 1, 2, 2]
    assert [each.suspected for each in bins] == [3, 3, 3, 3, 3, 3, 2, 2]


@pytest.mark.slow
def test_what_the_first_page_reads_does_not_grow_with_the_history(tmp_path):
    short, long = (
        Opened(tmp_path / str(days), Shape(UNTIL_US, endpoints=8, days=days, with_features=0))
        for days in (7, 28)
    )
    less, more = short.work(), long.work()
    short.close()
    long.close()
    assert more.statements == less.statements
    assert more.steps <= less.steps * 1.1 + 50


@pytest.mark.slow
def test_the_first_page_asks_as_often_for_many_endpoints_as_for_few(opened, tmp_path):
    many = Opened(tmp_path / "many", Shape(UNTIL_US, endpoints=120, with_features=0))
    few, more, longer = opened.work(), many.work(), many.work(limit=100)
    many.close()
    assert more.statements <= few.statements + 2
    assert longer.statements <= few.statements + 8
    assert longer.statements <= 50
    assert (more.steps - few.steps) / 90 < 100


def test_the_end_of_the_time_shown_may_lie_within_a_minute(opened):
    end = datetime.fromisoformat("2025-12-31T23:59:30+00:00")
    rows = read_endpoint_rows(opened.database, opened.series, opened.looking, EndpointQuery(limit=1), end)
    assert rows.rows[0].recent.end == UNTIL
