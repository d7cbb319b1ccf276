"""From the first page to the histogram of what drifted: three clicks, with the number that `status` tells."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import msgspec
import pytest
from typer.testing import CliRunner

from made_pages import Pages
from modelmon.cli import app


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("pages") / "project", endpoints=12, days=3, with_features=12)
    yield made
    made.client.close()


def first_endpoint(page: str) -> str:
    """The link of the first row."""
    row = page.split("<tbody")[1].split("</tr>")[0]
    return html.unescape(re.findall(r'href="([^"]*/endpoints/[^"]*)"', row)[0])


def test_three_clicks_lead_to_the_histogram_and_its_number_is_that_of_status(pages: Pages) -> None:
    endpoint = pages.get(first_endpoint(pages.get("/projects/made/endpoints")))
    features = pages.get(pages.link(endpoint, "/features"))
    first = features.split("<tbody>")[1].split("</tr>")[0]
    feature = pages.get(pages.link(first, "/feature?"))
    assert 'class="chart overlay" ' in feature
    shown = re.search(r'data-score="([^"]+)"', feature)
    assert shown is not None
    folder = str(pages.made.settings.project_dir)
    said = msgspec.json.decode(CliRunner().invoke(app, ["status", "--json", "--project-dir", folder]).stdout)
    worst = said["endpoints"][0]
    values = {each["result_name"]: each for each in worst["verdicts"]}
    extra = msgspec.json.decode(values["feature_drift"]["result_extra_data"])
    assert f"<h2>{extra['feature']}" in feature
    assert float(shown[1]) == pytest.approx(values["feature_drift"]["result_value"], rel=1e-4)
