"""What the year came to, endpoint by endpoint, read from what `modelmon status` shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from modelmon.demo.verdicts import RESULTS, Verdict, verdicts
from modelmon.model import ResultStatusApp

if TYPE_CHECKING:
    from modelmon.views.endpoints import EndpointSummary
    from modelmon.views.results import Result

GENERAL, FEATURE = "general_drift", "feature_drift"


@dataclass(frozen=True, slots=True)
class FeatureScore:
    """How far one feature was from its reference in one week."""

    feature: str
    week: date
    score: float
    distances: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Week:
    """One window's two results. `features` is the worst first; `state` says why there is no verdict."""

    start: date
    status: ResultStatusApp
    feature_drift: float
    general_status: ResultStatusApp
    general_drift: float
    rows: int
    features: tuple[FeatureScore, ...]
    state: str = ""

    @property
    def is_judged(self) -> bool:
        return not self.state


@dataclass(frozen=True, slots=True)
class Outcome:
    """All weeks of one endpoint, in order, and what the stream function counted of its traffic."""

    endpoint_name: str
    received: int
    failed: int  # weeks on which an app failed for good
    weeks: tuple[Week, ...]
    verdicts: Mapping[str, tuple[Verdict, ...]] = field(default_factory=dict)
    """Of the other apps, by the name of the result."""

    @property
    def judged(self) -> list[Week]:
        return [week for week in self.weeks if week.is_judged]

    def judged_as(self, result_name: str) -> list[Verdict]:
        """The weeks that have a verdict of this name."""
        return [verdict for verdict in self.verdicts.get(result_name, ()) if verdict.is_judged]

    def first(self, status: ResultStatusApp) -> Week | None:
        """The first week that was judged so, or worse."""
        return next((week for week in self.judged if week.status >= status), None)

    def worst_features(self) -> list[FeatureScore]:
        """Of each feature the week in which it was furthest from its reference; the worst first."""
        worst: dict[str, FeatureScore] = {}
        for found in (feature for week in self.judged for feature in week.features):
            if found.feature not in worst or found.score > worst[found.feature].score:
                worst[found.feature] = found
        return sorted(worst.values(), key=lambda found: -found.score)


def outcomes(
    endpoints: Iterable[EndpointSummary], results: Iterable[Result], application_name: str
) -> list[Outcome]:
    """An outcome for each endpoint, by name, with the weeks that the app and those beside it have judged."""
    results = list(results)
    by_endpoint: dict[str, list[Result]] = {}
    for result in results:
        if result.application_name == application_name:
            by_endpoint.setdefault(result.endpoint_id, []).append(result)
    found = [
        Outcome(
            endpoint.endpoint_name,
            endpoint.received,
            endpoint.windows["failed"],
            tuple(_weeks(by_endpoint.get(endpoint.endpoint_id, []))),
            {name: verdicts(results, endpoint.endpoint_id, name) for name in RESULTS},
        )
        for endpoint in endpoints
    ]
    return sorted(found, key=lambda outcome: outcome.endpoint_name)


def _weeks(results: Iterable[Result]) -> Iterable[Week]:
    windows: dict[datetime, dict[str, Result]] = {}
    for result in results:
        windows.setdefault(result.start_infer_time, {})[result.result_name] = result
    for start, named in sorted(windows.items()):
        if GENERAL in named and FEATURE in named:
            yield _week(start.date(), named[FEATURE], named[GENERAL])


def _week(start: date, feature: Result, general: Result) -> Week:
    evidence = msgspec.json.decode(feature.result_extra_data)
    return Week(
        start=start,
        status=ResultStatusApp(feature.result_status),
        feature_drift=feature.result_value,
        general_status=ResultStatusApp(general.result_status),
        general_drift=general.result_value,
        rows=evidence["rows"],
        features=tuple(
            FeatureScore(name, start, found["score"], {k: v for k, v in found.items() if k != "score"})
            for name, found in evidence.get("features", {}).items()
        ),
        state=evidence.get("state", ""),
    )
