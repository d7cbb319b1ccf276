"""What was deployed anew is marked on every chart of an endpoint, and told in words under it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from made_pages import UNTIL_US, WORST, Pages, text_of
from made_project import HOUR
from modelmon.ledger import endpoints, registry
from modelmon.ledger.records import open_records

KINDS = ("model", "reference", "function")
PAGES = ("", "metrics", "feature?name=feature_03", "report.html", "/projects/made/incidents/1")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A model of another version, with another reference, by another code, five hours before the end."""
    made = Pages(tmp_path_factory.mktemp("deployed") / "project")
    database = open_records(made.made.settings)
    with database.write() as connection:
        known = endpoints.get(connection, WORST)
        assert known is not None
        for hours, code in ((60, "1111"), (5, "2222")):
            registry.put_function(
                connection, known.function_name, "serving", {}, deployed=True, now_us=UNTIL_US - hours * HOUR,
                code=code,
            )  # fmt: skip
        stats = {name: each for name, each in known.feature_stats.items() if name != "feature_09"}
        endpoints.put(connection, replace(known, version="v2", feature_stats=stats), UNTIL_US - 5 * HOUR)
    database.close()
    yield made
    made.client.close()


@pytest.mark.parametrize("path", PAGES)
def test_every_chart_over_time_has_a_mark_of_each_kind_and_the_page_says_what_it_was(
    pages: Pages, path: str
) -> None:
    page = pages.get(path or f"/projects/made/endpoints/{WORST}")
    charts = re.findall(r'<svg[^>]*class="chart (?:timeline|bars|band)".*?</svg>', page, re.S)
    assert charts
    for chart in charts:
        for kind in KINDS:
            assert f'class="mark {kind}" tabindex="0" role="img" aria-label="' in chart, kind
    listed = text_of(page.split("<h3>Deployed in this time</h3>")[1].split("</section>")[0])
    assert "version v1, Classifier → store://models/model-0000, version v2, Classifier" in listed
    assert "serving-00 1111 → serving-00 2222" in listed
    assert re.search(r"reference anew: 20,000 rows, \d+ columns, \w{8} → 20,000 rows", listed)
    signs = re.findall(r'aria-hidden="true">([■○▼])<', page)
    assert {*signs} == {"■", "○", "▼"}


def test_programs_read_the_same(pages: Pages) -> None:
    answer = pages.client.get(f"/api/v1/projects/made/model-endpoints/{WORST}/deployments?start=0")
    found = [(each["kind"], each["before"] != "") for each in answer.json()]
    assert found[-3:] == [("function", True), ("model", True), ("reference", True)]
    assert answer.json()[-2]["after"] == "store://models/model-0000, version v2, Classifier"


def test_a_reference_that_changed_is_told_on_the_overview(pages: Pages) -> None:
    said = text_of(pages.get(f"/projects/made/endpoints/{WORST}"))
    assert "The reference came anew" in said
    assert "Verdicts before then compared with the other one" in said
    another = pages.get(f"/projects/made/endpoints/{1:032x}")
    assert "The reference came anew" not in another
