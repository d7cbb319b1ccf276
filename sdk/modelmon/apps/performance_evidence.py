"""What a verdict on performance stands on, as its extra data: plain JSON, names of features as keys.

What is said of a feature stands under its name, so that it goes where the name goes: a private one is shown
nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelmon.apps.estimates_kept import Past, read_past, record_of
from modelmon.apps.feature_cells import slice_cells
from modelmon.apps.own_metrics import OwnAsked, OwnJudging, own_judging
from modelmon.apps.performance_words import (
    cause_words,
    compared_words,
    map_words,
    next_words,
    power_words,
    record_words,
    slice_words,
    threshold_words,
    verdict_words,
)
from modelmon.apps.training_profile import training_profile
from modelmon.private_columns import is_private
from modelmon.stats.performance import dle
from modelmon.stats.performance.causes import Cause, ranked_causes
from modelmon.stats.performance.cbpe import ASSUMED_NOW, ASSUMPTION, expected_loss
from modelmon.stats.performance.own_metrics import own_reference
from modelmon.stats.performance.profile_cells import profile_cells
from modelmon.stats.performance.recalibration import Recalibrated
from modelmon.stats.performance.rows import OF_SIZE, metrics_of
from modelmon.stats.performance.slices import Slice, worst_slices
from modelmon.stats.performance.stretches import how_known
from modelmon.stats.performance.verdict import ANY_WAY, MetricVerdict, judge_performance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelmon.apps.budget import BudgetShare
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats.calibration import How
    from modelmon.stats.performance import Estimate
    from modelmon.stats.performance.cells import Cells
    from modelmon.stats.performance.reference import PerformanceReference
    from modelmon.stats.performance.rows import TaskRows

SHOWN = 10
TOO_FEW = ("no actuals", "warming up")
PARTS = 3
"""The budget is shared by the judged metrics, the slices and the estimate: a third each."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`ratio` is the result's value, `state` why it is no verdict, `by_time` whether the reference says how
    windows of this length vary."""

    ratio: float
    state: str
    by_time: bool
    extra: dict[str, Any]


@dataclass(frozen=True)
class Judging:
    """A window of a model's task, which metrics of it are judged, within which budget, above which floor."""

    context: MonitoringApplicationContext
    rows: TaskRows
    judged: Sequence[str]
    budget: BudgetShare
    floor: float
    own: OwnAsked = field(default_factory=OwnAsked)

    @cached_property
    def past(self) -> Past:
        """What windows before this one say of estimates; read once."""
        reference = self.context.performance_reference
        return read_past(self.context, None if reference is None else reference.calibration)

    @cached_property
    def cells(self) -> Mapping[str, tuple[Cells, NDArray[np.float64]]]:
        """The rows by the profile's cells of each feature, counted once; none without a profile."""
        profile = self.context.profile
        return {} if profile is None else profile_cells(self.context.frame, profile)

    @cached_property
    def loss_cells(self) -> Mapping[str, tuple[Cells, NDArray[np.float64]]]:
        """The same by the cells of the training set, which the model of its losses was fitted on."""
        profile = training_profile(self.context)
        if profile is None or profile is self.context.profile:
            return self.cells if profile is not None else {}
        return profile_cells(self.context.frame, profile)


def realised_evidence(asked: Judging, found: Mapping[str, Estimate], state: str) -> Evidence:
    """Of the result `performance`."""
    context, rows, budget = asked.context, asked.rows, asked.budget
    own = OwnJudging() if state in TOO_FEW else own_judging(asked.own, rows, context.performance_reference)
    evidence = _judged(asked, found, state, own)
    extra = {
        **evidence.extra,
        **({"own_metrics": dict(own.words)} if own.words else {}),
        "known_rows": int(rows.known.sum()),
        "maturity": round(rows.maturity, 4),
        **_selection(rows),
    }
    if state not in TOO_FEW:
        loss = rows.loss
        slices = worst_slices(
            slice_cells(context.frame, context.feature_names), loss, budget=budget.probability / PARTS
        )
        extra |= {"slices": _slices(context, slices), "causes": _causes(asked, loss)}
    return replace(evidence, extra=extra)


