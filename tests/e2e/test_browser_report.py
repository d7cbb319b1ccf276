"""A report in a real browser: without a network, without scripts, light and dark, on paper, in a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from made_project import Shape, make, nearest_hour_us
from modelmon.project import Project
from services.chromium import browser, missing

FEATURES = 60
SCREENS = Path(__file__).parents[2] / "build" / "screens"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A report, and a page that holds what a notebook shows, by name, as addresses."""
    folder = tmp_path_factory.mktemp("reports")
    until_us = nearest_hour_us()
    make(folder / "project", Shape(until_us, endpoints=22, days=3, features=FEATURES))
    project = Project("made", folder / "project")
    endpoints = project.list_model_endpoints()
    report = project.report(endpoints[0])
    report.save(folder / "report.html")
    shown = (endpoints, endpoints[0], project.list_incidents(), report)
    cells = "".join(f"<section>{each._repr_html_()}</section>" for each in shown)
    (folder / "notebook.html").write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Notebook</title>'
        f'<meta name="viewport" content="width=device-width"></head><body><main>{cells}</main></body></html>'
    )
    return {name: (folder / f"{name}.html").as_uri() for name in ("report", "notebook")}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.mark.parametrize("name", ["report", "notebook"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "width"), [("wide", 1280), ("phone", 390)])
def test_it_is_whole_without_a_network(
    files: dict[str, str], chromium: Any, name: str, scheme: str, size: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    SCREENS.mkdir(parents=True, exist_ok=True)
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_offline(True)
    page, wrong = context.new_page(), []
    page.on("console", lambda said: wrong.append(said.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: wrong.append(asked.url) if asked.url != files[name] else None)
    page.goto(files[name])
    page.screenshot(path=SCREENS / f"{name}-{size}-{scheme}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    wrong += [
        (each["id"], each["nodes"][0]["html"][:160]) for each in found if name == "report" or _ours(each)
    ]
    assert wrong == []
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
    context.close()


def _ours(violation: dict[str, Any]) -> bool:
    """A notebook's headings and landmarks are its own: several reports are in one."""
    return violation["id"] not in ("page-has-heading-one", "landmark-unique", "heading-order")


def test_a_dark_reader_sees_it_dark(files: dict[str, str], chromium: Any) -> None:
    grounds = {}
    for name in files:
        for scheme in ("light", "dark"):
            page = chromium.new_page(color_scheme=scheme)
            page.goto(files[name])
            box = page.locator(".card").first
            grounds[name, scheme] = box.evaluate("each => getComputedStyle(each).backgroundColor")
            page.close()
    for name in files:
        assert grounds[name, "light"] != grounds[name, "dark"]
    assert grounds["report", "dark"] == grounds["notebook", "dark"]


def test_without_scripts_it_says_the_same(files: dict[str, str], chromium: Any) -> None:
    texts = []
    for scripts in (True, False):
        context = chromium.new_context(java_script_enabled=scripts)
        page = context.new_page()
        page.goto(files["report"])
        texts.append(page.locator("main").inner_text())
        context.close()
    assert texts[0] == texts[1]
    assert "changed most" in texts[0]


def test_on_paper_no_row_and_no_picture_is_cut(files: dict[str, str], chromium: Any) -> None:
    page = chromium.new_page(color_scheme="dark")
    page.goto(files["report"])
    page.emulate_media(media="print", color_scheme="dark")
    whole = "some => some.every(each => getComputedStyle(each).breakInside === 'avoid')"
    for part in ("tr", "figure.box", ".features > li"):
        assert page.locator(part).evaluate_all(whole), part
    assert (
        page.locator("body").evaluate("each => getComputedStyle(each).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    paper = page.pdf(format="A4")
    pages = len(re.findall(rb"/Type\s*/Page\b", paper))
    assert 3 <= pages <= 8
    page.close()
