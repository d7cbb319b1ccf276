"""What a verdict of the drift app stands on, as its extra data: plain JSON, names of features as keys.

A feature's words stand under its name, so that they go where the name goes: a private one is shown nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modelmon.apps.drift_reference import AGAINST_TRAINING, Compared
from modelmon.apps.drift_words import next_words, threshold_words
from modelmon.private_columns import is_private

if TYPE_CHECKING:
    from modelmon.apps.budget import BudgetShare
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.apps.drift_choosing import Chosen
    from modelmon.apps.drift_segments import JudgedSegments
    from modelmon.stats import Finding, Judgement, LeastChange, Profile

SHOWN = 20
"""Features that a result names: those that changed most, and those of which it would have seen least."""


def evidence_of(
    context: MonitoringApplicationContext,
    profile: Profile,
    found: Judgement,
    budget: BudgetShare,
    state: str,
    chosen: Chosen,
    compared: Compared = AGAINST_TRAINING,
) -> dict[str, Any]:
    """The extra data of the result `drift`."""
    threshold = "detected_threshold" if found.may_detect else "potential_threshold"
    evidence: dict[str, Any] = {
        "feature": found.worst.feature if found.worst else None,
        "findings": _findings(context, found),
        "rows": found.rows,
        "reference_rows": found.reference_rows,
        **compared.shown(),
        "scored_features": len(found.least_changes),
        threshold: 1.0,
        "why": threshold_words(found, budget, compared.reference, chosen),
        "budget": {**budget.shown(), "window": found.budget},
        "floor": found.floor,
        "calibration": {"how": found.calibration.how, "stretches": found.calibration.stretches},
        "least_sigma": _middle([each.sigma for each in found.least_changes]),
        "least_changes": _least_changes(found.least_changes),
        "next": next_words(found, state, compared.reference),
    }
    if said := chosen.shown():
        evidence["choices"] = said
    if found.is_coarse:
        evidence["coarse"] = True
    if profile.unjudged:
        evidence["unscored_features"] = dict(profile.unjudged)
    return evidence


def with_segments(
    context: MonitoringApplicationContext,
    evidence: dict[str, Any],
    found: Judgement,
    segments: JudgedSegments,
) -> dict[str, Any]:
    """The extra data with what the segments show. Their alarms stand among the findings of their features,
    with the segment that they are of; the feature of the worst one is that of the result."""
    if not segments.number:
        return {**evidence, **segments.shown()}
    findings = {name: list(words) for name, words in evidence["findings"].items() if found.alarm}
    for each in segments.alarms[:SHOWN]:
        for name, words in _findings(context, each.found).items():
            told = findings.setdefault(name, [])
            told += [f"{said} {each.words}" for said in words]
    evidence = {**evidence, "findings": findings or evidence["findings"], **segments.shown()}
    evidence["why"] += f"; its {segments.number} segments together have as much"
    worst = segments.worst
    if worst is None or worst.found.ratio <= found.ratio or worst.found.worst is None:
        return evidence
    threshold = "detected_threshold" if worst.found.may_detect else "potential_threshold"
    kept = {name: value for name, value in evidence.items() if not name.endswith("_threshold")}
    segment = {worst.column: worst.value if worst.value is not None else "all others"}
    return {**kept, threshold: 1.0, "feature": worst.found.worst.feature, "segment": segment}


def _findings(context: MonitoringApplicationContext, found: Judgement) -> dict[str, list[str]]:
    """The alarms of each feature in words, the strongest first; without an alarm what stands out most."""
    from modelmon.stats.finding_words import finding_words

    shown: dict[str, list[str]] = {}
    nearest: Sequence[Finding] = (found.worst,) if found.worst else ()
    for each in found.findings or nearest:
        if each.feature in shown or len(shown) < SHOWN:
            words = finding_words(each, private=is_private(context.settings, each.feature))
            shown.setdefault(each.feature, []).append(words)
    return shown


def _least_changes(changes: Sequence[LeastChange]) -> dict[str, dict[str, Any]]:
    """Of the features that show least the change that they would have shown, the worst first."""
    from modelmon.stats.finding_words import least_words

    ranked = sorted(changes, key=_blindness, reverse=True)[:SHOWN]
    return {each.feature: {"sigma": _finite(each.sigma), "words": least_words(each)} for each in ranked}


def _blindness(change: LeastChange) -> tuple[float, float]:
    return change.sigma if change.sigma is not None else change.share or 0.0, change.missing


def _middle(values: Sequence[float | None]) -> float | None:
    known = sorted(value for value in values if value is not None)
    return _finite(known[len(known) // 2]) if known else None


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.4g}")
