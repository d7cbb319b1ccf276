"""Features Analysis over HTTP, on a small project: the table, one feature, its file, what is missing."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from api_client import ApiClient
from made_pages import UNTIL_US, WORST, Pages, rows_of, text_of
from made_project import HOUR
from modelmon.cli import app
from modelmon.ledger import registry
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import windows
from modelmon.model import from_us
from modelmon.settings import Settings
from modelmon.stores.series import open_series
from modelmon.stores.series.schema import series_values


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("pages") / "project")
    yield made
    made.client.close()


def test_the_most_changed_feature_is_first_with_what_happened_to_it(pages: Pages) -> None:
    rows = rows_of(pages.get("features"))
    assert len(rows) == 10
    assert rows[0].startswith("feature_03 numeric")
    assert re.search(r"mean 0 → \d+, [\d.]+ deviations up; ≥ \d+: 0 % → \d+ %", rows[0])
    scores = [float(each.split()[2]) for each in rows]
    assert scores == sorted(scores, reverse=True)


def test_the_number_is_that_of_status(pages: Pages) -> None:
    said = CliRunner().invoke(
        app, ["status", "--json", "--project-dir", str(pages.made.settings.project_dir)]
    )
    endpoints = msgspec.json.decode(said.stdout)["endpoints"]
    endpoint = next(each for each in endpoints if each["endpoint_id"] == WORST)
    (score,) = [
        each["result_value"] for each in endpoint["verdicts"] if each["result_name"] == "feature_drift"
    ]
    page = pages.get(pages.link(pages.get("features"), "/feature?name=feature_03"))
    shown = re.search(r'data-score="([^"]+)"', page)
    assert shown is not None
    assert float(shown[1]) == pytest.approx(score, rel=1e-4)
    assert 'class="chart overlay"' in page


def test_a_window_has_links_to_those_beside_it_and_the_time_range_stays(pages: Pages) -> None:
    newest = pages.get("features?range=30d")
    before = pages.link(newest, f"window={from_us(UNTIL_US - 2 * HOUR):%Y-%m-%dT%H}".replace(":", "%3A"))
    assert "range=30d" in before
    assert "/feature?" not in before
    page = pages.get(before)
    assert f"Window {from_us(UNTIL_US - 2 * HOUR):%Y-%m-%d %H:%M}" in text_of(page)
    assert "After →" in page
    assert "After →" not in newest


def test_what_is_shown_first_is_a_whole_window_and_a_link_leads_to_the_newest(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=1)
    newest, shown = from_us(UNTIL_US - HOUR), from_us(UNTIL_US - 2 * HOUR)
    pages.change(f"update windows set incomplete = 1 where start_us = {UNTIL_US - HOUR}")
    for path in ("features?range=30d", "rows?range=30d", "feature?name=feature_03&range=30d"):
        page = pages.get(path)
        assert f"Window {shown:%Y-%m-%d %H:%M}" in text_of(page)
        assert f"A newer one is not whole: that from {newest:%Y-%m-%d %H:%M}" in text_of(page)
        latest = pages.get(pages.link(page, f"window={newest:%Y-%m-%dT%H}".replace(":", "%3A")))
        assert f"Window {newest:%Y-%m-%d %H:%M}" in text_of(latest)
        assert "newest window with a whole" not in latest
    report = pages.get("report.html")
    assert f"Window {shown:%Y-%m-%d %H:%M}" in text_of(report)
    assert f"that from {newest:%Y-%m-%d %H:%M}" in text_of(report)
    pages.client.close()


def test_of_a_window_without_samples_there_are_numbers_and_it_says_so(pages: Pages) -> None:
    old = f"{from_us(UNTIL_US - 30 * HOUR):%Y-%m-%dT%H:%M:%SZ}"
    page = pages.get(f"features?window={old}")
    assert "The samples of this window are deleted: its numbers are kept" in text_of(page)
    assert len(rows_of(page)) == 10


def test_the_bins_come_as_a_file_whose_rows_are_those_of_the_window(pages: Pages) -> None:
    page = pages.get("feature?name=feature_03")
    table = [*csv.DictReader(io.StringIO(pages.get(pages.link(page, "feature.csv"))))]
    assert sum(int(each["reference_rows"]) for each in table) == 20_000
    assert sum(float(each["share"]) for each in table) == pytest.approx(1)
    assert table[-1]["bin"].startswith("≥")


def test_the_feature_has_a_page_that_leads_back_and_to_its_rows(pages: Pages) -> None:
    page = pages.get("feature?name=feature_03")
    assert "feature=feature_03" in pages.link(page, "/rows?feature")
    assert rows_of(pages.get(pages.link(page, "/features?window=")))[0].startswith("feature_03")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("feature?name=feature_3", "has no feature 'feature_3'; did you mean feature_03?"),
        ("features?window=2001-01-01", "has no window at 2001-01-01 00:00 UTC; they reach from"),
        ("/projects/made/endpoints/model-000/features", "there is no 'model-000'; did you mean"),
    ],
)
def test_what_is_not_there_is_named(pages: Pages, path: str, said: str) -> None:
    assert said in text_of(pages.get(path, 404))


def test_a_feature_goes_over_time_before_its_reference(pages: Pages) -> None:
    page = pages.get("feature?name=feature_03")
    assert "Mean, up to this window" in text_of(page)
    band = page.split('class="chart band"')[1].split("</svg>")[0]
    assert (band.count('class="dot"'), band.count('class="area"')) == (30, 1)


def test_without_a_judged_window_the_page_says_what_to_do(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=1)
    pages.change("delete from windows")
    pages.change("delete from app_stats")
    said = text_of(pages.get("features"))
    assert "No window has been judged yet" in said
    assert "enable_model_monitoring" in said
    pages.client.close()


def test_without_a_reference_the_page_says_how_to_give_one_and_few_rows_are_named(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=1)
    pages.change("update endpoints set feature_stats = '{}'")
    pages.change("update windows set rows = 7")
    said = text_of(pages.get("features"))
    assert "This endpoint has no reference" in said
    assert "training_set=" in said
    assert "no reference to compare with" in said
    assert "7 rows are too few for a verdict" in said
    pages.client.close()


def test_a_hundred_features_stand_on_one_page_of_bounded_size(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, features=100, days=2)
    page = pages.get("features")
    assert len(rows_of(page)) == 100
    assert len(page) < 600_000
    pages.client.close()


def test_thresholds_are_those_of_the_result_that_is_the_highest_score_whatever_its_name(
    tmp_path: Path,
) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=1)
    pages.change("update series_values set name = 'my_drift' where name = 'feature_drift'")
    assert "score, detected from 0.7" in text_of(pages.get("feature?name=feature_03"))
    pages.change("update series_values set value = value + 0.05 where name = 'my_drift'")
    assert "detected from" not in text_of(pages.get("feature?name=feature_03"))
    pages.client.close()


def test_thresholds_stay_where_the_worst_feature_is_private(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=1, private="feature_03")
    page = pages.get("features")
    assert "feature_03" not in page
    assert "score, detected from 0.7" in text_of(pages.get("feature?name=feature_08"))
    pages.client.close()


@pytest.mark.parametrize("path", ["features", "feature?name=x", "metrics", "report.html", "rows"])
def test_records_that_are_corrupt_are_an_error_of_the_server(tmp_path: Path, path: str) -> None:
    (tmp_path / "records.db").write_bytes(b"no database " * 1_000)
    broken = Settings.load(
        project="made", project_dir=str(tmp_path), environ={},
        records_url=f"sqlite:///{tmp_path}/records.db",
    )  # fmt: skip
    client = ApiClient(broken)
    answer = client.get(f"/projects/made/endpoints/{WORST}/{path}")
    assert answer.status_code == 500
    assert "is corrupt" in answer.text
    assert client.get("/readyz").status_code == 503
    client.close()


@pytest.mark.parametrize("path", ["features", "feature?name=x", "feature.csv?name=x", "metrics", "rows"])
def test_records_that_are_down_are_unavailable_and_not_an_error_of_ours(tmp_path: Path, path: str) -> None:
    down = Settings.load(
        project="made", project_dir=str(tmp_path), environ={},
        records_url="postgresql://nobody@127.0.0.1:1/made",
    )  # fmt: skip
    client = ApiClient(down)
    answer = client.get(f"/projects/made/endpoints/{WORST}/{path}")
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    client.close()


def test_a_window_that_an_incident_names_is_shown_as_it_was(pages: Pages) -> None:
    page = pages.get("/projects/made/incidents/1")
    features = pages.get(pages.link(page, "/features?window="))
    assert rows_of(features)[0].startswith("feature_03")


def other_app(pages: Pages, **results: tuple[int, str]) -> None:
    """A second app has judged the newest window of the worst endpoint: of each result its status, and what it
    found."""
    settings, newest_us = pages.made.settings, UNTIL_US - HOUR
    records, series = open_records(settings), open_series(settings)._database
    with records.write() as connection:
        registry.register_app(connection, "second", None, 0)
        window = connection.execute(select(windows).where(windows.c.start_us == newest_us)).one()._asdict()
        connection.execute(insert(windows), {**window, "application_name": "second"})
    with series.write() as connection:
        newest = select(series_values).where(series_values.c.window_start == newest_us)
        point = connection.execute(newest).first()
        for name, (status, words) in results.items():
            said = {"name": name, "kind": 0, "status": status, "extra_data": f'{{"found": "{words}"}}'}
            connection.execute(
                insert(series_values), {**point._asdict(), "application_name": "second", **said}
            )
    records.close()
    series.close()


def test_what_other_apps_found_stands_before_the_table_and_what_is_calm_is_folded_in(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=1)
    assert "Other apps" not in pages.get("features")
    calm = {f"calm_{each}": (0, "all is well") for each in range(9)}
    other_app(pages, **calm, bad=(2, "half of it is gone"), odd=(1, "some is gone"))
    before, after = pages.get("features").split("9 results without an alarm")
    told = text_of(before.split("Other apps on this window")[1])
    assert re.fullmatch(r"◆ bad \S+ half of it is gone ▲ odd \S+ some is gone", told.strip())
    assert before.count("<details open>") == 2
    assert after.count("all is well") == 9
    assert rows_of(pages.get("features"))[0].startswith("feature_03")
    pages.client.close()
