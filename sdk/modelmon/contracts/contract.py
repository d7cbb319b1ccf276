"""What a contract says: rules for each column and for the rows, and how much each of them matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Rule(StrEnum):
    """What may be asked of a column, or of all rows together."""

    PRESENT = "present"
    NEW_COLUMNS = "new_columns"
    TYPE = "type"
    MISSING = "missing"
    OUTSIDE = "outside"
    UNSEEN = "unseen"
    MOST_FREQUENT = "most_frequent"
    UNIQUE = "unique"
    DUPLICATES = "duplicates"


class Importance(StrEnum):
    """What a broken rule amounts to: it is only shown, suspected at most, or detected."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


TYPES = ("number", "boolean", "text")
DEFAULTS: Mapping[Rule, Importance] = {
    Rule.PRESENT: Importance.CRITICAL,
    Rule.NEW_COLUMNS: Importance.WARNING,
    Rule.TYPE: Importance.CRITICAL,
    Rule.MISSING: Importance.CRITICAL,
    Rule.OUTSIDE: Importance.CRITICAL,
    Rule.UNSEEN: Importance.CRITICAL,
    Rule.MOST_FREQUENT: Importance.WARNING,
    Rule.UNIQUE: Importance.WARNING,
    Rule.DUPLICATES: Importance.WARNING,
}
"""Where a contract does not say how much a rule matters."""


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """Rules for one column; None: there is no such rule. Shares are of all rows of a window, in [0, 1].

    `type` is one of TYPES, of which at most `mistyped` of the rows may be another. At most `missing` have no
    value, `outside` lie beyond `range` (None: no limit on that side), `unseen` are not among `values`, and
    `most_frequent` share one value. `unique`: no value comes twice. `present`: it has a value somewhere.
    """

    type: str | None = None
    mistyped: float = 0.0
    present: bool = True
    missing: float | None = None
    range: tuple[float | None, float | None] | None = None
    outside: float = 0.0
    values: tuple[str, ...] | None = None
    unseen: float = 0.0
    most_frequent: float | None = None
    unique: bool = False
    importance: Mapping[Rule, Importance] = field(default_factory=dict)

    def rules(self) -> Iterator[Rule]:
        """Those that there are."""
        asked = {
            Rule.PRESENT: self.present,
            Rule.TYPE: self.type is not None,
            Rule.MISSING: self.missing is not None,
            Rule.OUTSIDE: self.range is not None,
            Rule.UNSEEN: self.values is not None,
            Rule.MOST_FREQUENT: self.most_frequent is not None,
            Rule.UNIQUE: self.unique,
        }
        return (rule for rule, is_asked in asked.items() if is_asked)


@dataclass(frozen=True, slots=True)
class Contract:
    """Rules for columns by name, and for all rows: at most `duplicates` of them are like one before (None: no
    rule), `new_columns` may come. `importance` is that of each rule where its column does not say otherwise.
    """

    columns: Mapping[str, ColumnRules] = field(default_factory=dict)
    duplicates: float | None = None
    new_columns: bool = False
    importance: Mapping[Rule, Importance] = field(default_factory=dict)

    def importance_of(self, rule: Rule, column: str = "") -> Importance:
        """How much a rule matters, of this column or of the rows."""
        own = self.columns[column].importance if column in self.columns else {}
        return own.get(rule) or self.importance.get(rule) or DEFAULTS[rule]

    def rules(self) -> Iterator[tuple[str, Rule]]:
        """Each rule with its column, "" for those of the rows."""
        for name, column in self.columns.items():
            for rule in column.rules():
                yield name, rule
        if not self.new_columns:
            yield "", Rule.NEW_COLUMNS
        if self.duplicates is not None:
            yield "", Rule.DUPLICATES

    @property
    def judged(self) -> int:
        """Rules that may be broken, among which a budget is split; the others are only shown."""
        return sum(self.importance_of(rule, name) is not Importance.INFO for name, rule in self.rules())
