"""Metrics and results of endpoints: which there are, and their values, as MLRun's client reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.known_endpoint import known_endpoint
from modelmon.api.rest.mlrun.endpoints import BASE
from modelmon.api.routes import Route
from modelmon.ledger import endpoints as records
from modelmon.views.full_names import MonitoringMetric, read_monitoring_metrics

MOST_ENDPOINTS = 100
Wanted = Literal["results", "metrics", "all"]


class Typed(msgspec.Struct, kw_only=True, frozen=True):
    """Results, metrics or both."""

    type: Wanted = "all"


class OfSeveral(Typed, kw_only=True, frozen=True):
    """Of which endpoints. `separation` lists them one by one, `intersection` what all of them have."""

    endpoint_id: tuple[str, ...] = ()
    events_format: Literal["separation", "intersection"] = "separation"


def of_one(asked: Asked, wanted: Typed) -> list[MonitoringMetric]:
    with asked.database.read() as connection:
        endpoint = known_endpoint(asked, connection)
    return list(_named(asked, endpoint.endpoint_id, wanted.type))


def of_several(asked: Asked, wanted: OfSeveral) -> dict[str, list[MonitoringMetric]]:
    ids = list(dict.fromkeys(wanted.endpoint_id))
    if not 1 <= len(ids) <= MOST_ENDPOINTS:
        raise Problem(
            400, f"endpoint-id: name 1 to {MOST_ENDPOINTS} endpoints, got {len(ids)}", "endpoint-id"
        )
    with asked.database.read() as connection:
        known = records.get_many(connection, ids)
    if unknown := [each for each in ids if each not in known]:
        raise Problem(404, f"there is no endpoint with the id {unknown[0]!r}", "endpoint-id")
    found = {each: list(_named(asked, each, wanted.type)) for each in ids}
    return found if wanted.events_format == "separation" else _intersection(list(found.values()))


def _intersection(found: list[list[MonitoringMetric]]) -> dict[str, list[MonitoringMetric]]:
    everywhere = [each for each in found[0] if all(each in others for others in found)]
    return {
        "intersect_metrics": [each for each in everywhere if each.type == "metric"],
        "intersect_results": [each for each in everywhere if each.type == "result"],
    }


def _named(asked: Asked, endpoint_id: str, wanted: Wanted) -> Iterator[MonitoringMetric]:
    found = read_monitoring_metrics(asked.database, asked.series, asked.settings.project, endpoint_id)
    return (each for each in found if wanted in ("all", f"{each.type}s"))


ROUTES = (
    Route(
        "GET", f"{BASE}/{{uid}}/metrics", of_one,
        "The metrics and results that apps gave of an endpoint, as MLRun's client reads them.", Typed,
    ),
    Route(
        "GET", "/api/v1/projects/{project}/model-monitoring/metrics", of_several,
        "The metrics and results of several endpoints, each its own or what all have.", OfSeveral,
    ),
)  # fmt: skip
