"""A report: one file that loads nothing, small, whose numbers are those of the views."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from api_client import ApiClient
from made_pages import UNTIL_US, WORST, Pages, rows_of, text_of
from made_project import HOUR
from modelmon.cli import app
from modelmon.ledger.records import open_records
from modelmon.model import from_us
from modelmon.pages.report import make_report
from modelmon.pages.words import number
from modelmon.stores.series import open_series
from modelmon.views.endpoint_facts import Looking
from modelmon.views.feature_page import read_feature_page

FEATURES = 100
DOWNLOAD = f"/projects/made/endpoints/{WORST}/report.html"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("report") / "project", features=FEATURES)
    yield made
    made.client.close()


def command(pages: Pages, *given: str) -> tuple[int, str]:
    folder = str(pages.made.settings.project_dir)
    found = CliRunner().invoke(app, ["report", *given, "--project-dir", folder])
    return found.exit_code, found.output or str(found.exception)


def test_a_report_of_a_hundred_features_is_small_and_asks_nobody_for_anything(pages: Pages) -> None:
    page = pages.get(DOWNLOAD)
    assert len(page.encode()) < 300_000
    assert "http" not in page
    assert not re.findall(r"<(?:script|link|img|iframe|object|embed|base|form|a)\b", page)
    assert not re.findall(r"(?:\bsrc|\bhref|\baction)=|@import|url\(", page)


def test_its_numbers_are_those_of_the_views(pages: Pages) -> None:
    settings = pages.made.settings
    records, series = open_records(settings), open_series(settings)
    view = read_feature_page(records, series, settings, WORST, UNTIL_US)
    page = make_report(records, series, Looking(UNTIL_US, settings), WORST).html
    series.close()
    records.close()
    shown = rows_of(page.split("<h2>All features</h2>")[1])
    assert len(shown) == len(view.features.features) >= FEATURES
    for row, feature in zip(shown, view.features.features, strict=True):
        assert row.startswith(f"{feature.feature} ")
        assert f" {number(feature.score)} " in row
    results = rows_of(page)
    for each in (each for each in view.results if each.kind is not None):
        assert any(each.name in row and number(each.value) in row for row in results)
    assert f"{view.features.window.rows:,} rows" in text_of(page)


def test_the_verdict_is_first_in_words_with_its_rule_and_the_feature(pages: Pages) -> None:
    verdict = text_of(pages.get(DOWNLOAD).split("</h2>")[0].split("<h2")[1])
    assert "◆ detected:" in verdict
    assert "≥ 0.7" in verdict
    assert "feature_03 changed most" in verdict


@pytest.mark.slow
def test_pages_of_an_endpoint_link_to_the_report_of_the_window_that_is_shown(pages: Pages) -> None:
    window = f"{from_us(UNTIL_US - 5 * HOUR):%Y-%m-%dT%H:%M:%SZ}"
    link = pages.link(pages.get(f"features?window={window}"), "report.html")
    assert window in unquote(link)
    answer = pages.client.get(link)
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    assert window[:10] in answer.headers["content-disposition"]


def test_the_command_writes_the_file_and_names_it(pages: Pages, tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    code, said = command(pages, WORST, "--output", str(place))
    assert code == 0
    assert "is written" in said
    assert "feature_03 changed most" in place.read_text()


def test_the_command_writes_to_standard_output(pages: Pages) -> None:
    code, said = command(pages, WORST, "--output", "-")
    assert code == 0
    assert "<!doctype html>" in said


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["model-000"], "there is no 'model-000'; did you mean model-000"),
        ([WORST, "--window", "2001-01-01 00:00"], "they reach from"),
        ([WORST, "--output", "/nowhere/there/report.html"], "/nowhere/there/report.html can't be written"),
    ],
)  # fmt: skip
def test_what_cannot_be_reported_is_said(pages: Pages, given: list[str], words: str) -> None:
    code, said = command(pages, *given)
    assert code != 0
    assert words in said


def test_an_endpoint_or_a_window_that_is_not_there_is_404(pages: Pages) -> None:
    pages.get("/projects/made/endpoints/nobody/report.html", 404)
    pages.get(f"{DOWNLOAD}?window=2001-01-01T00:00:00Z", 404)


def test_of_a_window_whose_samples_are_deleted_the_report_says_so(pages: Pages) -> None:
    earlier = pages.link(pages.get("features"), "window=")
    window = re.search(r"window=([^&]+)", earlier).group(1)
    page = text_of(pages.get(f"{DOWNLOAD}?window={window}"))
    assert "The samples of this window are deleted" in page


def test_private_columns_are_nowhere(tmp_path: Path) -> None:
    made = Pages(tmp_path / "project")
    made.client.close()
    made.client = ApiClient(made.made.settings.changed(private="feature_03"))
    page = made.get(DOWNLOAD)
    assert "feature_03" not in page
    assert "feature_04" in page
    made.client.close()
