"""Whether rows keep a contract: each rule by the exact probability of what was found, within a budget."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from modelmon.contracts.clusters import Clusters
from modelmon.contracts.contract import ColumnRules, Contract, Importance, Rule
from modelmon.contracts.measuring import Measured, measure_column, measure_duplicates
from modelmon.stats.binomial import most_frequent_tail
from modelmon.stats.clustered import least_hits, least_share_seen, upper_tail
from modelmon.stats.frames import Column, columns, without_values

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Finding:
    """How one rule stands in these rows. `hits` of `rows` break it, at most `limit` of them may; so many or
    more come with probability `tail` where the share is at the limit, and that is broken from `alpha` down.

    `column` is "" for rules of all rows, `new` are columns that are not in the contract. `correlation` is
    that of two rows of a window, as training had it: hits may come in clusters.
    """

    column: str
    rule: Rule
    importance: Importance
    hits: int
    rows: int
    limit: float
    tail: float
    alpha: float
    measured: Measured = field(repr=False, compare=False)
    new: tuple[str, ...] = ()
    correlation: float = 0.0

    @property
    def share(self) -> float:
        """Of the rows; 0 without rows."""
        return self.hits / self.rows if self.rows else 0.0

    @property
    def value(self) -> float:
        """The share; of new columns their number."""
        return float(self.hits) if self.rule is Rule.NEW_COLUMNS else self.share

    @property
    def is_judged(self) -> bool:
        return self.importance is not Importance.INFO

    @property
    def is_broken(self) -> bool:
        """Whether chance does not explain it, at the alpha that it was given."""
        return self.tail <= self.alpha

    def least_hits(self) -> int:
        """From how many rows on it would be broken: more than there are where it could not be."""
        if self.rule is Rule.PRESENT:
            return self.rows if self.limit**self.rows <= self.alpha else self.rows + 1
        if self.rule is Rule.MOST_FREQUENT:
            if self.correlation:
                return least_hits(self.rows, self.limit, self.alpha * self.limit, self.correlation)
            return _least_of_one_value(self.rows, self.limit, self.alpha)
        return least_hits(self.rows, self.limit, self.alpha, self.correlation) if self.rows else 1

    def least_share_seen(self) -> float:
        """The least share that such a window shows with 90 %; 1 where it shows none."""
        return least_share_seen(self.least_hits(), self.rows, self.correlation)


def judge_rows(
    table: pa.Table,
    contract: Contract,
    alpha: float,
    *,
    features: Sequence[str] = (),
    known: Collection[str] = (),
    clusters: Clusters = MappingProxyType({}),
) -> list[Finding]:
    """How every rule stands in the rows of an Arrow table, what is broken first, worst first.

    `alpha` is the probability of a false alarm that all judged rules have together, whatever depends on what:
    each gets an equal part. `features` are the columns that rows are compared by, `known` those that are
    no news though the contract has no rules for them. `clusters` say which rules' hits come in clusters;
    those of others are judged as independent. An empty table keeps every rule but that of columns that are
    there.
    """
    found = columns(table)
    each = alpha / max(1, contract.judged)
    judged = [
        finding
        for name, rules in contract.columns.items()
        for finding in _of_column(name, found, rules, contract, each, len(table))
    ]
    judged += _of_rows(found, contract, each, len(table), features, known)
    return sorted((_as_clustered(finding, clusters) for finding in judged), key=_worst_first)


def _as_clustered(finding: Finding, clusters: Clusters) -> Finding:
    known = clusters.get((finding.column, finding.rule))
    if known is None:
        return finding
    limit = max(finding.limit, known.limit)
    tail = upper_tail(finding.hits, finding.rows, limit, known.correlation)
    if finding.rule is Rule.MOST_FREQUENT:
        tail = min(1.0, tail / limit)  # of so many values one
    return replace(finding, limit=limit, tail=tail, correlation=known.correlation)


def _worst_first(finding: Finding) -> tuple[bool, bool, bool, float, float]:
    is_critical = finding.importance is Importance.CRITICAL
    return not finding.is_judged, not finding.is_broken, not is_critical, finding.tail, -finding.share


def _of_column(
    name: str, found: Mapping[str, Column], rules: ColumnRules, contract: Contract, alpha: float, rows: int
) -> Iterator[Finding]:
    column = found.get(name) or without_values(rows)
    for rule, measured in measure_column(column, rules).items():
        limit = limit_of(rules, rule)
        tail = _tail(rule, measured.hits, rows, limit)
        importance = contract.importance_of(rule, name)
        yield Finding(name, rule, importance, measured.hits, rows, limit, tail, alpha, measured)


def _of_rows(
    found: Mapping[str, Column],
    contract: Contract,
    alpha: float,
    rows: int,
    features: Sequence[str],
    known: Collection[str],
) -> Iterator[Finding]:
    if not contract.new_columns:
        new = tuple(name for name in found if name not in known and name not in contract.columns)
        level = contract.importance_of(Rule.NEW_COLUMNS)
        tail = 0.0 if new else 1.0
        yield Finding("", Rule.NEW_COLUMNS, level, len(new), rows, 0.0, tail, alpha, Measured(len(new)), new)
    if contract.duplicates is not None:
        compared = {
            name: found[name] for name in features if name in found and not _is_unique(contract, name)
        }
        measured, limit = measure_duplicates(compared, rows), contract.duplicates
        level = contract.importance_of(Rule.DUPLICATES)
        tail = upper_tail(measured.hits, rows, limit)
        yield Finding("", Rule.DUPLICATES, level, measured.hits, rows, limit, tail, alpha, measured)


def limit_of(rules: ColumnRules, rule: Rule) -> float:
    """The share of rows that may break a rule of a column."""
    limits = {
        Rule.PRESENT: rules.missing or 0.0, Rule.TYPE: rules.mistyped, Rule.MISSING: rules.missing,
        Rule.OUTSIDE: rules.outside, Rule.UNSEEN: rules.unseen, Rule.MOST_FREQUENT: rules.most_frequent,
    }  # fmt: skip
    return limits.get(rule) or 0.0


def _tail(rule: Rule, hits: int, rows: int, limit: float) -> float:
    if rule is Rule.PRESENT:
        return float(limit**rows) if hits else 1.0
    if rule is Rule.MOST_FREQUENT:
        return most_frequent_tail(hits, rows, limit)
    return upper_tail(hits, rows, limit)


def _least_of_one_value(rows: int, share: float, alpha: float) -> int:
    low, high = 0, rows + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if most_frequent_tail(middle, rows, share) <= alpha else (middle, high)
    return high


def _is_unique(contract: Contract, name: str) -> bool:
    return name in contract.columns and contract.columns[name].unique
