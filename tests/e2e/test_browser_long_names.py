"""Names of any length break where they stand: no page grows wider, and no cell runs into the next one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from made_pages import UNTIL_US, WORST, Pages
from modelmon.ledger import endpoints
from modelmon.ledger.records import open_records
from page_server import page_served
from services.chromium import browser, missing

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.xdist_group("browser"),
]
LONG = "n" * 200
TOO_WIDE = """() => {
  const page = document.documentElement
  const wide = page.scrollWidth > page.clientWidth ? ["the page"] : []
  for (const cell of document.querySelectorAll("table.list th, table.list td")) {
    const shown = getComputedStyle(cell).overflow === "visible"
    if (shown && cell.scrollWidth > cell.clientWidth + 1) wide.push(cell.textContent.trim().slice(0, 60))
  }
  return wide
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pages = Pages(tmp_path_factory.mktemp("long") / "project", with_features=2)
    database = open_records(pages.made.settings)
    with database.write() as connection:
        known = endpoints.get(connection, WORST)
        assert known is not None
        endpoints.put(connection, replace(known, name=LONG, function_name=LONG), UNTIL_US)
    database.close()
    with page_served(pages.made.settings) as address:
        yield address
    pages.client.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_its_place(site: str, chromium: Any, width: int) -> None:
    of, project = f"/projects/made/endpoints/{WORST}", "/projects/made"
    paths = [
        f"{project}/endpoints", f"{project}/endpoints/heat-map", f"{project}/incidents", f"{project}/models",
        f"{project}/functions", f"{project}/compare?endpoint={WORST},{1:032x}", of, f"{of}/features",
        f"{of}/metrics", f"{of}/rows?feature=feature_03", f"/{LONG}", "/docs",
    ]  # fmt: skip
    page = chromium.new_page(viewport={"width": width, "height": 900})
    wide = {}
    for path in paths:
        page.goto(site + path)
        wide[path] = page.evaluate(TOO_WIDE)
    page.close()
    assert {path: found for path, found in wide.items() if found} == {}


def test_the_list_of_endpoints_fits_a_small_desktop_with_its_alerts(site: str, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{site}/projects/made/endpoints?q=model-0001")
    box = page.evaluate(
        "() => [...document.querySelectorAll('.table-wide')].map(e => e.scrollWidth - e.clientWidth)"
    )
    page.close()
    assert box == [0]
