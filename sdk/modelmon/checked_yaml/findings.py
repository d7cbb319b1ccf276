"""What a check has found: where, what is wrong with which value, and the mend."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from modelmon.checked_yaml.document import Node
from modelmon.errors import ConfigError
from modelmon.secrecy import looks_secret, may_hold_credential, yaml_mistake

ERROR: Literal["error"] = "error"
WARNING: Literal["warning"] = "warning"
LONGEST_SHOWN = 80
PRIVATE = re.compile(r"(^|\.)env\w*(\[|\.|$)|sasl", re.IGNORECASE)
"""Places below which any value may be a password, under a misspelt key too."""
VARIABLE_NAME = re.compile(r"spec\.env\[\d+\]\.name")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. An error keeps the file from doing what it says; a warning may be meant so."""

    line: int
    key: str
    value: str
    problem: str
    mend: str
    level: Literal["error", "warning"] = ERROR
    file: str = ""

    def __str__(self) -> str:
        key = f"{self.key}:" if self.key else "the file" if not self.value else "the file:"
        said = " ".join(filter(None, (key, self.value, self.problem)))
        where = f"{self.file}:{self.line}" if self.file else f"line {self.line}"
        return f"{where}: {self.level}: {said}; {self.mend}"


def error(node: Node, problem: str, mend: str) -> Finding:
    """An error at this place of the document; its value is shown, unless it may be a secret."""
    return Finding(node.line, node.key, shown(node), problem, mend)


def warning(node: Node, problem: str, mend: str) -> Finding:
    """As `error`, for what may be meant so."""
    return Finding(node.line, node.key, shown(node), problem, mend, WARNING)


def missing(
    node: Node, name: str, problem: str, mend: str, level: Literal["error", "warning"] = ERROR
) -> Finding:
    """A key that `node` should have and has not."""
    return Finding(node.line, f"{node.key}.{name}".lstrip("."), "", problem, mend, level)


def shown(node: Node) -> str:
    """A value as a message shows it: cut, and nothing for what holds others or may be a secret."""
    if node.data is None or isinstance(node.data, dict | list) or _is_private(node):
        return ""
    text = repr(node.data)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """The mend for a name that is not known.

    >>> did_you_mean("numWorker", ["numWorkers", "kind"], "leave it out")
    'did you mean numWorkers?'
    """
    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.7)
    return f"did you mean {by_lower[close[0]]}?" if close else otherwise


def not_yaml(problem: Exception) -> Finding:
    """What of a text that is no YAML is known."""
    mark = getattr(problem, "problem_mark", None)
    mend = "look at the line before too: a bracket, a quote or a ':' may be missing"
    if "\\t" in str(getattr(problem, "problem", "")):
        mend = "indent by blanks: YAML takes no tab"
    return Finding(mark.line + 1 if mark else 1, "", "", f"is no YAML: {yaml_mistake(problem)}", mend)


def refuse_errors(findings: Iterable[Finding]) -> None:
    """ConfigError that lists the errors among the findings, if there is one."""
    errors = [str(finding) for finding in findings if finding.level == ERROR]
    if errors:
        raise ConfigError("\n".join(errors))


def _is_private(node: Node) -> bool:
    if VARIABLE_NAME.fullmatch(node.key):
        return False
    value = str(node.data)
    return (
        PRIVATE.search(node.key) is not None
        or looks_secret(node.key)
        or ("://" in value and may_hold_credential(value))
    )
