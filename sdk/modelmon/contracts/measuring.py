"""How often each rule of a contract is broken in a table of rows, and in which rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelmon.contracts.contract import ColumnRules, Rule
from modelmon.stats.categories import unlisted
from modelmon.stats.frames import Column
from modelmon.stats.repeats import most_frequent, repeated, row_codes
from modelmon.stats.values import as_number, is_gap, spelled, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Mask = NDArray[np.bool_]


def _nowhere() -> Iterator[int]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Measured:
    """So many rows break a rule; `places` tells which, when it is asked, the first ones first."""

    hits: int
    places: Callable[[], Iterator[int]] = field(default=_nowhere, repr=False, compare=False)

    def first(self, many: int) -> tuple[int, ...]:
        return tuple(islice(self.places(), many))


def measure_column(column: Column, rules: ColumnRules) -> dict[Rule, Measured]:
    """Of each rule of a column how many rows break it. `column` is one of an Arrow table."""
    return {rule: _MEASURES[rule](column, rules) for rule in rules.rules()}


def measure_duplicates(columns: Mapping[str, Column], rows: int) -> Measured:
    """Rows that are like one before them in all of these columns; none without columns."""
    if not columns:
        return Measured(0)
    return _of(repeated(row_codes(list(columns.values()), rows)))


def _present(column: Column, rules: ColumnRules) -> Measured:
    missing = column.missing
    return Measured(missing if missing == len(column) else 0)


def _missing(column: Column, rules: ColumnRules) -> Measured:
    return Measured(column.missing, lambda: _where(column, is_gap))


def _mistyped(column: Column, rules: ColumnRules) -> Measured:
    if rules.type == "text":
        return _no_text(column, rules.values or ())
    numbers, invalid = column.numbers
    if rules.type == "boolean":
        wrong = int(np.count_nonzero(~np.isnan(numbers) & (numbers != 0) & (numbers != 1)))
        return Measured(invalid + wrong, lambda: _where(column, _is_no_boolean))
    return Measured(invalid, lambda: _where(column, _is_no_number))


def _no_text(column: Column, values: Sequence[str]) -> Measured:
    """A column of another type: within one of texts a number is a text that spells it."""
    may_be_numbers = any(value is not None for value in values_of(values))
    if column.kind == "categorical" or (may_be_numbers and column.kind in ("numeric", "boolean")):
        return Measured(0)
    return Measured(len(column) - column.missing, lambda: _where(column, lambda value: not is_gap(value)))


def _outside(column: Column, rules: ColumnRules) -> Measured:
    assert rules.range is not None
    low, high = rules.range
    numbers, _ = column.numbers
    out = np.zeros(numbers.size, dtype=bool)
    if low is not None:
        out |= numbers < low  # NaN is on no side
    if high is not None:
        out |= numbers > high
    return _of(out)


def _unseen(column: Column, rules: ColumnRules) -> Measured:
    assert rules.values is not None
    counts, _ = column.categories
    strange = frozenset(unlisted(counts, rules.values))
    hits = sum(counts[name] for name in strange)
    return Measured(
        hits, lambda: _where(column, lambda value: not is_gap(value) and spelled(value) in strange)
    )


def _commonest(column: Column, rules: ColumnRules) -> Measured:
    codes = column.codes
    hits, place = most_frequent(codes)
    if column.missing and hits and is_gap(next(islice(_values(column), place, None))):
        there = np.flatnonzero(codes != codes[place])  # what is missing has a rule of its own
        hits, among = most_frequent(codes[there])
        place = int(there[among]) if hits else -1
    return Measured(hits, lambda: _places(codes == codes[place]) if hits else _nowhere())


def _repeated_values(column: Column, rules: ColumnRules) -> Measured:
    gaps = _gaps(column)
    codes = column.codes
    again = np.zeros(codes.size, dtype=bool)
    present = np.flatnonzero(~gaps)
    again[present] = repeated(codes[present])
    return _of(again)


_MEASURES: Mapping[Rule, Callable[[Column, ColumnRules], Measured]] = {
    Rule.PRESENT: _present,
    Rule.TYPE: _mistyped,
    Rule.MISSING: _missing,
    Rule.OUTSIDE: _outside,
    Rule.UNSEEN: _unseen,
    Rule.MOST_FREQUENT: _commonest,
    Rule.UNIQUE: _repeated_values,
}


def _gaps(column: Column) -> Mask:
    if not column.missing:
        return np.zeros(len(column), dtype=bool)
    return np.array([is_gap(value) for value in _values(column)], dtype=bool)


def _of(mask: Mask) -> Measured:
    return Measured(int(np.count_nonzero(mask)), lambda: _places(mask))


def _places(mask: Mask) -> Iterator[int]:
    return iter(np.flatnonzero(mask).tolist())


def _where(column: Column, wrong: Callable[[Any], bool]) -> Iterator[int]:
    return (place for place, value in enumerate(_values(column)) if wrong(value))


def _values(column: Column) -> Iterator[Any]:
    """Each value as Python has it; a column that is not there has none."""
    if isinstance(column.data, range):
        return iter([None] * len(column))
    return (scalar.as_py() for scalar in column.data)


def _is_no_number(value: Any) -> bool:
    return not is_gap(value) and as_number(value) is None


def _is_no_boolean(value: Any) -> bool:
    return not is_gap(value) and as_number(value) not in (0.0, 1.0)
