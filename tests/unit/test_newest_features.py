"""Which window stands for now: the newest that is whole, on the overview and in the terminal alike."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert

from made_pages import UNTIL_US, Pages, text_of
from made_project import HOUR
from modelmon.cli import main
from modelmon.ledger.file_tables import file_row
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import files
from modelmon.model import BatchRange, SampleFile, from_us, to_us
from modelmon.stores.series import open_series
from modelmon.views.newest_features import NewestFeatures, read_newest_features

INCOMPLETE = f"{4:032x}"
WHOLE, NEWEST = (from_us(UNTIL_US - hours * HOUR) for hours in (2, 1))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory):
    made = Pages(tmp_path_factory.mktemp("pages") / "project", endpoints=6, days=1, with_features=6)
    yield made
    made.client.close()


def newest(pages: Pages, number: int) -> NewestFeatures:
    database, series = open_records(pages.made.settings), open_series(pages.made.settings)
    found = read_newest_features(database, series, pages.made.settings, f"{number:032x}", pages.made.now_us)
    series.close()
    database.close()
    return found


def test_features_are_of_the_newest_whole_window_and_a_newer_one_is_named(pages: Pages) -> None:
    found = newest(pages, 4)
    assert {each.start_infer_time for each in found.features} == {WHOLE}
    assert found.newer == NEWEST
    whole = newest(pages, 0)
    assert ({each.start_infer_time for each in whole.features}, whole.newer) == ({NEWEST}, None)


def test_where_no_window_is_whole_those_of_the_newest_are_shown(pages: Pages) -> None:
    found = newest(pages, 5)  # too few rows in each
    assert {each.start_infer_time for each in found.features} == {NEWEST}
    assert found.newer is None


def test_the_overview_says_that_a_newer_window_is_not_whole(pages: Pages) -> None:
    said = text_of(pages.get(f"/projects/made/endpoints/{INCOMPLETE}"))
    assert (
        f"the window of {WHOLE:%Y-%m-%d %H:%M} , the newest that is whole: that of {NEWEST:%Y-%m-%d %H:%M}"
        in said
    )
    assert "the newest that is whole" not in text_of(pages.get(f"/projects/made/endpoints/{0:032x}"))


def test_the_terminal_says_the_same(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> str:
        folder = pages.made.settings.project_dir
        monkeypatch.setattr(sys, "argv", ["modelmon", "endpoint", *arguments, "--project-dir", folder])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out

    assert f"It is the newest whole one: that from {NEWEST:%Y-%m-%d %H:%M} UTC is not." in run(INCOMPLETE)
    found = json.loads(run(INCOMPLETE, "--json"))
    assert found["newer"].startswith(f"{NEWEST:%Y-%m-%d %H:%M}")
    assert {each["start_infer_time"][:16] for each in found["features"]} == {f"{WHOLE:%Y-%m-%d %H:%M}"}


def test_where_the_samples_are_gone_the_overview_has_its_verdicts_and_the_features_say_so(
    tmp_path: Path,
) -> None:
    pages = Pages(tmp_path / "project", endpoints=5, days=1, with_features=5)
    hour_us = to_us(WHOLE)
    lost = SampleFile(
        "lost.parquet", INCOMPLETE, hour_us, hour_us, hour_us, 1, 1, 1, BatchRange("s", 0, 0, 0)
    )
    records = open_records(pages.made.settings)
    with records.write() as connection:
        connection.execute(insert(files), file_row(lost, 0))
    records.close()
    page = pages.get(f"/projects/made/endpoints/{INCOMPLETE}")
    assert "feature_drift" in text_of(page.split("card verdict")[1])
    assert f"the window of {NEWEST:%Y-%m-%d %H:%M}" in text_of(page)
    features = pages.get(f"/projects/made/endpoints/{INCOMPLETE}/features", status=500)
    assert "is listed in the records and gone" in text_of(features)
    pages.client.close()
