"""One endpoint at a look: verdicts first, then what came in, what it is and what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelmon.api.asked import Asked
from modelmon.api.frame import address
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.endpoints import last_addresses
from modelmon.api.screens.features import written
from modelmon.api.screens.of_endpoint import OfEndpoint, of_endpoint, tab_address
from modelmon.api.screens.traffic_charts import traffic_charts
from modelmon.api.time_range import Ranged
from modelmon.charts import Mark, bullet, overlay
from modelmon.charts.markup import Svg
from modelmon.pages.marks import marks_of_deployments, marks_of_incidents
from modelmon.views.app_cards import ResultCard
from modelmon.views.bin_shares import bin_shares
from modelmon.views.endpoint_overview import EndpointOverview, read_endpoint_overview
from modelmon.views.endpoint_states import TROUBLES, WORST_FIRST
from modelmon.views.feature_words import in_words
from modelmon.views.features import FeatureView
from modelmon.views.last_verdicts import read_last_verdicts
from modelmon.views.newest_features import read_newest_features

WORST = 3
"""So many features are shown with their picture."""


@dataclass(frozen=True, slots=True)
class WorstFeature:
    """A feature that changed, with its picture, what happened to it, and where it is shown large."""

    feature: FeatureView
    histogram: Svg
    words: str
    address: str


def overview(asked: Asked, ranged: Ranged) -> Page:
    """What its apps say and why, traffic over the time shown, identity, reference, changes."""
    of = of_endpoint(asked, ranged, "overview")
    span, one = of.frame.span, of.endpoint
    found = read_endpoint_overview(
        asked.database, asked.series, asked.looking, one.endpoint_id, span.start, span.end
    )
    now = read_newest_features(asked.database, asked.series, asked.settings, one.endpoint_id, asked.now_us)
    worst = [each for each in now.features if each.score is not None][:WORST]
    silent = read_last_verdicts(asked.database, asked.series, asked.settings, [one])
    last = silent.get(one.endpoint_id)
    values = {
        "last": last, "last_addresses": last_addresses(asked, last) if last else ("", ""),
        "worst_states": _states(found, worst),
        "cards": sorted(found.cards, key=lambda each: (each.quiet, WORST_FIRST.index(each.state))),
        "folded": _folded(found),
        "of": of, "found": found, "bullet": _bullet, "worst": _worst(asked, of, worst),
        "newer": now.newer,
        "charts": traffic_charts(found.traffic, span, _marks(found)),
        "features_of": lambda each: tab_address(asked, one, "features", window=written(each.start)),
        "incident": lambda number: address(asked, "incidents", str(number)),
        "alike": address(asked, "endpoints", function=one.function_name) if one.function_name else "",
        "endpoint_of": lambda each: address(asked, "endpoints", each.endpoint_id),
        "features": tab_address(asked, one, "features"),
    }  # fmt: skip
    return Page("overview.html", values)


def _folded(found: EndpointOverview) -> set[str]:
    """The apps of which a line is enough: of several those with nothing that somebody has to look at."""
    if len(found.cards) < 2:
        return set()
    return {each.application_name for each in found.cards if each.quiet or each.state not in TROUBLES}


def _worst(asked: Asked, of: OfEndpoint, features: Sequence[FeatureView]) -> list[WorstFeature]:
    found = []
    for each in features:
        shares = bin_shares(each.reference, each.sample)
        picture = overlay(shares.names, shares.reference, shares.current, label=each.feature)
        query = {"name": each.feature, "window": written(each.start_infer_time)}
        place = tab_address(asked, of.endpoint, "feature", **query)
        found.append(WorstFeature(each, picture, in_words(each), place))
    return found


def _states(found: EndpointOverview, shown: Sequence[FeatureView]) -> Sequence[str]:
    """What stands beside the verdict on the window of the features that are shown."""
    start = shown[0].start_infer_time if shown else None
    results = (result for card in found.cards for result in card.results)
    return next((each.states for each in results if each.start == start), ())


def _bullet(result: ResultCard) -> Svg:
    suspected, detected = result.thresholds
    judged = result.status >= 0
    return bullet(result.value, label=result.name, suspected=suspected, detected=detected, judged=judged)


def _marks(found: EndpointOverview) -> list[Mark]:
    return [*marks_of_incidents(found.incidents), *marks_of_deployments(found.deployments)]


ROUTES = (
    Route(
        "GET", "/projects/{project}/endpoints/{uid}", overview,
        "An endpoint: verdicts, traffic, identity, reference.", Ranged, kind=Kind.PAGE,
    ),
)  # fmt: skip
