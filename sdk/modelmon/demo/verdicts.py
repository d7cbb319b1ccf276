"""What the apps beside the histogram app said of each week, and what that comes to over the year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from modelmon.model import ResultStatusApp
from modelmon.views.results_in_words import extra_data

if TYPE_CHECKING:
    from modelmon.views.results import Result

DRIFT, PERFORMANCE, ESTIMATED, CONCEPT = "drift", "performance", "estimated_performance", "concept_drift"
RESULTS = (DRIFT, PERFORMANCE, ESTIMATED, CONCEPT)
ACCURACY = "accuracy"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One result of one week: its value, by its threshold, and what it stands on."""

    start: date
    status: ResultStatusApp
    value: float
    evidence: Mapping[str, Any]

    @property
    def is_judged(self) -> bool:
        return self.status != ResultStatusApp.irrelevant

    @property
    def is_alarm(self) -> bool:
        return self.status > ResultStatusApp.no_detection

    @property
    def accuracy(self) -> Mapping[str, float]:
        """`value`, `low` and `high`, and of what is judged its `reference`; {} where it is not known."""
        found: Mapping[str, float] = self.evidence.get("values", {}).get(ACCURACY, {})
        return found


@dataclass(frozen=True, slots=True)
class EstimatesOff:
    """Over `weeks` weeks: how far the estimate was from what came true, on average and at most, and in how
    many its band held the truth."""

    weeks: int
    mean: float
    most: float
    within: int


def verdicts(results: Iterable[Result], endpoint_id: str, result_name: str) -> tuple[Verdict, ...]:
    """The verdicts on an endpoint that are called so, by week."""
    found = [
        Verdict(
            each.start_infer_time.date(),
            ResultStatusApp(each.result_status),
            each.result_value,
            extra_data(each.result_extra_data),
        )
        for each in results
        if (each.endpoint_id, each.result_name) == (endpoint_id, result_name)
    ]
    return tuple(sorted(found, key=lambda verdict: verdict.start))


def estimates_off(estimated: Sequence[Verdict]) -> EstimatesOff | None:
    """How far to trust the estimate; None where nothing has come true."""
    found = [
        each.evidence["realised"][ACCURACY]
        for each in estimated
        if each.is_judged and ACCURACY in each.evidence.get("realised", {})
    ]
    if not found:
        return None
    off = [abs(each["off"]) for each in found]
    return EstimatesOff(len(off), sum(off) / len(off), max(off), sum(each["within"] for each in found))


def finding(evidence: Mapping[str, Any]) -> str:
    """What stands out most, in words: "temperature above the training range 19 %"; "" for nothing."""
    about = evidence.get("feature", "")
    said = evidence.get("findings", {})
    lines = said.get(about, []) if isinstance(said, Mapping) else []
    return str(lines[0]).partition(" (")[0].replace("`", "") if lines else ""


def causes(evidence: Mapping[str, Any]) -> dict[str, float]:
    """The features whose move raised the loss, and by how much, the worst first."""
    return {name: each["part"] for name, each in evidence.get("causes", {}).items() if each["harmful"]}
