"""Metrics over time as the page draws them: as few points as the picture has, thresholds, gaps."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from made_project import APP, HOUR, Shape, make
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import windows
from modelmon.model import ValuePoint, from_us
from modelmon.stores.series import open_series
from modelmon.views.metric_lines import read_metric_lines, read_metric_names
from modelmon.views.value_histogram import histogram_of
from modelmon.views.window_spans import read_window_spans
from query_counter import counted

UNTIL_US = 1_767_225_600_000_000
UNTIL = from_us(UNTIL_US)
FINITE = st.floats(-1e307, 1e307)


class Opened:
    """A project and its databases."""

    def __init__(self, folder, **shape):
        self.made = make(folder, Shape(UNTIL_US, **{"endpoints": 6, "with_features": 0, **shape}))
        self.database, self.series = open_records(self.made.settings), open_series(self.made.settings)

    def lines(self, *names: str, number: int = 0, hours: int = 168, columns: int = 400):
        start = UNTIL - timedelta(hours=hours)
        return read_metric_lines(
            self.database, self.series, f"{number:032x}", APP, names, start, UNTIL, columns
        )

    def spans(self, number: int, hours: int = 168):
        with self.database.read() as connection:
            return read_window_spans(
                connection, self.made.settings, f"{number:032x}", APP, UNTIL - timedelta(hours=hours), UNTIL
            )

    def close(self):
        self.series.close()
        self.database.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    opened = Opened(tmp_path_factory.mktemp("metrics") / "project")
    yield opened
    opened.close()


def test_the_names_are_those_of_the_newest_windows_with_their_kind(opened):
    names = read_metric_names(opened.database, opened.series, f"{0:032x}")
    assert [(each.name, each.kind, each.status) for each in names] == [
        ("feature_drift", 0, 2), ("general_drift", 0, 0), ("hellinger_mean", None, None),
    ]  # fmt: skip


def test_a_line_has_every_window_while_they_are_few(opened):
    drift, mean = opened.lines("hellinger_mean", "feature_drift")
    assert (drift.name, mean.name) == ("feature_drift", "hellinger_mean")
    assert drift.windows == len(drift.points) == sum(drift.histogram.counts) == 168
    assert drift.last == drift.points[-1]
    assert drift.highest == max(point.value for point in drift.points) > 0.9
    assert drift.worst_status == 2
    assert (mean.worst_status, mean.steps) == (None, ())


def test_a_name_that_no_window_has_has_no_line(opened):
    assert opened.lines("unheard_of") == ()


def test_a_long_line_keeps_the_lowest_and_the_highest_of_each_column(opened):
    whole, reduced = opened.lines("feature_drift")[0], opened.lines("feature_drift", columns=20)[0]
    assert len(reduced.points) <= 2 * 20 + 1
    assert set(reduced.points) < set(whole.points)
    assert (reduced.lowest, reduced.highest, reduced.mean) == (whole.lowest, whole.highest, whole.mean)
    column = timedelta(hours=168) / 20
    start = UNTIL - timedelta(hours=168)
    for place in range(20):
        inside = [each for each in whole.points if place == (each.start - start) // column]
        shown = [each for each in reduced.points if place == (each.start - start) // column]
        assert min(each.value for each in shown) == min(each.value for each in inside)
        assert max(each.value for each in shown) == max(each.value for each in inside)
    assert reduced.points[-1] == whole.points[-1]


def test_thresholds_are_those_that_were_stored_with_each_window(opened):
    end_us = UNTIL_US - 10 * HOUR
    changed = [
        ValuePoint(
            f"{1:032x}", APP, start_us, start_us + HOUR, "feature_drift", 0.1, 1, 0, 0,
            '{"potential_threshold":0.2,"detected_threshold":0.3}',
        )
        for start_us in range(end_us - 5 * HOUR, end_us, HOUR)
    ]  # fmt: skip
    opened.series.write_values(changed)
    (line,) = opened.lines("feature_drift", number=1)
    assert [(step.start, step.end, step.thresholds) for step in line.steps] == [
        (UNTIL - timedelta(hours=168), from_us(end_us - 5 * HOUR), (0.5, 0.7)),
        (from_us(end_us - 5 * HOUR), from_us(end_us), (0.2, 0.3)),
        (from_us(end_us), UNTIL, (0.5, 0.7)),
    ]


def test_windows_without_a_plain_verdict_are_spans_with_their_reason(opened):
    assert opened.spans(0, hours=100) == ()
    (failed,) = opened.spans(3)
    assert (failed.state, failed.windows, failed.error) == ("failed", 24, "KeyError: 'feature_00'")
    assert (failed.start, failed.end) == (UNTIL - timedelta(hours=24), UNTIL)
    assert [each.state for each in opened.spans(4, hours=2)] == ["incomplete"]
    assert [each.state for each in opened.spans(5, hours=2)] == ["warming up"]


def test_spans_end_where_the_state_changes(opened):
    start_us = UNTIL_US - 80 * HOUR
    one = (windows.c.endpoint_id == f"{0:032x}", windows.c.start_us.between(start_us, start_us + 3 * HOUR))
    with opened.database.write() as connection:
        connection.execute(update(windows).where(*one).values(incomplete=1))
        connection.execute(
            update(windows).where(*one, windows.c.start_us == start_us + HOUR).values(outcome="failed")
        )
    spans = [(each.state, each.windows) for each in opened.spans(0, hours=100)]
    with opened.database.write() as connection:
        connection.execute(update(windows).where(*one).values(incomplete=0, outcome="done"))
    assert spans == [("incomplete", 1), ("failed", 1), ("incomplete", 2)]


@pytest.mark.slow
def test_lines_of_a_time_cost_the_windows_in_it_and_never_the_history(opened, tmp_path):
    def work(which: Opened):
        with counted(which.database, which.series._database) as found:
            which.lines("feature_drift", "general_drift", hours=72)
            which.spans(0, hours=72)
            read_metric_names(which.database, which.series, f"{0:032x}")
        return found

    long = Opened(tmp_path / "long", days=28)
    less, more = work(opened), work(long)
    long.close()
    assert more.statements == less.statements <= 12
    assert more.steps <= less.steps * 1.1 + 50


@given(st.lists(FINITE, max_size=200))
def test_a_histogram_counts_every_value_in_five_to_thirty_bins(values):
    found = histogram_of(values)
    assert sum(found.counts) == len(values)
    if values:
        assert 5 <= len(found.counts) <= 30
        assert found.edges[0] <= min(values)
        assert found.edges[-1] >= max(values)


def test_bins_are_as_wide_as_freedman_and_diaconis_say():
    values = np.random.default_rng(1).normal(size=400)
    assert len(histogram_of(values.tolist()).counts) == len(np.histogram_bin_edges(values, "fd")) - 1
