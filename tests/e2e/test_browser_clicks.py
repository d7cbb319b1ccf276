"""Every button and every form of every page, clicked in a real browser by an admin and by a viewer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.test_browser import _screen, served
from made_project import APP, HOUR, Made, Shape, make, nearest_hour_us
from modelmon.ledger import dead_letters
from modelmon.ledger.access import create_token
from modelmon.ledger.artifacts import note_artifacts
from modelmon.ledger.records import open_records
from modelmon.model import ArtifactNote, DeadLetter, WindowKey, from_us
from modelmon.project import get_or_create_project
from services.chromium import browser, missing

BLOCKED = "the document's frame is sandboxed"
"""What a browser says of the script in the page that an app kept."""
ACTING = {
    "Send again", "Delete for good", "This was a false alarm", "Take that back", "I am at it",
    "Nobody is at it", "It is over", "Note it", "End it",
}  # fmt: skip
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.xdist_group("browser"),
]


class Shop:
    """A project with something of everything, and tokens for it."""

    def __init__(self, folder: Path) -> None:
        until_us = nearest_hour_us()
        self.made: Made = make(folder, Shape(until_us, endpoints=3, features=3, days=1))
        (folder / "modelmon.yaml").write_text("project: made\nbase_period: 60\nauth: token\n")
        project = get_or_create_project("made", context=folder)
        project.log_artifact("plot.html", body="<h1>plot</h1>")
        project.log_model("spare", body=b"1", model_file="m.bin", inputs=["x"])
        project.silence("1d", "nobody is told", apps="nobody")
        page = ArtifactNote("page.html", f"{APP}/page.html", 1, until_us, "")
        kept = Path(project.settings.location("artifacts_path"), APP, "page.html")
        kept.parent.mkdir(parents=True)
        kept.write_text("<script>alert(1)</script>")
        stream, when = self.made.settings.events_stream, from_us(until_us)
        letters = [DeadLetter("e", 0, n, -1, stream, "", "", "not JSON", b"{", when) for n in range(3)]
        records = open_records(self.made.settings)
        with records.write() as connection:
            dead_letters.keep(connection, letters)
            note_artifacts(connection, WindowKey(f"{0:032x}", APP, until_us - HOUR), until_us, 1, [page])
            self.tokens = {
                role: create_token(connection, role, role, until_us, None) for role in ("admin", "viewer")
            }
        records.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop") / "made")


@contextmanager
def logged_in(address: str, token: str) -> Iterator[tuple[Any, list[str]]]:
    """A page of a browser, and what goes wrong in it."""
    wrong: list[str] = []
    with browser() as started:
        context = started.new_context()
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.goto(f"{address}/login")
        page.fill("#token", token)
        page.click("main button[type=submit]")
        ours = (address, "data:", "about:")
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(ours) else wrong.append(asked.url))
        page.on("response", lambda got: wrong.extend([got.url] if got.status >= 400 else []))
        yield page, wrong
        context.close()


def clicked(page: Any, place: str) -> set[str]:
    """The words of the buttons of the page at this place, after a click on one of each."""
    words: set[str] = set()
    while True:
        page.goto(place)
        page.eval_on_selector_all("main details", "all => all.forEach(each => each.open = true)")
        buttons = {each.inner_text().strip(): each for each in page.locator("button:visible").all()}
        left = [said for said in buttons if said not in words]
        if not left:
            return words
        words.add(left[0])
        if left[0] != "Log out" and not left[0].startswith("◐"):
            buttons[left[0]].click(timeout=5_000)
            page.wait_for_load_state()


def everywhere(page: Any, address: str) -> dict[str, set[str]]:
    """The kind of each page that a link leads to, with what was clicked on it."""
    found: dict[str, set[str]] = {}
    paths = ["/projects/made/endpoints", "/docs"]
    while paths:
        path = paths.pop(0)
        answer = page.request.get(address + path)
        if (name := _screen(path)) in found or "text/html" not in answer.headers["content-type"]:
            continue
        page.goto(address + path)
        links = page.eval_on_selector_all(
            "a[href^='/projects/']:not([download])", "all => all.map(each => each.getAttribute('href'))"
        )
        found[name] = clicked(page, address + path)
        paths += [each.partition("#")[0] for each in links]
    return found


def test_an_admin_clicks_everything_and_nothing_goes_wrong(shop: Shop) -> None:
    with (
        served("--project-dir", shop.made.settings.project_dir) as address,
        logged_in(address, shop.tokens["admin"]) as (page, wrong),
    ):
        found = everywhere(page, address)
        assert {each for each in wrong if BLOCKED not in each} == set()
        assert any(BLOCKED in each for each in wrong)
        assert len(found) > 15
        assert set.union(*found.values()) >= {*ACTING, "Log out", "Copy link", "Show", "Compare"}
        page.goto(f"{address}/projects/made/functions")
        page.click("text=Log out")
        assert page.url == f"{address}/login"


def test_a_viewer_has_nothing_to_act_with(shop: Shop) -> None:
    with (
        served("--project-dir", shop.made.settings.project_dir) as address,
        logged_in(address, shop.tokens["viewer"]) as (page, wrong),
    ):
        for path in ("functions", f"apps/{APP}", "incidents", "incidents/1", "silences", "rules"):
            page.goto(f"{address}/projects/made/{path}")
            words = {re.sub(r"\s+", " ", each.inner_text()) for each in page.locator("button, summary").all()}
            assert not words & {*ACTING, "Delete"}, path
        assert wrong == []
