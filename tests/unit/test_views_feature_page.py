"""The features in a window as the page shows them: reported statistics, small pictures, what was judged."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from made_project import APP, HOUR, Made, Shape, make
from modelmon.errors import ConfigError
from modelmon.ledger.incident_schema import incident_windows
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import app_stats
from modelmon.model import from_us
from modelmon.stores.series import open_series
from modelmon.views.feature_page import FeaturePage, read_feature_page
from query_counter import Work, counted

UNTIL_US = 1_767_225_600_000_000
NEWEST = from_us(UNTIL_US - HOUR)


class Opened:
    """A project and its databases."""

    def __init__(self, folder: Path, **shape: int) -> None:
        self.made: Made = make(folder, Shape(UNTIL_US, **{"endpoints": 4, **shape}))
        self.database, self.series = open_records(self.made.settings), open_series(self.made.settings)

    def read(self, name: str = "model-0000", hours: int | None = None) -> FeaturePage:
        moment = None if hours is None else from_us(UNTIL_US) - timedelta(hours=hours)
        return read_feature_page(
            self.database, self.series, self.made.settings, name, self.made.now_us, moment
        )

    def work(self) -> Work:
        with counted(self.database, self.series._database) as work:
            self.read()
        return work

    def close(self) -> None:
        self.series.close()
        self.database.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    opened = Opened(tmp_path_factory.mktemp("features") / "project")
    yield opened
    opened.close()


def test_the_newest_window_has_what_the_app_reported_beside_the_reference(opened):
    page = opened.read()
    assert page.features.window.start_infer_time == NEWEST
    worst = page.features.features[0]
    assert (worst.feature, page.features.is_counted) == ("feature_03", True)
    assert worst.score == pytest.approx(page.features.numbers["feature_03"].score, rel=1e-4)
    assert sum(worst.sample["hist"][0]) == page.features.window.rows
    assert sum(worst.reference["hist"][0]) == 20_000


def test_its_results_come_with_what_they_were_judged_by(opened):
    judged = {each.name: each for each in opened.read().results}
    assert set(judged) == {"feature_drift", "general_drift", "hellinger_mean"}
    assert judged["feature_drift"].status == 2
    assert judged["feature_drift"].thresholds == (0.5, 0.7)
    assert (judged["hellinger_mean"].kind, judged["hellinger_mean"].thresholds) == (None, (None, None))


def test_every_feature_has_a_line_over_thirty_windows_up_to_this_one(opened):
    page = opened.read(hours=50)
    assert len(page.lines) == 10
    for line in page.lines.values():
        assert [each.start for each in line] == [
            from_us(UNTIL_US - hours * HOUR) for hours in range(79, 49, -1)
        ]
    assert page.lines["feature_03"][-1].score == page.features.numbers["feature_03"].score
    assert {each.missing_share for each in page.lines["feature_03"]} == {0.0}


def test_the_windows_beside_it_are_named_and_none_at_the_ends(opened):
    page = opened.read(hours=50)
    assert (page.before, page.after) == (from_us(UNTIL_US - 51 * HOUR), from_us(UNTIL_US - 49 * HOUR))
    assert opened.read().after is None
    first = opened.read(hours=24 * 7)
    assert (first.before, len(first.lines["feature_03"])) == (None, 1)


def test_a_window_that_raised_an_incident_has_the_statistics_that_were_kept_of_it(opened):
    start_us = UNTIL_US - 40 * HOUR
    window = (incident_windows.c.endpoint_id == f"{0:032x}", incident_windows.c.start_us == start_us)
    stats = '{"current_stats":{"feature_03":{"count":5}},"drift_measures":{"feature_03":{"score":0.5}}}'
    with opened.database.write() as connection:
        connection.execute(update(incident_windows).where(*window).values(stats=stats))
    page = opened.read(hours=40)
    kept = next(each for each in page.features.features if each.feature == "feature_03")
    assert (page.features.is_counted, kept.sample) == (True, {"count": 5})


def test_of_an_older_window_whose_samples_are_gone_there_are_numbers(opened):
    page = opened.read(hours=60)
    assert not page.features.is_counted
    assert page.features.features[0].sample["count"] == page.features.window.rows


def test_without_statistics_the_newest_judged_window_is_shown(opened):
    with opened.database.write() as connection:
        stats = app_stats.c.endpoint_id == f"{1:032x}"
        connection.execute(app_stats.delete().where(stats))
    page = opened.read("model-0001")
    assert page.features.window.start_infer_time == NEWEST
    assert page.features.window.application_name == APP


def test_first_comes_the_newest_window_with_a_whole_verdict_and_a_newer_one_is_named(tmp_path):
    opened = Opened(tmp_path / "project", endpoints=1, days=1)
    with opened.database.write() as connection:
        change = "update windows set {} where start_us = {}"
        connection.exec_driver_sql(change.format("incomplete = 1", UNTIL_US - HOUR))
        connection.exec_driver_sql(change.format("rows = 3", UNTIL_US - 2 * HOUR))
    page = opened.read()
    assert (page.features.window.start_infer_time, page.newer) == (from_us(UNTIL_US - 3 * HOUR), NEWEST)
    assert opened.read(hours=1).newer is None
    with opened.database.write() as connection:
        connection.exec_driver_sql("update windows set rows = 3")
    page = opened.read()
    assert (page.features.window.start_infer_time, page.newer) == (NEWEST, None)
    opened.close()


def test_an_endpoint_that_no_app_has_judged_says_so(tmp_path):
    opened = Opened(tmp_path / "project", endpoints=1, days=1)
    with opened.database.write() as connection:
        connection.exec_driver_sql("delete from windows")
        connection.exec_driver_sql("delete from app_stats")
    with pytest.raises(ConfigError, match="'model-0000' has no window yet that an app has judged"):
        opened.read()
    opened.close()


@pytest.mark.slow
def test_a_hundred_features_are_as_many_queries_as_ten_and_a_long_history_as_many_rows(opened, tmp_path):
    wide = Opened(tmp_path / "wide", features=100, days=7)
    long = Opened(tmp_path / "long", days=28)
    few, many, more = opened.work(), wide.work(), long.work()
    wide.close()
    long.close()
    assert many.statements == few.statements == more.statements <= 45
    assert more.steps <= few.steps * 1.1 + 50
