"""The rows behind a verdict, and the columns that are shown nowhere."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from made_project import HOUR, Shape, make
from modelmon.errors import ConfigError
from modelmon.ledger import endpoints
from modelmon.ledger.records import open_records
from modelmon.model import BatchRange, DeadLetter, Endpoint, from_us
from modelmon.private_columns import NOT_SHOWN
from modelmon.settings import Settings
from modelmon.stats import describe
from modelmon.stores.samples import open_samples
from modelmon.stores.series import open_series
from modelmon.views import sample_rows
from modelmon.views.dead_letters import shown_letters
from modelmon.views.endpoint_page import read_endpoint
from modelmon.views.feature_page import read_feature_page
from modelmon.views.sample_rows import as_csv, read_sample_rows
from modelmon.views.window_features import read_one_feature
from query_counter import counted
from sample_files import add_file

START_US = 1_767_225_600_000_000
START, END = from_us(START_US), from_us(START_US + HOUR)
ROWS = 400


class Opened:
    """An endpoint with an hour of rows: `x` has moved in one of eight, `city` in one of four."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "modelmon.yaml").write_text("project: rows\n", encoding="utf-8")
        self.settings = Settings.load(folder)
        self.database = open_records(self.settings)
        generator = np.random.default_rng(1)
        x = generator.normal(size=5_000)
        training = pa.table({"x": x, "city": ["a", "b"] * 2_500, "email": ["e"] * 5_000})
        record = Endpoint(
            "e", "rows", "house", feature_names=("x", "city", "email"), feature_stats=describe(training)
        )
        with self.database.write() as connection:
            endpoints.put(connection, record, START_US)
        columns = {
            "x": np.where(np.arange(ROWS) % 8 == 0, 9.0, generator.normal(size=ROWS)),
            "city": ["c" if row % 4 == 0 else "ab"[row % 2] for row in range(ROWS)],
            "email": [f"={row}@example.org" for row in range(ROWS)],
        }
        times = [START_US + row * 1_000_000 for row in range(ROWS)]
        add_file(self.database, open_samples(self.settings), times, columns)

    def read(self, feature: str = "", limit: int = 100, **settings: str) -> sample_rows.SampleRows:
        changed = self.settings.changed(**settings)
        return read_sample_rows(self.database, changed, "house", START, END, START_US, feature, limit)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    opened = Opened(tmp_path_factory.mktemp("rows") / "project")
    yield opened
    opened.database.close()


def column(sample: sample_rows.SampleRows, name: str) -> list[object]:
    return [row[sample.columns.index(name)] for row in sample.rows]


def test_a_sample_lies_evenly_in_the_window(opened):
    sample = opened.read(limit=4)
    assert sample.columns == ("timestamp", "request_id", "x", "city", "email")
    assert column(sample, "timestamp") == [START + timedelta(seconds=100 * place) for place in range(4)]
    assert (sample.seen, sample.is_whole) == (ROWS, True)


def test_fewer_rows_than_asked_for_are_all_shown(opened):
    assert len(opened.read(limit=1_000).rows) == ROWS


def test_the_worst_are_those_whose_values_the_reference_had_least_of(opened):
    worst = opened.read("x", limit=50)
    assert column(worst, "x") == [9.0] * 50
    assert column(opened.read("city", limit=100), "city") == ["c"] * 100


def test_no_more_than_a_bound_is_read(opened, monkeypatch):
    monkeypatch.setattr(sample_rows, "READ", 90)
    with counted(opened.database) as work:
        sample = opened.read(limit=5)
    assert (sample.seen, sample.is_whole) == (90, False)
    assert work.statements <= 25


def test_a_window_without_rows_is_empty(opened):
    later = END + timedelta(days=1)
    sample = read_sample_rows(opened.database, opened.settings, "house", END, later, START_US)
    assert (sample.rows, sample.seen, sample.is_whole) == ((), 0, True)


def test_as_csv_no_cell_begins_like_a_formula(opened):
    header, first, *_ = csv.reader(io.StringIO(as_csv(opened.read(limit=2))))
    assert header == ["timestamp", "request_id", "x", "city", "email"]
    assert first == ["2026-01-01T00:00:00+00:00", "r0", "9.0", "c", "'=0@example.org"]


@pytest.mark.parametrize("private", ["email", "e*l", "other, email", "em* nothing"])
def test_private_columns_are_in_no_sample(opened, private):
    sample = opened.read(private=private)
    assert sample.columns == ("timestamp", "request_id", "x", "city")
    assert "example.org" not in as_csv(sample) + repr(sample)


def test_a_private_feature_can_not_be_asked_for_and_is_not_named_among_the_others(opened):
    with pytest.raises(ConfigError, match="the reference has no 'email'") as error:
        opened.read("email", private="email")
    assert "email" not in str(error.value).replace("no 'email'", "")


@pytest.mark.parametrize("limit", [0, 10_001])
def test_a_limit_out_of_bounds_is_refused(opened, limit):
    with pytest.raises(ConfigError, match=f"limit: must be a number of rows from 1 to 10,000, got {limit}"):
        opened.read(limit=limit)


def test_views_of_features_have_no_private_ones(tmp_path):
    made = make(tmp_path / "project", Shape(START_US, endpoints=1, days=2))
    settings = made.settings.changed(private="feature_03 feature_1*")
    database, series = open_records(settings), open_series(settings)
    page = read_feature_page(database, series, settings, "model-0000", made.now_us)
    shown = read_endpoint(database, series, settings, "model-0000", made.now_us, 5)
    with pytest.raises(ConfigError, match="has no feature 'feature_03'"):
        read_one_feature(database, series, settings, "model-0000", "feature_03", made.now_us, 5)
    series.close()
    database.close()
    for names in (
        {each.feature for each in page.features.features}, set(page.features.numbers), set(page.lines),
        {each.feature for each in shown.features},
    ):  # fmt: skip
        assert names == {f"feature_{number:02}" for number in range(10)} - {"feature_03"}


def test_no_body_of_a_dead_letter_is_shown_where_there_are_private_columns(opened):
    batch = BatchRange("s", 0, 1, 1)
    letter = DeadLetter("s", 0, batch.first, -1, "events", "e", "f", "r", b'["ann@example.org"]', START)
    with opened.database.read() as connection:
        (open_one,) = shown_letters(connection, opened.settings, [letter])
        (hidden,) = shown_letters(connection, opened.settings.changed(private="email"), [letter])
    assert (open_one.body, hidden.body) == ('["ann@example.org"]', NOT_SHOWN)
