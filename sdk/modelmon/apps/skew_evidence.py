"""What a verdict of data-skew stands on, as its extra data; a feature's words stand under its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from modelmon.apps.drift_evidence import SHOWN, evidence_of
from modelmon.apps.skew_words import (
    compared_words,
    next_words,
    onset_words,
    scale_words,
    threshold_words,
    unseen_words,
)
from modelmon.private_columns import is_private

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelmon.apps.budget import BudgetShare
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.apps.drift_choosing import Chosen
    from modelmon.apps.skew_looks import Look
    from modelmon.stats import Finding, Judgement, Profile
    from modelmon.stats.skew import Onset

NEW = 3
"""So many new categories are named."""
Onsets = Mapping[int, "Onset"]
"""By the place of the finding; of those that alarm, or of the one that stands out most."""


def shown_findings(found: Judgement) -> tuple[Finding, ...]:
    """The findings that alarm; where none does the one that stands out most."""
    return found.findings or ((found.worst,) if found.worst else ())


def onsets(
    found: Judgement, profile: Profile, early: NDArray[np.int64], late: NDArray[np.int64], look: Look
) -> Onsets:
    """Since when each of the findings is there."""
    from modelmon.stats.skew import onset

    seconds = (look.end - look.start).total_seconds() / 2
    lines = {name: place for place, name in enumerate(profile.names)}
    return {
        place: onset(
            each, profile, early[lines[each.feature]], late[lines[each.feature]], half_seconds=seconds
        )
        for place, each in enumerate(shown_findings(found))
    }


def without(counts: NDArray[np.int64], profile: Profile, names: Collection[str]) -> NDArray[np.int64]:
    """The counts with no row of these features, which then stand out by nothing."""
    left = counts.copy()
    left[[place for place, name in enumerate(profile.names) if name in names]] = 0
    return left


def skew_evidence(
    context: MonitoringApplicationContext,
    profile: Profile,
    found: Judgement,
    began: Onsets,
    budget: BudgetShare,
    look: Look,
    state: str,
    chosen: Chosen,
) -> dict[str, Any]:
    """The extra data of the result `data_skew`: those of `drift`, over the span of the look."""
    shown = shown_findings(found)
    skewed = [each for place, each in enumerate(shown) if found.alarm and began[place].how != "later"]
    later = [each for place, each in enumerate(shown) if found.alarm and began[place].how == "later"]
    evidence = evidence_of(context, profile, found, budget, state, chosen)
    first = skewed or shown
    return {
        **evidence,
        "feature": first[0].feature if first else None,
        "compared": compared_words(found, look),
        "findings": _findings(context, profile, shown, began),
        "onsets": _onsets(shown, began),
        "why": threshold_words(found, budget, look),
        "budget": {**budget.shown(), "look": found.budget},
        "since": look.start.isoformat(),
        "until": look.end.isoformat(),
        "next": next_words(found, skewed, later, look, state),
    }


def _findings(
    context: MonitoringApplicationContext, profile: Profile, shown: tuple[Finding, ...], began: Onsets
) -> dict[str, list[str]]:
    """Of each feature what differs, since when, and what it looks like."""
    from modelmon.stats.finding_words import finding_words

    said: dict[str, list[str]] = {}
    for place, each in enumerate(shown):
        if each.feature not in said and len(said) == SHOWN:
            continue
        private = is_private(context.settings, each.feature)
        words = [finding_words(each, private=private), onset_words(began[place], each.question)]
        if each.feature not in said:
            words += filter(None, [scale_words(_scale(context, profile, each.feature))])
        if each.question == "unseen" and not private:
            words += filter(None, [unseen_words(_unseen(context, profile, each.feature))])
        said.setdefault(each.feature, []).append(", ".join(words))
    return said


def _onsets(shown: tuple[Finding, ...], began: Onsets) -> dict[str, str]:
    """Of each feature how its strongest finding began."""
    said: dict[str, str] = {}
    for place, each in enumerate(shown):
        said.setdefault(each.feature, began[place].how)
    return dict(list(said.items())[:SHOWN])


def _scale(context: MonitoringApplicationContext, profile: Profile, name: str) -> float | None:
    from modelmon.stats.frames import columns
    from modelmon.stats.skew import scale_of

    column = columns(context.frame).get(name)
    feature = profile.features[profile.names.index(name)]
    if column is None or column.kind not in ("numeric", "boolean") or not feature.is_numeric:
        return None
    return scale_of(feature, column.numbers[0])


def _unseen(context: MonitoringApplicationContext, profile: Profile, name: str) -> list[str]:
    """The most frequent categories of the window that the training set has not."""
    from modelmon.stats.categories import keep_frequent
    from modelmon.stats.frames import columns

    column = columns(context.frame).get(name)
    known = profile.features[profile.names.index(name)].categories
    counts = column.categories[0] if column is not None else {}
    new = {each: rows for each, rows in counts.items() if each not in known}
    return list(keep_frequent(new, NEW)[0]) if new else []
