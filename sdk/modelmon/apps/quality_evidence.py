"""What a result of the data quality app carries: what was found, why that is too much, and a few rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modelmon.contracts.contract import Importance, Rule
from modelmon.contracts.judging import Finding
from modelmon.contracts.words import found_words, next_words, power_words, threshold_words
from modelmon.private_columns import is_private
from modelmon.stats.values import spelled

if TYPE_CHECKING:
    import pyarrow as pa

    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.apps.contract_choice import ChosenContract
    from modelmon.apps.quality_standing import Standing

SHOWN = 20
"""Rules that a result names, the worst first."""
LONGEST_VALUE = 100
NOT_JUDGED = "nothing: this is shown, and not judged here"
_THRESHOLDS = {Importance.CRITICAL: "detected_threshold", Importance.WARNING: "potential_threshold"}


def evidence_of(
    findings: Sequence[Finding],
    context: MonitoringApplicationContext,
    chosen: ChosenContract,
    standing: Standing,
    examples: int,
) -> dict[str, Any]:
    """Of one kind of trouble, whose findings come the worst first; with so many rows of each broken rule."""
    worst, judged = findings[0], [each for each in findings if each.is_judged]
    broken = [each for each in judged if each.is_broken]
    shown = [each for each in findings if not each.is_judged and each.is_broken]
    found: dict[str, Any] = {
        "feature": worst.column or None,
        "rule": str(worst.rule),
        "rows": worst.rows,
        "compared": f"the rows of the window with {chosen.words}",
        "found": found_words(worst),
        "calibration": standing.shown(),
    }
    if worst.is_judged:
        found |= {
            "why": threshold_words(worst, chosen.judged),
            "power": power_words(worst),
            **_threshold(worst, standing),
        }
    found["next"] = next_words(worst.rule if broken else None) if judged else NOT_JUDGED
    if broken:
        found["broken"] = [_told(each, context, examples) for each in broken[:SHOWN]]
        found["broken_rules"] = len(broken)
    if shown:
        found["shown"] = [_told(each, context, examples) for each in shown[:SHOWN]]
    return found


def _threshold(worst: Finding, standing: Standing) -> dict[str, float]:
    """The value from which on it is suspected or detected; none where no value of such a window is."""
    least = worst.least_hits()
    if least > worst.rows or not worst.rows:
        return {}
    return {
        _THRESHOLDS[standing.importance(worst)]: 1.0 if worst.rule is Rule.NEW_COLUMNS else least / worst.rows
    }


def _told(finding: Finding, context: MonitoringApplicationContext, examples: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "rule": str(finding.rule), "column": finding.column or None, "importance": str(finding.importance),
        "hits": finding.hits, "share": finding.share, "allowed": finding.limit, "found": found_words(finding),
    }  # fmt: skip
    rows = _examples(finding, context, examples)
    return {**told, "examples": rows} if rows else told


def _examples(finding: Finding, context: MonitoringApplicationContext, many: int) -> list[dict[str, Any]]:
    """A few of the rows that break the rule, by when they were and their request; no private column's."""
    if finding.column and is_private(context.settings, finding.column):
        return []
    table = context.sample
    named = [name for name in (_own(table, "timestamp"), _own(table, "request_id"), finding.column) if name]
    wanted = [name for name in named if name in table.column_names and not is_private(context.settings, name)]
    rows = (
        {name: _shown(table.column(name)[place].as_py()) for name in wanted}
        for place in finding.measured.first(many)
    )
    return [{name: value for name, value in row.items() if value != ""} for row in rows]


def _own(table: pa.Table, name: str) -> str:
    """Our column of this name, beside which a feature may have it."""
    return f"metadata.{name}" if f"metadata.{name}" in table.column_names else name


def _shown(value: Any) -> Any:
    if value is None:
        return None
    text = value.isoformat() if hasattr(value, "isoformat") else spelled(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
