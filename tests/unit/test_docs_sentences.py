"""Pages for people are made of short sentences, and of words that mean one thing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
MOST_WORDS = 21
NOT_PROSE = {
    "api.md": "made of docstrings, which are read beside the code",
    "commands.md": "made of the commands' own help",
}
PAGES = [
    page
    for folder in ("tutorials", "how-to", "reference", "explanation")
    for page in sorted((DOCS / folder).glob("*.md"))
    if page.name not in NOT_PROSE
]


def paragraphs(page: str) -> Iterator[str]:
    """What is read as prose: no code, no tables, no headings; each item of a list for itself."""
    prose = re.sub(r"^( *)(```|~~~).*?^\1\2$", "", page, flags=re.MULTILINE | re.DOTALL)
    for paragraph in re.split(r"\n\s*\n|\n(?= *(?:[-*]|\d+\.) )|\n(?=\||#)", prose):
        if paragraph.strip() and not paragraph.lstrip().startswith(("|", "#", "<!--")):
            yield re.sub(r"^ *(?:[-*]|\d+\.) ", "", paragraph)


def sentences(page: str) -> Iterator[str]:
    for paragraph in paragraphs(page):
        plain = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", paragraph)  # a link is its words
        plain = re.sub(r"`[^`]+`", "code", plain)
        yield from re.split(r"(?<=[.:?!;])[)*\"”]*\s+", " ".join(plain.split()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_sentence_is_longer_than_a_breath(page: Path) -> None:
    found = list(sentences(page.read_text(encoding="utf-8")))
    assert [each for each in found if len(each.split()) > MOST_WORDS] == []


def test_a_long_sentence_is_found_wherever_it_stands() -> None:
    long = " ".join(["word"] * 29)
    page = f"# {long}\n\nShort. {long}.\n\n- {long}\n\n| {long} |\n\n```sh\n{long}\n```\n"
    assert sum(len(each.split()) == 29 for each in sentences(page)) == 2


def test_each_page_that_is_left_out_is_there_and_says_why() -> None:
    for name, why in NOT_PROSE.items():
        assert list(DOCS.rglob(name)), name
        assert why


@pytest.mark.parametrize("page", ["decisions.md", "dependencies.md"])
def test_a_decision_has_a_short_title_with_its_date(page: str) -> None:
    titles = re.findall(r"^## (.*)", (DOCS / "explanation" / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(titles) > 15
    for title in titles:
        words, _, day = title.rpartition(" (")
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}\)", day), title
        assert len(words.split()) <= 8, title
