"""The kinds of value that a drift file has: each is read, or what is wrong with it is told."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from difflib import get_close_matches
from typing import TypeVar

from modelmon.alarm_budget import ALLOWED, AlarmBudget, read_budget
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, error
from modelmon.checked_yaml.kinds import is_mapping, repeated
from modelmon.drift_choices.choices import Floor, OwnFloor
from modelmon.errors import ConfigError

T = TypeVar("T")
MOST_COLUMNS = 10_000
MOST_SIGMA = 2.0
MOST_WEIGHT = 1_000.0
MOST_SEGMENT_COLUMNS = 5
SIGMA = "sigma"
_AMOUNT = re.compile(r"([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(\S.*)?")
_FLOOR = "write sigma, like 0.2, or an amount with the feature's own unit, like 1.5 °C"


def budget(node: Node, found: list[Finding]) -> AlarmBudget | None:
    """An alarm budget, in words or as a probability."""
    try:
        return read_budget(node.data)
    except ConfigError:
        found.append(error(node, "is no alarm budget", ALLOWED))
        return None


def floor(node: Node, found: list[Finding]) -> float | None:
    """The floor of all features, in sigma."""
    number = _number(node.data)
    if number is not None and 0 <= number < MOST_SIGMA:
        return number
    found.append(error(node, "must be a number of sigma from 0 up to 2", "write for example 0.2"))
    return None


def floors(node: Node, found: list[Finding]) -> dict[str, Floor] | None:
    """Floors of single features."""
    return _each(node, _floor, found)


def _floor(node: Node, found: list[Finding]) -> Floor | None:
    """Sigma, or an amount in the feature's own unit.

    >>> found = []
    >>> [_floor(Node(value, 1, "x"), found) for value in (0.2, "0.2 sigma", "1.5 °C")], found
    ([0.2, 0.2, OwnFloor(amount=1.5, unit='°C')], [])
    """
    match = _AMOUNT.fullmatch(node.data.strip()) if isinstance(node.data, str) else None
    unit = (match[2] or SIGMA).strip() if match else SIGMA
    number = _number(float(match[1]) if match else node.data)
    if number is None:
        found.append(error(node, "is no floor", _FLOOR))
    elif unit == SIGMA and number < MOST_SIGMA:
        return number
    elif unit == SIGMA:
        mend = f"ignore the feature, or write the amount with its unit, like {number:g} km"
        found.append(error(node, "must be a number of sigma from 0 up to 2", mend))
    elif unit == "%":
        found.append(error(node, "is a share, and a floor is a move of the values", _FLOOR))
    elif get_close_matches(unit.lower(), (SIGMA, "stddev"), cutoff=0.7):
        found.append(error(node, "has a unit that reads like sigma", f"write {number:g} for sigma"))
    else:
        return OwnFloor(number, unit)
    return None


def weights(node: Node, found: list[Finding]) -> dict[str, float] | None:
    """Weights of features."""
    return _each(node, _weight, found)


def _weight(node: Node, found: list[Finding]) -> float | None:
    number = _number(node.data)
    if number is not None and number <= MOST_WEIGHT:
        return number
    mend = f"write a number from 0 to {MOST_WEIGHT:,.0f}; 1 is that of a feature that is not named"
    found.append(error(node, "is no weight", mend))
    return None


def columns(node: Node, found: list[Finding]) -> tuple[str, ...] | None:
    """A list of columns."""
    if not isinstance(node.data, list):
        found.append(error(node, "must be a list of columns", "write for example [age, city]"))
        return None
    found += [
        error(item, "is not read as a text by YAML", "write it in quotes, 'like this'")
        for item in node.items
        if not isinstance(item.data, str) or not item.data
    ]
    names = [item.data for item in node.items if isinstance(item.data, str)]
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        found.append(error(node, f"lists {twice!r} twice", "list each column once"))
    if len(names) > MOST_COLUMNS:
        found.append(error(node, f"lists {len(names):,} columns", f"list at most {MOST_COLUMNS:,}"))
    return tuple(dict.fromkeys(names))


def segments(node: Node, found: list[Finding]) -> tuple[str, ...] | None:
    """The columns whose values are judged apart."""
    names = columns(node, found)
    if names is not None and len(names) > MOST_SEGMENT_COLUMNS:
        mend = f"list at most {MOST_SEGMENT_COLUMNS}: all of them share one budget"
        found.append(error(node, f"lists {len(names):,} columns", mend))
    return names


def whole_number(node: Node, most: int, found: list[Finding]) -> int | None:
    """A whole number from 1 to `most`."""
    value = node.data
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return value
    found.append(error(node, f"must be a whole number from 1 to {most:,}", "write for example 10"))
    return None


def _each(
    node: Node, read: Callable[[Node, list[Finding]], T | None], found: list[Finding]
) -> dict[str, T] | None:
    if not is_mapping(node, found):
        return None
    repeated(node, found)
    made = {name: read(entry, found) for name, entry in node.entries.items()}
    return {name: value for name, value in made.items() if value is not None}


def _number(value: object) -> float | None:
    """A finite number of at least 0."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