def estimated_evidence(
    asked: Judging, estimated: Mapping[str, Estimate], found: Mapping[str, Estimate], state: str
) -> Evidence:
    """Of the result `estimated_performance`; where actuals have come, how far off the estimate was."""
    evidence = _judged(asked, estimated, state)
    extra = {**evidence.extra, **_trust(asked, estimated, evidence.extra["findings"])}
    off = {
        name: {"realised": found[name].value, "off": each.value - found[name].value,
               "within": each.low <= found[name].value <= each.high}
        for name, each in estimated.items() if name in found
    }  # fmt: skip
    if off:
        extra["realised"] = off
    loss = None if state else _expected_loss(asked)
    if loss is not None:
        extra["causes"] = _causes(asked, loss)
    return replace(evidence, extra=extra)


def _trust(asked: Judging, estimated: Mapping[str, Estimate], findings: list[str]) -> dict[str, Any]:
    """What the estimate stands on, and how those before it fared."""
    past = asked.past
    found = {
        name: each
        for name, each in record_of(past.windows).items()
        if name in asked.judged and name in estimated
    }
    told = [record_words(name, each) for name, each in list(found.items())[:1]]
    record = {"record": found} if found else {}
    if past.map is None or not estimated:
        return {**record, "assumption": dle.ASSUMPTION, "findings": [*findings, *told]}
    moved = past.map if isinstance(past.map, Recalibrated) else None
    words = map_words(past.rows, moved)
    numbers = {"intercept": moved.intercept, "slope": moved.slope} if moved else {}
    scores = {
        "from": "recent actuals" if moved else "reference",
        "rows": past.rows,
        **numbers,
        "words": words,
    }
    return {
        **record,
        "scores": scores,
        "assumption": ASSUMED_NOW if moved else ASSUMPTION,
        "findings": [*findings, words, *told],
    }


def _expected_loss(asked: Judging) -> NDArray[np.float64] | None:
    reference = asked.context.performance_reference
    if asked.past.map is not None:
        return expected_loss(asked.past.map, asked.rows)
    if reference is None or reference.loss is None or not asked.loss_cells:
        return None
    return dle.row_losses(reference.loss, {name: each for name, (each, _) in asked.loss_cells.items()})


def _judged(
    asked: Judging, found: Mapping[str, Estimate], state: str, own: OwnJudging | None = None
) -> Evidence:
    context, judged, budget, floor = asked.context, list(asked.judged), asked.budget, asked.floor
    rows = context.rows if own is None else int(asked.rows.known.sum())  # of an estimate all
    reference, own = _of_its_size(asked, found, own is not None), own or OwnJudging()
    if reference is not None and own.then:
        reference = replace(reference, metrics={**reference.metrics, **own.then})
        found, judged = {**found, **own.now}, [*judged, *own.then]
    probability, either_way = budget.probability / PARTS, ANY_WAY | set(own.then)
    verdicts = () if reference is None else judge_performance(
        found, reference, judged, budget=probability, floor=floor, either_way=either_way
    )  # fmt: skip
    ratio = verdicts[0].ratio if verdicts else 0.0
    state = state if state or verdicts else "warming up"  # what is judged is not defined by these rows
    how = _how(verdicts, reference, judged, context.rows)
    by_time = how == "by time"
    extra: dict[str, Any] = {
        "rows": context.rows,
        "reference_rows": reference.rows if reference else 0,
        "detected_threshold" if by_time else "potential_threshold": 1.0,
        **({"compared": compared_words(rows, reference.rows)} if reference else {}),
        "values": _values(found, verdicts),
        "findings": [verdict_words(each) for each in verdicts],
        **({"power": power} if (power := power_words(verdicts)) else {}),
        "why": threshold_words(budget, probability, " and ".join(judged), how),
        "budget": budget.shown(),
        "floor": floor,
        "calibration": {"how": how},
        "next": next_words(state, how, is_alarm=ratio >= 1),
    }
    return Evidence(ratio, state, by_time, extra)


