"""What a page loads is small, complete and ours."""

from __future__ import annotations

import re

import pytest

from modelmon.pages.assets import assets

MODULES = {name: body.decode() for name, body in assets().items() if name.endswith(".js")}


def test_the_style_sheet_and_the_modules_are_small() -> None:
    assert 0 < len(assets()["modelmon.css"]) <= 20_000
    assert 0 < sum(len(body) for body in MODULES.values()) <= 25_000


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_what_is_there(name: str) -> None:
    imported = re.findall(r'from "\./([^"]+)"', MODULES[name])
    assert set(imported) <= set(MODULES)
    assert len(imported) == len(re.findall(r"^import ", MODULES[name], re.MULTILINE))


@pytest.mark.parametrize("name", assets())
def test_nothing_is_loaded_from_elsewhere(name: str) -> None:
    body = assets()[name].decode().replace("http://www.w3.org/2000/svg", "")
    assert re.search(r"https?:|url\(|@import|eval\(|innerHTML", body) is None


def test_every_data_attribute_that_a_module_reads_is_described() -> None:
    words = MODULES["modelmon.js"].partition("*/")[0]
    read = {each for body in MODULES.values() for each in re.findall(r"\[(data-[a-z-]+)", body)}
    own = {"data-filter-field"}
    assert read - own <= set(re.findall(r"data-[a-z-]+", words))
