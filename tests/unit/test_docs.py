"""Documentation states facts: every setting, command and scheme is named, README's commands exist."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelmon.streams import BACKENDS

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_stream_scheme_is_documented() -> None:
    for scheme in BACKENDS:
        assert f"{scheme}://" in text("docs/reference/streams.md")


def test_every_make_target_that_the_documents_name_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]:
        for target in re.findall(r"`make ([a-z]+)`", page.read_text(encoding="utf-8")):
            assert target in targets, f"{page.name} names make {target}"


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS], ids=lambda page: page.name
)
def test_every_table_has_a_head(page: Path) -> None:
    """A blank line in a table cuts it in two; the second half is shown as text."""
    shown = re.sub(r"^( *)```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^ *\|.*\n?)+", shown, re.MULTILINE):
        second = "".join(table.splitlines()[1:2])
        assert re.fullmatch(r" *\|[-:| ]+\|", second), table[:200]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS], ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_first_page_leads_to_every_page() -> None:
    named = set(re.findall(r"\]\(([\w/-]+\.md)\)", text("docs/index.md")))
    pages = {str(page.relative_to(ROOT / "docs")) for page in DOCS} - {"index.md"}
    assert pages - named == set()


def test_the_picture_of_the_page_is_as_wide_as_a_screen_and_light_to_load() -> None:
    picture = (ROOT / "docs" / "explanation" / "dashboard.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") == 1280
    assert len(picture) < 150_000


@pytest.mark.slow
def test_the_pages_are_built_without_a_warning(tmp_path: Path) -> None:
    built = [
        sys.executable,
        "-m",
        "sphinx",
        "--quiet",
        "--fail-on-warning",
        "--keep-going",
        "docs",
        str(tmp_path),
    ]
    done = subprocess.run(built, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for page in DOCS:
        assert (tmp_path / page.relative_to(ROOT / "docs").with_suffix(".html")).exists(), page


def reference_pages() -> Any:
    found = importlib.util.spec_from_file_location("reference_pages", ROOT / "docs" / "reference_pages.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_pages_that_the_code_writes_are_as_the_code_is() -> None:
    for page, write in reference_pages().PAGES.items():
        written = write().rstrip() + "\n"
        assert text(f"docs/reference/{page}") == written, "run `make reference` and look at what changed"


ARCHITECTURE = text("docs/explanation/architecture.md")
PACKAGE = ROOT / "sdk" / "modelmon"


def place(named: str) -> Path:
    """The file or folder that the page names."""
    return (ROOT if named.startswith(("functions/", "tests/", "sdk/")) else PACKAGE) / named


def test_every_path_that_the_architecture_names_is_there() -> None:
    named = re.findall(r"`([\w/]+(?:/|\.py))`", ARCHITECTURE)
    assert len(named) > 40
    assert [each for each in named if not place(each).exists()] == []


def test_every_step_of_a_walk_stands_in_the_file_that_is_named_for_it() -> None:
    steps = re.findall(r"`([\w/]+\.py)` \(`(\w+)`\)", ARCHITECTURE)
    steps += [
        ("stages/stream/exactly_once.py", name) for name in re.findall(r"^\d\. `(\w+)`", ARCHITECTURE, re.M)
    ]
    assert len(steps) > 30
    for path, name in steps:
        found = re.search(
            rf"^(?:async )?(?:def|class) {name}\b", place(path).read_text(encoding="utf-8"), re.M
        )
        assert found, f"{name} is not in {path}"


def test_each_state_of_an_incident_and_each_word_of_a_status_is_in_the_glossary() -> None:
    from modelmon.incidents import IncidentState

    defined = re.findall(r"^\| ([^|]+) \|", text("docs/explanation/concepts.md"), re.MULTILINE)
    assert {state.value for state in IncidentState} <= set(defined)
    assert {"watermark", "dead letter", "prediction", "actual", "outbox", "view", "verdict"} <= set(defined)


def test_the_code_names_pages_by_their_titles_and_each_is_there() -> None:
    # Who has installed ModelMon has no docs folder: a title is found on the site and in a checkout.
    titles = {page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for page in DOCS}
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "functions").rglob("*.py"), *(ROOT / "functions").rglob("*.md")]
    said = [(file.name, " ".join(file.read_text(encoding="utf-8").split())) for file in sorted(files)]
    assert [name for name, code in said if re.search(r"docs/[\w/-]+\.md", code)] == []
    ends = [
        code[: found.start()] for _, code in said for found in re.finditer(r"' in (?:\" f?\")?the docs", code)
    ]
    assert len(ends) > 25
    for before in ends:
        assert any(before.endswith(f"'{title}") for title in titles), before[-60:]


@pytest.mark.parametrize("page", ["reference/settings.md", "how-to/secrets-under-nuclio.md"])
def test_every_setting_that_may_be_secret_is_told_where_secrets_are(page: str) -> None:
    from modelmon.settings import secret_settings

    prose = re.sub(r"^\|.*\n", "", text(f"docs/{page}"), flags=re.MULTILINE)  # not a table of all settings
    assert {name for name in secret_settings() if f"`{name}`" not in prose} == set()
