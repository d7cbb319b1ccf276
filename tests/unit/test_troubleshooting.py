"""The messages that the page of troubles names are messages of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/troubleshoot.md").read_text(encoding="utf-8")
CELLS = re.findall(r"^\| `([^`]+)`[^|]*\|", PAGE, re.MULTILINE)
MESSAGES = [cell for cell in CELLS if " " in cell]


def written(node: ast.AST) -> Iterator[str]:
    """Each text of the code, with `…` for what is filled in."""
    for each in ast.walk(node):
        if isinstance(each, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in each.values)
            yield "".join(map(str, parts))
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield re.sub(r"%[-+.\d]*[sdgfr]", "…", each.value)


@cache
def texts() -> str:
    files = sorted((ROOT / "sdk" / "modelmon").rglob("*.py"))
    return "\n".join(text for file in files for text in written(ast.parse(file.read_text(encoding="utf-8"))))


@pytest.mark.slow
@pytest.mark.parametrize("message", MESSAGES)
def test_the_code_says_this(message: str) -> None:
    pattern = ".*".join(map(re.escape, re.split(r"…|`", message)))
    assert re.search(pattern, texts()), message


def test_there_are_messages_to_look_for() -> None:
    assert len(MESSAGES) > 25
