"""Classes of pages and charts: whatever is marked has a style, and every style has something to mark."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

import modelmon
from api_client import addresses
from made_pages import Pages
from modelmon.pages.assets import assets
from modelmon.pages.words import _MARKS, state_class
from modelmon.views.verdicts import PARTLY
from modelmon.views.windows import WindowState

SOURCES = Path(modelmon.__file__).parent
CLASS = re.compile(r'\bclass="([^"]*)"')
HOOKS = {"label", "calm", "no-detection", "requests", "model", "reference", "function"}
"""Parts of charts that look as the others of their kind: calm values, answered requests, deployments."""


def styled() -> set[str]:
    sheet = re.sub(r"/\*.*?\*/", "", assets()["modelmon.css"].decode(), flags=re.DOTALL)
    selectors = re.sub(r"\{[^{}]*\}", "{}", sheet)
    return set(re.findall(r"\.([A-Za-z][\w-]*)", selectors))


def written() -> str:
    """Whatever can name a class: templates, the code that draws, modules."""
    places = [*SOURCES.glob("pages/**/*.html"), *SOURCES.glob("pages/**/*.js")]
    for folder in ("pages", "charts", "api"):
        places += SOURCES.glob(f"{folder}/**/*.py")
    return "\n".join(place.read_text(encoding="utf-8") for place in places)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Class to a page that has it, of every kind of page that a link leads to."""
    pages = Pages(tmp_path_factory.mktemp("classes") / "project", endpoints=20, days=2, with_features=20)
    found: dict[str, str] = {}
    seen, paths = set(), ["/projects/made/endpoints", "/docs"]
    while paths:
        path = paths.pop()
        kind = re.sub(r"[0-9a-f]{32}|\d+", "", path.partition("?")[0]) + "".join(re.findall("show=.", path))
        if kind in seen:
            continue
        seen.add(kind)
        answer = pages.client.get(path)
        if answer.status_code == 200 and "text/html" in answer.headers["content-type"]:
            for name in " ".join(CLASS.findall(answer.text)).split():
                found.setdefault(name, path)
            links = (html.unescape(each) for each in addresses(answer.text, ["href="]))
            paths += [each for each in links if each.startswith("/projects/")]
    pages.client.close()
    assert len(seen) > 12
    return found


@pytest.mark.slow
def test_every_class_on_a_page_is_styled(shown: dict[str, str]) -> None:
    assert {name: path for name, path in shown.items() if name not in styled() | HOOKS} == {}


def test_every_class_that_a_template_names_is_styled() -> None:
    named = set()
    for place in SOURCES.glob("pages/templates/*.html"):
        plain = re.sub(r"\{\{.*?\}\}", "*", re.sub(r"\{%.*?%\}", " ", place.read_text(encoding="utf-8")))
        named |= {each for each in " ".join(CLASS.findall(plain)).split() if "*" not in each}
    assert len(named) > 50
    assert named - styled() - HOOKS == set()


def test_every_style_marks_something(shown: dict[str, str]) -> None:
    words = set(re.findall(r"[A-Za-z][\w-]*", written()))
    of_windows = {PARTLY, *(each.value for each in WindowState)}
    states = {state_class(each) for each in {*_MARKS} | of_windows}
    spaced = {each.replace(" ", "-") for each in _MARKS}
    assert styled() - words - states - spaced - shown.keys() == set()