def _how(
    verdicts: Sequence[MetricVerdict],
    reference: PerformanceReference | None,
    judged: Sequence[str],
    rows: int,
) -> How:
    """Of the worst verdict; before there is one, what a verdict on all `rows` of the window will rest on."""
    names = [each.name for each in verdicts[:1]] or judged
    known = [reference.metrics[name].stretches for name in names if reference and name in reference.metrics]
    if reference is None or not known:
        return "assumed independent"
    return how_known(known[0], reference.rows, verdicts[0].now.rows if verdicts else rows)


def _of_its_size(
    asked: Judging, found: Mapping[str, Estimate], has_actuals: bool
) -> PerformanceReference | None:
    """The reference; metrics whose value depends on the number of rows are those of windows like this one."""
    reference = asked.context.performance_reference
    names = [name for name in asked.judged if name in OF_SIZE and name in found and has_actuals]
    if reference is None or not names:
        return reference
    known, rows = reference.kept, int(asked.rows.known.sum())
    drawn = {name: known and own_reference(_value_of(name), known, rows) for name in names}
    rest = {name: each for name, each in reference.metrics.items() if name not in names}
    return replace(reference, metrics={**rest, **{name: each for name, each in drawn.items() if each}})


def _value_of(name: str) -> Callable[[TaskRows], float]:
    return lambda rows: metrics_of(rows)[name](rows).value


def _values(found: Mapping[str, Estimate], verdicts: Sequence[MetricVerdict]) -> dict[str, dict[str, Any]]:
    judged = {
        each.name: {"reference": each.then, "least": each.least, "ratio": each.ratio} for each in verdicts
    }
    return {
        name: {key: number for key, number in {
            "value": each.value, "low": each.low, "high": each.high, **judged.get(name, {}),
        }.items() if math.isfinite(number)}
        for name, each in found.items()
    }  # fmt: skip


def _selection(rows: TaskRows) -> dict[str, Any]:
    """Whether those whose actuals have come scored like those that wait: shows a choice, and mends none."""
    if rows.score is None or rows.score.ndim > 1 or rows.known.all() or not rows.known.any():
        return {}
    import numpy as np

    sides = {"known": rows.score[rows.known], "waiting": rows.score[~rows.known]}
    means = {name: float(np.nanmean(each)) for name, each in sides.items() if np.isfinite(each).any()}
    return {"mean_score": means}


def _slices(context: MonitoringApplicationContext, found: Sequence[Slice]) -> dict[str, list[dict[str, Any]]]:
    shown: dict[str, list[dict[str, Any]]] = {}
    for each in found[:SHOWN]:
        private = is_private(context.settings, each.feature)
        told = {"loss": each.loss, "elsewhere": each.rest, "share": each.share, "rows": each.rows}
        words = slice_words(each, private=private)
        cell = {} if private else {"cell": each.cell}
        shown.setdefault(each.feature, []).append({**cell, **told, "words": words})
    return shown


def _causes(asked: Judging, loss: NDArray[np.float64]) -> dict[str, dict[str, Any]]:
    """The features that moved: those that raised the loss, the worst first, then the harmless ones."""
    features = {name: asked.cells[name] for name in asked.context.feature_names if name in asked.cells}
    return {each.feature: _cause(each) for each in ranked_causes(features, loss) if _is_told(each)}


def _is_told(cause: Cause) -> bool:
    return cause.is_harmful or cause.is_harmless


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "part": cause.part,
        "error": cause.error,
        "harmful": cause.is_harmful,
        "words": cause_words(cause),
    }
