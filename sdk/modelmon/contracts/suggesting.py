"""A contract as the training set suggests it: what it shows, and so much more as chance and a floor allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

from modelmon.contracts.contract import ColumnRules, Contract, Importance, Rule
from modelmon.errors import ConfigError
from modelmon.stats.binomial import share_limit
from modelmon.stats.frames import Frame, as_frame, columns
from modelmon.stats.reference import Categories, Intervals, parse
from modelmon.stats.repeats import distinct, most_frequent, repeated, row_codes
from modelmon.stats.values import values_of

DOUBT = 0.01
"""So likely at most is it that any limit of a suggested contract lies below the true share of training."""
FLOOR = 0.002
"""What a share may grow by without being worth an alarm: two rows of a thousand."""
FLOOR_OF_ONE_VALUE = 0.1
MOST_OF_ONE_VALUE = 0.9
"""Above it a value is as good as constant in training, and says nothing by being so."""
MOST_DUPLICATES = 0.5
MOST_MISSING = 0.1
"""A column that lacks more of its values in training may well lack all of them in a window."""
MOST_VALUES = 100
CONTINUOUS = 1_000
"""A column of so many different values is no part of a date, which is constant within a window."""
_RULES_OF_A_COLUMN = 5
_TYPES = {"numeric": "number", "boolean": "boolean", "categorical": "text"}


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What only the rows of a training set tell. `duplicates`: rows like one before them in all features;
    `commonest`: how often the most frequent value of each feature is there, `different`: how many it has."""

    rows: int
    duplicates: int
    commonest: Mapping[str, int] = field(default_factory=dict)
    different: Mapping[str, int] = field(default_factory=dict)


def read_training_rows(training_set: Frame, features: tuple[str, ...]) -> TrainingRows:
    """What the rows of this frame tell of these columns, which it has."""
    frame = as_frame(training_set)
    found = columns(frame)
    chosen = {name: found[name] for name in features}
    codes = row_codes(list(chosen.values()), len(frame))
    return TrainingRows(
        len(frame),
        int(repeated(codes).sum()) if chosen else 0,
        {name: most_frequent(column.codes)[0] for name, column in chosen.items()},
        {name: distinct(column.codes) for name, column in chosen.items()},
    )


def suggest(
    stats: Mapping[str, Any], training: TrainingRows | None = None, *, drift_judges: bool = True
) -> Contract:
    """The contract that reference statistics suggest, in the order of their columns.

    Each limit is what the training set shows, the most that chance leaves possible (`DOUBT` for all of them
    together) and a floor. `drift_judges`: the app `drift` judges missing, outside and unseen values, so that
    they are only shown. Without `training` there is no rule for duplicates, and columns that are
    constant are only shown. Raises ConfigError where there are no statistics.
    """
    if not stats:
        raise ConfigError(
            "there is no training set to suggest a contract from: log_model(training_set=…) keeps it"
        )
    doubt = DOUBT / (_RULES_OF_A_COLUMN * len(stats) + 1)
    found = {name: _column(each, training, name, doubt) for name, each in stats.items()}
    return as_judged(Contract(found, _duplicates(training, doubt)), drift_judges=drift_judges)


def as_judged(contract: Contract, *, drift_judges: bool) -> Contract:
    """A suggested contract where the app `drift` judges missing, outside and unseen values, or does not."""
    level = Importance.INFO if drift_judges else Importance.WARNING
    rules = (Rule.MISSING, Rule.OUTSIDE, Rule.UNSEEN)
    return replace(contract, importance={**contract.importance, **dict.fromkeys(rules, level)})


def _duplicates(training: TrainingRows | None, doubt: float) -> float | None:
    if training is None or not training.rows:
        return None
    limit = _limit(training.duplicates, training.rows, doubt)
    return limit if limit <= MOST_DUPLICATES else None


def _column(stats: Mapping[str, Any], training: TrainingRows | None, name: str, doubt: float) -> ColumnRules:
    missing, present = int(stats.get("missing") or 0), int(stats.get("count") or 0)
    rows = missing + present
    if not present:
        return ColumnRules(present=False)
    limit = _limit(missing, rows, doubt)
    rules: dict[str, Any] = {"missing": limit, "present": limit <= MOST_MISSING}
    try:
        bins = parse(stats)
    except ConfigError:  # a date, a list: it has no type of ours
        return ColumnRules(**rules)
    if not _spells_numbers(bins):
        kind = _TYPES.get(bins.kind if isinstance(bins, Intervals) else "categorical", "number")
        rules |= {"type": kind, "mistyped": _limit(0, rows, doubt)}
    own = _range(stats, bins, rows, doubt) if isinstance(bins, Intervals) else _values(bins, rows, doubt)
    return ColumnRules(**rules, **own, **_one_value(bins, training, name, doubt))


def _spells_numbers(bins: Intervals | Categories) -> bool:
    """Whether these are categories that may as well come as numbers: codes, zip codes."""
    return isinstance(bins, Categories) and all(value is not None for value in values_of(bins.names))


def _range(stats: Mapping[str, Any], bins: Intervals, rows: int, doubt: float) -> dict[str, Any]:
    if bins.kind == "boolean" or "min" not in stats or "max" not in stats:
        return {}
    infinite = int(bins.counts[0] + bins.counts[-2]) if bins.counts.size > 2 else 0
    # A least and a greatest value are two that chance alone has put at the edge.
    return {"range": (float(stats["min"]), float(stats["max"])), "outside": _limit(1 + infinite, rows, doubt)}


def _values(bins: Categories, rows: int, doubt: float) -> dict[str, Any]:
    """Where training has many categories, or new ones all the time, a list of them says nothing."""
    once, twice = (int((bins.counts[:-2] == times).sum()) for times in (1, 2))
    if bins.counts[-2] or not 0 < len(bins.names) <= MOST_VALUES:
        return {}
    # Good and Turing: values not seen yet have about the share of those seen once; its spread needs those
    # seen twice, too (Esty 1983).
    limit = _limit(min(once + 2 * twice, rows), rows, doubt)
    return {"values": bins.names, "unseen": limit} if limit <= MOST_DUPLICATES else {}


def _one_value(
    bins: Intervals | Categories, training: TrainingRows | None, name: str, doubt: float
) -> dict[str, Any]:
    rows = int(bins.counts.sum())
    known = training.commonest.get(name) if training else None
    # A bin holds at least as much as any value in it.
    hits = int(bins.counts.max()) if known is None else min(known, rows)
    limit = _limit(hits, rows, doubt, FLOOR_OF_ONE_VALUE)
    if limit > MOST_OF_ONE_VALUE:
        return {}
    is_continuous = training is not None and training.different.get(name, 0) >= CONTINUOUS
    shown: dict[str, Any] = {} if is_continuous else {"importance": {Rule.MOST_FREQUENT: Importance.INFO}}
    return {"most_frequent": limit, **shown}


def _limit(hits: int, rows: int, doubt: float, floor: float = FLOOR) -> float:
    """A little more than it has to be, so that it is short to write."""
    return rounded_up(min(1.0, share_limit(hits, rows, doubt) + floor))


def rounded_up(share: float) -> float:
    """The next share of at most two significant digits in per cent, never below.

    >>> rounded_up(0.01234), rounded_up(0.002), rounded_up(1.0), rounded_up(0.0)
    (0.013, 0.002, 1.0, 0.0)
    """
    if share <= 0:
        return 0.0
    exact = Decimal(f"{share:.12g}")
    step = Decimal(1).scaleb(exact.adjusted() - 1)
    return float(min(Decimal(1), (exact / step).to_integral_value(ROUND_CEILING) * step))
