"""The kinds of value that a contract has: each is read, or what is wrong with it is told."""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from typing import Any

from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, did_you_mean, error
from modelmon.checked_yaml.kinds import one_of, repeated
from modelmon.contracts.contract import Importance, Rule
from modelmon.stats.values import spelled

_PERCENT = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*%")
MOST_LISTED = 10_000


def share(node: Node, found: list[Finding]) -> float | None:
    """A share of rows: `1.5 %`, or a number from 0 to 1."""
    value = node.data
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    number = float(match[1]) / 100 if match else value
    if isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number <= 1:
        return float(f"{number:.15g}")
    is_number = isinstance(number, int | float) and not isinstance(number, bool) and 1 < number <= 100
    mend = (
        f"write {number:g} % if it is meant in per cent"
        if is_number and not match
        else "write for example 1.5 %"
    )
    found.append(error(node, "is no share of the rows, which is 0 to 100 %", mend))
    return None


def flag(node: Node, found: list[Finding]) -> bool | None:
    """True or false."""
    if isinstance(node.data, bool):
        return node.data
    found.append(error(node, "must be true or false", "write true or false, without quotes"))
    return None


def limits(node: Node, found: list[Finding]) -> tuple[float | None, float | None] | None:
    """Two numbers, the least and the greatest; null or an infinity in place of one is no limit."""
    if not node.items or len(node.items) != 2:
        found.append(error(node, "must be the least and the greatest value", "write for example [0, 120]"))
        return None
    if not all(_is_limit(item.data) for item in node.items):
        wrong = next(item for item in node.items if not _is_limit(item.data))
        found.append(error(wrong, "is no number", "write a number, or null for no limit"))
        return None
    low, high = (
        None if item.data is None or math.isinf(item.data) else float(item.data) for item in node.items
    )
    if low is not None and high is not None and low > high:
        found.append(error(node, f"has its least value {low:g} above {high:g}", f"write [{high:g}, {low:g}]"))
        return None
    return low, high


def texts(node: Node, found: list[Finding]) -> tuple[str, ...] | None:
    """A list of categories, each as it is spelled."""
    if not node.items:
        found.append(error(node, "must be a list of values", "write for example [Rome, Oslo]"))
        return None
    if len(node.items) > MOST_LISTED:
        found.append(
            error(node, f"lists {len(node.items):,} values", f"list at most {MOST_LISTED:,}, or none")
        )
        return None
    names = [_category(item, found) for item in node.items]
    known = [name for name in names if name is not None]
    twice = next((name for name, times in Counter(known).items() if times > 1), None)
    if twice is not None:
        found.append(error(node, f"lists {twice!r} twice", "list each value once"))
    return tuple(dict.fromkeys(known))


def importances(node: Node, found: list[Finding]) -> dict[Rule, Importance]:
    """Rules, and how much each matters."""
    if not isinstance(node.data, dict):
        found.append(error(node, "must be `rule: importance` lines", "write for example missing: warning"))
        return {}
    read: dict[Rule, Importance] = {}
    repeated(node, found)
    for name, entry in node.entries.items():
        if name not in set(Rule):
            mend = did_you_mean(name, list(Rule), f"there are {', '.join(Rule)}")
            found.append(error(entry, "is no rule", mend))
        elif level := one_of(entry, list(Importance), found):
            read[Rule(name)] = Importance(level)
    return read


def _is_limit(value: Any) -> bool:
    if value is None:
        return True
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (abs(value) <= sys.float_info.max or value in (math.inf, -math.inf))


def _category(item: Node, found: list[Finding]) -> str | None:
    if isinstance(item.data, str):
        return spelled(item.data)
    if isinstance(item.data, int | float) and not isinstance(item.data, bool):
        return spelled(item.data)
    said = {True: "true", False: "false"}.get(item.data) if isinstance(item.data, bool) else None
    read = f"is read as {said} by YAML" if said else "is no text and no number"
    found.append(error(item, read, "write it in quotes, 'like this'"))
    return None
