"""The page and the REST API as a whole: addresses, refusals, headers."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api_client import ApiClient, addresses
from modelmon.api.routes import Kind, all_routes
from modelmon.settings import Settings


@pytest.fixture
def client(tmp_path: Path) -> Iterator[ApiClient]:
    made = ApiClient(Settings.load(project="shop", project_dir=str(tmp_path), environ={}))
    yield made
    made.close()


def test_the_first_page_leads_to_the_only_project(client: ApiClient) -> None:
    found = client.get("/")
    assert (found.status_code, found.headers["location"]) == (307, "/projects/shop/endpoints")


def test_of_several_projects_the_first_page_lists_each(tmp_path: Path) -> None:
    several = [
        Settings.load(project=name, project_dir=str(tmp_path / name), environ={}) for name in ("a", "b")
    ]
    page = ApiClient(*several).get("/").text
    assert {"/projects/a/endpoints", "/projects/b/endpoints"} <= set(addresses(page))


def test_what_is_there_when_it_starts_is_not_walked_by_the_garbage_collector(client: ApiClient) -> None:
    async def start() -> None:
        async with client.application.router.lifespan_context(client.application):
            assert gc.get_freeze_count() > 0

    gc.unfreeze()
    asyncio.run(start())


def test_a_page_loads_nothing_from_elsewhere(client: ApiClient) -> None:
    for address in addresses(client.get("/projects/shop/endpoints").text):
        assert address.startswith(("/", "#")), address
        assert not address.startswith("//")


def test_below_another_address_every_link_has_it(tmp_path: Path) -> None:
    settings = Settings.load(project="shop", project_dir=str(tmp_path), environ={})
    page = ApiClient(settings, root="/monitoring").get("/projects/shop/endpoints").text
    assert all(each.startswith(("/monitoring/", "#")) for each in addresses(page))


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/projects/shop/endpoints?range=9d"])
def test_every_answer_forbids_what_is_foreign(client: ApiClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/api/v1/projects/shpo/endpoints", 404, "there is no project 'shpo'; did you mean shop?"),
        ("/api/v1/projects/shop/endpoints?stat=x", 400, "there is no parameter 'stat'; did you mean state?"),
        (
            "/api/v1/projects/shop/endpoints?page-size=0",
            400,
            "page_size: expected `int` >= 1, got '0'",
        ),
        ("/api/v1/nothing", 404, "GET /api/v1/nothing: not found; /docs lists what there is"),
    ],
)
def test_a_refusal_says_what_is_wrong(client: ApiClient, path: str, status: int, reason: str) -> None:
    found = client.get(path)
    assert found.status_code == status
    assert found.json()["detail"]["reason"] == reason


def test_a_page_of_a_project_is_fetched_anew_and_a_refusal_is_not(client: ApiClient) -> None:
    assert '<main id="main" tabindex="-1" data-refresh="' in client.get("/projects/shop/endpoints").text
    assert "data-refresh" not in client.get("/projects/shop/endpoints?range=9d").text


def test_a_refused_page_is_a_page(client: ApiClient) -> None:
    found = client.get("/projects/shop/endpoints?range=9d")
    assert found.status_code == 400
    assert "range: there is no &#39;9d&#39;" in found.text


def test_records_that_are_down_are_503_and_the_page_says_that_nothing_is_lost(tmp_path: Path) -> None:
    down = Settings.load(
        project="shop", project_dir=str(tmp_path), environ={},
        records_url="postgresql://nobody@127.0.0.1:1/shop",
    )  # fmt: skip
    client = ApiClient(down)
    page, api = client.get("/projects/shop/endpoints"), client.get("/api/v1/projects/shop/endpoints")
    assert (page.status_code, api.status_code, api.headers["retry-after"]) == (503, 503, "5")
    assert "Nothing is lost" in page.text
    assert client.get("/readyz").status_code == 503


def test_of_several_projects_one_that_is_down_takes_no_other_with_it(tmp_path: Path) -> None:
    up, down = (
        Settings.load(project=name, project_dir=str(tmp_path), environ={}, records_url=url)
        for name, url in {
            "up": f"sqlite:///{tmp_path}/records.db", "down": "postgresql://nobody@127.0.0.1:1/x",
        }.items()
    )  # fmt: skip
    client = ApiClient(up, down)
    ready, health = client.get("/readyz"), client.get("/health")
    assert (ready.status_code, ready.json()["ready"], [*ready.json()["unread"]]) == (200, True, ["down"])
    assert (health.status_code, health.json()["state"]) == (200, "ready")
    assert health.json()["reason"].startswith("waiting for the records: ")
    client.close()
    client = ApiClient(down, replace(down, project="beside"))
    assert (client.get("/readyz").status_code, client.get("/health").status_code) == (503, 503)
    assert "down: " in client.get("/readyz").json()["detail"]["reason"]
    client.close()


def test_the_document_has_every_route(client: ApiClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for route in all_routes():
        operation = paths[route.path.replace(":path}", "}")][route.method.lower()]
        assert operation["summary"] == route.words
        assert route.words.endswith(".")
    assert "/api/v1/projects/{project}/endpoints" in client.get("/docs").text.replace("<wbr>", "")


def test_routes_under_api_answer_json() -> None:
    for route in all_routes():
        assert route.path.startswith("/api/v1/") <= (route.kind is not Kind.PAGE), route.path
