"""Whose a function on Nuclio is, from nuctl's answer: names in a namespace are shared by all its projects."""

from __future__ import annotations

import json
from typing import Any

PROJECT_LABEL = "nuclio.io/project-name"
NOT_THERE = ("not found", "no functions found")  # in what nuctl says


def is_not_there(said: str) -> bool:
    """Whether nuctl says that there is no such function."""
    return any(each in said.lower() for each in NOT_THERE)


def project_in(answer: str) -> str | None:
    """Nuclio's project of the function in what `nuctl get function NAME --output json` prints, log lines
    before it allowed; None when it can't be read.

    >>> project_in('{"metadata": {"labels": {"nuclio.io/project-name": "flights"}}}')
    'flights'
    """
    for start, line in _lines(answer):
        if line.startswith(("{", "[")):
            try:
                found, _ = json.JSONDecoder().raw_decode(answer[start:])
            except (ValueError, RecursionError):
                continue
            return _label(found[0] if isinstance(found, list) and found else found)
    return None


def _lines(text: str) -> list[tuple[int, str]]:
    found, start = [], 0
    for line in text.splitlines(keepends=True):
        found.append((start, line))
        start += len(line)
    return found


def _label(function: Any) -> str | None:
    value = function
    for key in ("metadata", "labels", PROJECT_LABEL):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None
