"""Rows of values to named columns: one side (inputs or outputs) of one endpoint's events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from modelmon.stages.stream.names import row_names

Row = Sequence[Any]
Names = tuple[str, ...] | None


@dataclass(slots=True)
class Placed:
    """Columns of one length by name, in order. `missing`: registered or own names that some row lacks."""

    columns: dict[str, Sequence[Any]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)


def place(rows: Sequence[Row], own: Sequence[Names], registered: Sequence[str], kind: str) -> Placed:
    """Put each row's values under their names; every registered name gets a column, of nulls if need be.

    `own` has each row's own names, None where it brings none. A shorter row has nulls at its end; an empty
    one is padding and misses nothing.
    """
    variants = dict.fromkeys(own)
    if len(variants) == 1:
        return _place_alike(rows, own[0], registered, kind)
    placed = Placed(dict.fromkeys(registered, ()))
    base = tuple(registered)
    parts: list[tuple[list[int], Placed]] = []
    for variant in variants:
        places = [number for number, names in enumerate(own) if names == variant]
        part = _place_alike([rows[number] for number in places], variant, base, kind)
        base = base or tuple(part.columns)  # the first to come names those without names
        parts.append((places, part))
    return _merged(placed, parts, len(rows))


def _place_alike(rows: Sequence[Row], own: Names, registered: Sequence[str], kind: str) -> Placed:
    widths = set(map(len, rows))
    names = row_names(registered, own, max(widths), kind)
    columns: dict[str, Sequence[Any]] = dict.fromkeys(registered, (None,) * len(rows))
    values = zip(*rows, strict=True) if len(widths) == 1 else zip_longest(*rows)
    columns.update(dict.fromkeys(names, (None,) * len(rows)))
    columns.update(zip(names, values, strict=False))
    expected = {*registered, *(own or ())}
    missing = {name for width in widths if width for name in names[width:]} & expected
    if widths != {0}:
        missing.update(set(registered).difference(names))
    return Placed(columns, missing)


def _merged(placed: Placed, parts: Sequence[tuple[list[int], Placed]], length: int) -> Placed:
    columns: dict[str, list[Any]] = {}
    for name in (*placed.columns, *(name for _, part in parts for name in part.columns)):
        columns.setdefault(name, [None] * length)
    for places, part in parts:
        placed.missing |= part.missing
        for name, values in part.columns.items():
            column = columns[name]
            for number, value in zip(places, values, strict=True):
                column[number] = value
    placed.columns = dict(columns)
    return placed
