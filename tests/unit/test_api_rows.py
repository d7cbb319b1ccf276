"""The rows behind a verdict over HTTP: a sample, the worst, as a file, and where they are gone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np
import pytest

from api_client import ApiClient
from made_pages import UNTIL_US, WORST, Pages, rows_of, text_of
from made_project import HOUR
from modelmon.ledger.records import open_records
from modelmon.model import from_us
from modelmon.stores.samples import open_samples
from sample_files import add_file

START_US = UNTIL_US - HOUR
ROWS, MOVED = 300, 30
EMAIL = "feature_01"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """In the newest window `feature_03` has moved in one row of ten; EMAIL is private."""
    made = Pages(tmp_path_factory.mktemp("pages") / "project")
    settings = made.made.settings
    moved = np.where(
        np.arange(ROWS) % 10 == 0, 500.0, np.random.default_rng(3).normal(0, 40, ROWS).clip(-119, 119)
    )
    columns = {"feature_03": moved, EMAIL: np.full(ROWS, 424242.0), "feature_00": np.arange(ROWS)}
    database = open_records(settings)
    times = [START_US + row * 1_000_000 for row in range(ROWS)]
    add_file(database, open_samples(settings), times, columns, endpoint_id=WORST)
    database.close()
    made.client.close()
    made.client = ApiClient(settings.changed(private=EMAIL))
    yield made
    made.client.close()


def test_the_rows_that_moved_the_feature_come_first(pages: Pages) -> None:
    rows = rows_of(pages.get("rows?feature=feature_03"))
    assert [(" 500 " in row) for row in rows[: MOVED + 1]] == [True] * MOVED + [False]


def test_without_a_feature_there_is_a_sample_over_the_whole_window(pages: Pages) -> None:
    page = pages.get("rows")
    assert len(rows_of(page)) == 100
    assert f"100 of {ROWS} rows, evenly over the window" in text_of(page)


def test_the_file_has_the_same_rows_and_more(pages: Pages) -> None:
    link = pages.link(pages.get("rows"), "rows.csv")
    table = [*csv.DictReader(io.StringIO(pages.get(link)))]
    assert len(table) == ROWS
    assert {"timestamp", "feature_00", "feature_03"} <= table[0].keys()


@pytest.mark.parametrize(
    "path", ["rows", "rows.csv", "rows?feature=feature_03", "features", "feature?name=feature_03"]
)
def test_a_private_column_is_nowhere(pages: Pages, path: str) -> None:
    page = pages.get(path)
    assert EMAIL not in page
    assert "424242" not in page


def test_a_private_feature_has_no_page_and_no_rows(pages: Pages) -> None:
    pages.get(f"feature?name={EMAIL}", 404)
    pages.get(f"feature.csv?name={EMAIL}", 404)
    pages.get(f"rows?feature={EMAIL}", 400)


def test_from_the_feature_it_is_one_click_to_its_rows(pages: Pages) -> None:
    page = pages.get("feature?name=feature_03")
    assert " 500 " in rows_of(pages.get(pages.link(page, "/rows?feature")))[0]


def test_of_a_window_whose_rows_are_deleted_it_says_so_and_for_how_long_they_are_kept(pages: Pages) -> None:
    said = text_of(pages.get(f"rows?window={from_us(START_US - 5 * HOUR):%Y-%m-%dT%H:%M}"))
    assert "The rows of this window are deleted" in said
    assert "retention_days" in said


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("feature=feature_3", "feature: the reference has no 'feature_3'; did you mean feature_03?"),
        ("limit=20000", "limit: must be a number of rows from 1 to 10,000, got 20000"),
        ("limit=-1", "limit: must be a number of rows from 1 to 10,000, got -1"),
    ],
)
def test_what_can_not_be_asked_is_named(pages: Pages, query: str, said: str) -> None:
    assert said in text_of(pages.get(f"rows?{query}", 400))


def test_names_of_files_are_plain(pages: Pages) -> None:
    answer = pages.client.get(f"/projects/made/endpoints/{WORST}/rows.csv")
    name = f"model-0000-{from_us(START_US):%Y-%m-%dT%H%M}.csv"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["content-type"].startswith("text/csv")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["", "/features", "/metrics", "/rows", "/rows.csv"])
def test_where_the_worst_feature_is_private_no_page_of_the_endpoint_names_it(pages: Pages, path: str) -> None:
    client = ApiClient(pages.made.settings.changed(private="feature_03"))
    answer = client.get(f"/projects/made/endpoints/{WORST}{path}")
    client.close()
    assert answer.status_code == 200
    assert "feature_03" not in answer.text
    assert "feature_00" in answer.text or path in ("", "/metrics")
