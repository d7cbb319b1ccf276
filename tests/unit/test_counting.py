"""What people read says a number of things right whatever the number: 1 window, not 1 windows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import modelmon

PACKAGE = Path(modelmon.__file__).parent
THINGS = (
    "actual alarm app cell column day endpoint error event feature file hour incident line message minute "
    "model request rule run row stretche value version warning week window"
)
PLURALS = "|".join(f"{each}s" for each in THINGS.split())
TEMPLATES = sorted((PACKAGE / "pages/templates").glob("*.html"))
TOLD = sorted([*(PACKAGE / "cli").glob("*.py"), *PACKAGE.rglob("*_words.py"), *PACKAGE.rglob("words.py")])
BY_HAND = re.compile(rf"\| (?:number|length) \}}\}}(?: more)? (?:{PLURALS})\b(?!/min)")


def counted_by_hand(source: str) -> Iterator[str]:
    """A number in front of a plural. One of several ("1 of 3 rows") and a limit, in capitals, are no 1."""
    for node in ast.walk(ast.parse(source)):
        parts = [ast.Constant(""), *(node.values if isinstance(node, ast.JoinedStr) else ())]
        for (before, number), (_, text) in pairwise(pairwise(parts)):
            if isinstance(number, ast.FormattedValue) and isinstance(text, ast.Constant):
                named, is_part = ast.unparse(number.value), str(getattr(before, "value", "")).endswith("of ")
                if re.match(f" ({PLURALS})\\b", str(text.value)) and not is_part and not named.isupper():
                    yield named + str(text.value)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_pages_count_by_the_filter(path: Path) -> None:
    assert not BY_HAND.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TOLD, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_told_counts_by_the_one_helper(path: Path) -> None:
    assert not list(counted_by_hand(path.read_text(encoding="utf-8")))


def test_a_plural_by_hand_would_be_found() -> None:
    assert list(counted_by_hand('f"there: {len(x)} rows"')) == ["len(x) rows"]
    assert not list(counted_by_hand('f"{hits} of {len(x)} rows, {MOST} rows"'))
    assert BY_HAND.search("{{ x | number }} more rows")
