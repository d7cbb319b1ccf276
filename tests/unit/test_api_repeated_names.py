"""The platform keeps the last of a repeated name: no form and no link of our pages repeats one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from api_client import addresses
from made_pages import WORST, Pages, text_of

RESULTS = [f"histogram-data-drift/{each}" for each in ("feature_drift", "general_drift")]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("repeated") / "project")
    yield made
    made.client.close()


def names_in_forms(page: str) -> list[list[str]]:
    forms = re.findall(r"<form\b.*?</form>", page, re.S)
    return [re.findall(r'<(?:input|select|textarea)\b[^>]*? name="([^"]*)"', each) for each in forms]


@pytest.mark.parametrize(
    "path",
    [
        "/projects/made/models",
        f"/projects/made/compare?endpoint={WORST},{1:032x}",
        "metrics",
        f"metrics?metric={RESULTS[0]}&metric={RESULTS[1]}",
        "/projects/made/endpoints?state=detected,no+detection&kind=data_drift,concept_drift",
        "/projects/made/incidents?app=a,b",
    ],
)
def test_none_is_repeated(pages: Pages, path: str) -> None:
    page = pages.get(path)
    queries = [[name for name, _ in parse_qsl(urlsplit(each).query)] for each in addresses(page, ["href="])]
    for names in [*queries, *names_in_forms(page)]:
        assert [each for each, times in Counter(names).items() if times > 1] == []


def test_two_that_are_ticked_among_the_models_are_compared(pages: Pages) -> None:
    page = pages.get("/projects/made/models")
    ticked = dict(re.findall(r'type="checkbox" name="([^"]*)" value="([^"]*)"', page))
    compared = pages.get(f"/projects/made/compare?{urlencode(ticked)}")
    assert "model-0000 and model-0001" in text_of(compared)
    swapped = text_of(pages.get(pages.link(compared, f"endpoint-2={WORST}").partition("#")[0]))
    assert "model-0001 and model-0000" in swapped


def test_metrics_that_are_ticked_are_shown_with_another_range_too(pages: Pages) -> None:
    names = dict(re.findall(r'type="checkbox" name="([^"]*)" value="([^"]*)"', pages.get("metrics")))
    ticked = {name: value for name, value in names.items() if value in RESULTS}
    page = pages.get(f"metrics?{urlencode(ticked)}")
    for each in (page, pages.get(pages.link(page, "range=30d"))):
        assert re.findall(r'value="([^"]*)" checked', each) == RESULTS
    assert "checked" not in pages.get(pages.link(page, "metric=none"))
