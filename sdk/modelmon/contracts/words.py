"""What a contract's rules say, in words: what was found, why that is too much, and where to look."""

from __future__ import annotations

from collections.abc import Mapping

from modelmon.contracts.contract import Rule
from modelmon.contracts.judging import Finding
from modelmon.contracts.writing import percent
from modelmon.counting import are, count

MOST_NAMED = 10
_FOUND: Mapping[Rule, str] = {
    Rule.TYPE: "are of another type",
    Rule.MISSING: "have no value",
    Rule.OUTSIDE: "lie outside its range",
    Rule.UNSEEN: "have a value that is not listed",
    Rule.MOST_FREQUENT: "have one and the same value",
    Rule.UNIQUE: "have a value that came before",
    Rule.DUPLICATES: "are like a row before them in all columns",
}
_NEXT: Mapping[Rule, str] = {
    Rule.PRESENT: "Does the client still send it, under this name? Schema changes stand on the overview.",
    Rule.NEW_COLUMNS: "Was the model or its client changed? List it in the contract, or allow new columns.",
    Rule.TYPE: "Look at the example rows, then at what the client puts there: a text for a number, say.",
    Rule.MISSING: "Look when it began and which requests lack it: those of one client, or all of them.",
    Rule.OUTSIDE: "Look at the example rows: another unit, a broken sensor, or what training never saw.",
    Rule.UNSEEN: "Look at the example rows: a new spelling of an old value, or a value training never saw.",
    Rule.MOST_FREQUENT: "Look when the value began to stand still: a source is stuck, or a default came.",
    Rule.UNIQUE: "Look at the requests of the example rows: sent twice, or ids that are given twice.",
    Rule.DUPLICATES: "Look at the requests of the example rows: a client repeats itself, or a replay runs.",
}


def found_words(finding: Finding) -> str:
    """What was found of one rule, and what its contract allows.

    >>> from modelmon.contracts.contract import Importance
    >>> from modelmon.contracts.measuring import Measured
    >>> at = (Importance.CRITICAL, 35, 500, 0.01, 0.0, 0.1)
    >>> found_words(Finding("city", Rule.MISSING, *at, Measured(35)))
    'city: 35 of 500 rows (7 %) have no value, at most 1 % may'
    """
    if finding.rule is Rule.NEW_COLUMNS:
        return _new_columns(finding.new)
    if finding.rule is Rule.PRESENT:
        said = f"none of {finding.rows:,} rows has a value" if finding.hits else "there are values"
        return f"{finding.column}: {said}"
    of = f"{finding.column}: " if finding.column else ""
    allowed = f"at most {percent(finding.limit)} may" if finding.limit else "none may"
    rows = f"{finding.hits:,} of {finding.rows:,} rows ({_short(finding.share)}) {_FOUND[finding.rule]}"
    return f"{of}{rows}, {allowed}"


def threshold_words(finding: Finding, apart: int) -> str:
    """Why a rule is broken from where on it is, among so many that share the budget."""
    each = f"1 of {1 / finding.alpha:,.0f} windows, the equal part of each of {count(apart, 'rule')}"
    if finding.rule is Rule.NEW_COLUMNS:
        return "a column is new or it is not: one is told"
    least = finding.least_hits()
    if least > finding.rows:
        few = f"{count(finding.rows, 'row')} {are(finding.rows)} too few"
        return f"{few}: chance alone breaks it in more than {each}"
    if finding.limit == 0:
        return "the contract allows none: one row breaks it"
    return (
        f"broken from {least:,} of {finding.rows:,} rows on: chance alone comes to so many in at most {each}"
    )


def power_words(finding: Finding) -> str:
    """What a window of so many rows would have shown with 90 %, were it there."""
    least = finding.least_share_seen()
    if finding.rule in (Rule.NEW_COLUMNS, Rule.PRESENT):
        return "any such column would have been seen" if finding.least_hits() <= finding.rows else _UNSEEABLE
    if finding.least_hits() > finding.rows:
        return _UNSEEABLE
    of = f" of {finding.column}" if finding.column else ""
    return f"{_short(least)} of the rows{of} would have been seen with 90 %"


def next_words(rule: Rule | None) -> str:
    """What to look at next where this rule is broken; None: none is."""
    return "nothing: no rule is broken by more than chance" if rule is None else _NEXT[rule]


_UNSEEABLE = "nothing would have been seen: too few rows"


def _new_columns(new: tuple[str, ...]) -> str:
    if not new:
        return "no column is new"
    more = f" and {len(new) - MOST_NAMED:,} more" if len(new) > MOST_NAMED else ""
    return f"new columns: {', '.join(new[:MOST_NAMED])}{more}"


def _short(share: float) -> str:
    """Three digits that matter.

    >>> _short(0.0712345), _short(1.0)
    ('7.12 %', '100 %')
    """
    return percent(float(f"{share:.3g}"))
