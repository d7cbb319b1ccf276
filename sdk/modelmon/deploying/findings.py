"""What a check has found: where, what is wrong with which value, and the mend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from modelmon.deploying.document import Node

ERROR: Literal["error"] = "error"
WARNING: Literal["warning"] = "warning"
LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. An error keeps Nuclio from doing what the file says; a warning may be meant so."""

    line: int
    key: str
    value: str
    problem: str
    mend: str
    level: Literal["error", "warning"] = ERROR
    file: str = ""

    def __str__(self) -> str:
        shown = f" {self.value}" if self.value else ""
        return f"{self.file}:{self.line}: {self.level}: {self.key}:{shown} {self.problem}; {self.mend}"


def error(node: Node, problem: str, mend: str) -> Finding:
    """An error at this place of the document; its value is shown."""
    return Finding(node.line, node.key, shown(node.data), problem, mend)


def warning(node: Node, problem: str, mend: str) -> Finding:
    """As `error`, for what may be meant so."""
    return Finding(node.line, node.key, shown(node.data), problem, mend, WARNING)


def missing(
    node: Node, name: str, problem: str, mend: str, level: Literal["error", "warning"] = ERROR
) -> Finding:
    """A key that `node` should have and has not."""
    return Finding(node.line, f"{node.key}.{name}".lstrip("."), "", problem, mend, level)


def shown(value: Any) -> str:
    """A value as a message shows it: cut, and nothing for what holds others."""
    if value is None or isinstance(value, dict | list):
        return ""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """The mend for a name that is not known.

    >>> did_you_mean("numWorker", ["numWorkers", "kind"], "leave it out")
    'did you mean numWorkers?'
    """
    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.7)
    return f"did you mean {by_lower[close[0]]}?" if close else otherwise
