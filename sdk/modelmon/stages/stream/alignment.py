"""Rows of values to named columns: one side (inputs or outputs) of one endpoint's events.

Each position of a row has a name: a registered one, the event's own, or a generated one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np

from modelmon.wire.event_columns import Floats
from modelmon.wire.naming import as_registered
from modelmon.wire.rows import Names

Row = Sequence[Any]
Column = Sequence[Any] | Floats
GENERATED = {"feature": "f", "prediction": "p"}


@dataclass(slots=True)
class Placed:
    """Columns of one length by name, in order; None in place of one that no row has a value of.

    `missing`: registered or own names that some row lacks.
    """

    columns: dict[str, Column | None] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)


def place(rows: Sequence[Row], own: Sequence[Names], registered: Sequence[str], kind: str) -> Placed:
    """Put each row's values under their names; every registered name gets a column.

    `own` has each row's own names, None where it brings none; one entry stands for all rows. A shorter row
    has nulls at its end; an empty one is padding and misses nothing.
    """
    variants = _variants(rows, own, registered, kind)
    if len(variants) == 1:
        return _place_alike(rows, own[0], registered, kind)
    placed = Placed(dict.fromkeys(registered))
    base = tuple(registered)
    parts: list[tuple[list[int], Placed]] = []
    for (names, _), places in variants.items():
        part = _place_alike([rows[number] for number in places], names, base, kind)
        base = base or tuple(part.columns)  # the first to come names those without names
        parts.append((places, part))
    return _merged(placed, parts, len(rows))


def _variants(
    rows: Sequence[Row], own: Sequence[Names], registered: Sequence[str], kind: str
) -> dict[tuple[Names, bool], list[int]]:
    """Rows by what decides their names: their own, or whether they are too wide to be predictions."""
    widest = max(map(len, rows))
    if len(own) == 1 and not is_no_prediction(own[0] or registered, widest, kind):
        return {(own[0], False): []}
    found: dict[tuple[Names, bool], list[int]] = {}
    for number, row in enumerate(rows):
        names = own[number] if len(own) > 1 else own[0]
        is_other = is_no_prediction(names or registered, len(row), kind)
        found.setdefault((names, is_other), []).append(number)
    return found


def _place_alike(rows: Sequence[Row], own: Names, registered: Sequence[str], kind: str) -> Placed:
    widths = set(map(len, rows))
    values = zip(*rows, strict=True) if len(widths) == 1 else zip_longest(*rows)
    return _named(values, widths, own, registered, kind)


def place_array(rows: Floats, own: Names, registered: Sequence[str], kind: str) -> Placed:
    """The same for one array of all rows, which have the same own names."""
    return _named(np.ascontiguousarray(rows.T), {rows.shape[1]}, own, registered, kind)


def _named(
    values: Iterable[Column], widths: set[int], own: Names, registered: Sequence[str], kind: str
) -> Placed:
    names = row_names(registered, own, max(widths), kind)
    columns: dict[str, Column | None] = dict.fromkeys((*registered, *names))
    columns.update(zip(names, values, strict=False))
    expected = {*registered, *(names if own else ())}
    missing = {name for width in widths if width for name in names[width:]} & expected
    if widths != {0}:
        missing.update(set(registered).difference(names))
    return Placed(columns, missing)


def _merged(placed: Placed, parts: Sequence[tuple[list[int], Placed]], length: int) -> Placed:
    for places, part in parts:
        placed.missing |= part.missing
        for name, values in part.columns.items():
            column = placed.columns.setdefault(name, None)
            if values is None:
                continue
            if column is None:
                column = placed.columns[name] = [None] * length
            for number, value in zip(places, values, strict=True):
                column[number] = value  # a list of ours
    return placed


def row_names(registered: Sequence[str], own: Sequence[str] | None, width: int, kind: str) -> tuple[str, ...]:
    """The names of a row's `width` or more positions.

    The event's own names place its values, in any order; one that differs from a registered one in case and
    separators alone is that one, any other is a column of its own. Without own names the registered ones
    hold by position. What is longer than its names gets generated ones; more outputs than there are names
    are something else than predictions (probabilities, say), and all of them get generated names.

    >>> row_names(("a", "b"), ("B", "a"), 2, "feature"), row_names(("a", "b"), None, 3, "feature")
    (('b', 'a'), ('a', 'b', 'f2'))
    >>> row_names(("sepal width",), ("Sepal_Width",), 1, "feature"), row_names(("a",), ("x",), 1, "feature")
    (('sepal width',), ('x',))
    >>> row_names(("y",), None, 1, "prediction"), row_names(("y",), None, 2, "prediction")
    (('y',), ('p0', 'p1'))
    >>> row_names(("y",), ("y",), 2, "prediction"), row_names(("y",), ("y", "z"), 2, "prediction")
    (('p0', 'p1'), ('y', 'z'))
    """
    if is_no_prediction(own or registered, width, kind):
        names = []
    else:
        names = as_registered(registered, own) if own else list(registered)
    taken = {*names, *registered}
    number = len(names)
    while len(names) < width:
        name = f"{GENERATED[kind]}{number}"
        number += 1
        if name not in taken:
            taken.add(name)
            names.append(name)
    return tuple(names)


def is_no_prediction(names: Sequence[str], width: int, kind: str) -> bool:
    """Whether a row of so many outputs is no row of these predictions, its own or the registered ones."""
    if kind != "prediction" or not names or width <= len(names):
        return False
    return any(name != f"{GENERATED[kind]}{number}" for number, name in enumerate(names))
