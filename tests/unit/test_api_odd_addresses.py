"""Pages answer any address with what is wrong about it: none is an error of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from made_pages import Pages, text_of

FAR = ("0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "2199-12-31T00:00:00Z", "9999-12-31T23:59:59Z")
PROJECT = "/projects/made"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("odd") / "project")
    yield made
    made.client.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    ["", "metrics", "features", "rows", f"{PROJECT}/endpoints", f"{PROJECT}/endpoints/heat-map",
     f"{PROJECT}/incidents", f"{PROJECT}/functions", f"{PROJECT}/models",
     f"{PROJECT}/compare?endpoint=model-0000,model-0001"],
)  # fmt: skip
@pytest.mark.parametrize(
    "query", ["from={0}", "to={3}", "from={1}&to={2}", "to={1}&range=1y", "from={2}&to={1}"]
)
def test_a_time_far_away_is_shown_or_refused(pages: Pages, path: str, query: str) -> None:
    place = path if path.startswith("/") else f"{PROJECT}/endpoints/{0:032x}/{path}".rstrip("/")
    answer = pages.client.get(f"{place}{'&' if '?' in place else '?'}{query.format(*FAR)}")
    assert answer.status_code in (200, 400), text_of(answer.text)


@pytest.mark.parametrize("number", ["9" * 25, "-1", "²", "1e5", "%F0%9F%A6%8A"])
def test_an_incident_that_no_number_can_have_is_not_there(pages: Pages, number: str) -> None:
    for place in (f"{PROJECT}/incidents/{number}", f"/api/v1{PROJECT}/incidents/{number}"):
        assert pages.client.get(place).status_code == 404
