"""The page in a real browser: every screen, light and dark, without scripts, with nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from made_project import Made, Shape, make, nearest_hour_us
from services.chromium import browser, missing

SCREENS = Path(__file__).parents[2] / "build" / "screens"
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module", autouse=True)
def _folder() -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    until_us = nearest_hour_us()
    return make(tmp_path_factory.mktemp("made") / "project", Shape(until_us))


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    command = [sys.executable, "-m", "modelmon", "dashboard", "--port", "0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    hits = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in process.stderr)
    found = next((hit[0] for hit in hits if hit), "")
    assert found, f"it ended with {process.wait()}"
    try:
        yield found
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def site(made: Made) -> Iterator[str]:
    with served("--project-dir", made.settings.project_dir) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def screens(site: str) -> dict[str, str]:
    """Name to path of every page that a link of the first one leads to, and theirs."""
    found, seen = {}, set()
    beside = f"/projects/made/compare?endpoint={0:032x}&endpoint={1:032x}"  # two are chosen by hand
    paths = [beside, "/projects/made/endpoints", "/docs"]
    while paths:
        path = paths.pop(0)
        name = _screen(path)
        if name in seen:
            continue
        seen.add(name)
        answer = httpx.get(site + path, timeout=30)
        assert answer.status_code == 200, path
        headers = answer.headers
        if "text/html" not in headers["content-type"] or "content-disposition" in headers:
            continue
        found[name] = path
        paths += [each.replace("&amp;", "&") for each in re.findall(r'href="(/projects/[^"#]*)', answer.text)]
    return found


def _screen(path: str) -> str:
    """The kind of page: numbers and ids, and what the query chooses, don't matter."""
    place, _, query = path.partition("?")
    place = re.sub(r"/[0-9a-f]{32}", "/endpoint", re.sub(r"/feature_\d+", "/feature", place))
    shown = re.findall(r"(?:show|view)=(\w+)", query)
    return "-".join([*re.sub(r"/\d+", "/one", place).strip("/").split("/")[1:], *shown]) or "docs"


def _visited(page: Any, url: str) -> list[str]:
    """Errors of the console, and requests to elsewhere, while the page loads."""
    wrong: list[str] = []
    ours = ("/".join(url.split("/")[:3]), "data:")
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(ours) else wrong.append(asked.url))
    page.goto(url, wait_until="networkidle")
    return wrong


def test_every_screen_is_whole_in_light_and_dark_wide_and_on_a_phone(
    site: str, chromium: Any, screens: dict[str, str]
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    assert {"made-endpoints", "made-incidents", "made-incidents-one", "made-functions"} <= screens.keys()
    wrong: dict[str, object] = {}
    for size, viewport in SIZES.items():
        for scheme in ("light", "dark"):
            page = chromium.new_page(viewport=viewport, color_scheme=scheme)
            for name, path in screens.items():
                where = f"{name}-{size}-{scheme}"
                if found := _visited(page, site + path):
                    wrong[where] = found
                page.screenshot(path=SCREENS / f"{where}.png", full_page=True)
                found = Axe().run(page).response["violations"]
                if found:
                    wrong[f"{where} axe"] = [(each["id"], each["nodes"][0]["html"][:120]) for each in found]
                overflow = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if overflow > 0:
                    wrong[f"{where} overflow"] = overflow
            page.close()
    assert wrong == {}


def test_several_projects_and_one_without_endpoints_are_whole_too(chromium: Any, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    make(tmp_path / "made", Shape(nearest_hour_us(), endpoints=20, days=1))
    for name in ("broken", "empty"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "modelmon.yaml").write_text(f"project: {name}\n")
    (tmp_path / "broken" / ".modelmon").mkdir()
    (tmp_path / "broken" / ".modelmon" / "records.db").write_bytes(b"no database at all" * 100)
    wrong: dict[str, object] = {}
    with served("--all", "--project-dir", str(tmp_path)) as address:
        for size, viewport in SIZES.items():
            for scheme in ("light", "dark"):
                page = chromium.new_page(viewport=viewport, color_scheme=scheme)
                for name, path in {"projects": "/", "first-run": "/projects/empty/endpoints"}.items():
                    where = f"{name}-{size}-{scheme}"
                    found = [*_visited(page, address + path), *Axe().run(page).response["violations"]]
                    page.screenshot(path=SCREENS / f"{where}.png", full_page=True)
                    if found or page.evaluate(OVERFLOW) > 0:
                        wrong[where] = found
                page.close()
    assert wrong == {}


def test_without_scripts_every_screen_says_the_same(
    site: str, chromium: Any, screens: dict[str, str]
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    for path in screens.values():
        page.goto(site + path)
        assert page.locator("main h1").count() == 1, path
    page.goto(f"{site}/projects/made/endpoints")
    assert page.locator("tbody tr").count() == 30
    context.close()


def test_every_link_of_every_screen_leads_somewhere(site: str, screens: dict[str, str]) -> None:
    links = set()
    for path in screens.values():
        text = httpx.get(site + path, timeout=30).text
        links |= {each.replace("&amp;", "&") for each in re.findall(r'(?:href|src)="(/[^"#]*)', text)}
    kinds = {_screen(each): each for each in sorted(links)}
    dead = [
        each
        for each in kinds.values()
        if httpx.get(site + each, timeout=30, follow_redirects=True).status_code != 200
    ]
    assert dead == []
