"""Model endpoints as MLRun's client lists and reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.mlrun.shapes import MODES, ModelEndpoint, shown_endpoint
from modelmon.api.rest.mlrun.statistics import mean_latencies_us, with_features
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.errors import no_such
from modelmon.ledger import endpoints as records
from modelmon.model import Endpoint
from modelmon.model_monitoring import endpoints as registered
from modelmon.model_monitoring.erasing import forget_endpoint
from modelmon.views.endpoints import read_summaries

BASE = "/api/v1/projects/{project}/model-endpoints"


class Listed(msgspec.Struct, kw_only=True, frozen=True):
    """Which endpoints: conditions that have all to hold; `start` and `end` are of their creation. What only
    MLRun's platform knows (tags of functions, routers) changes nothing here."""

    name: tuple[str, ...] = ()
    model_name: str | None = None
    model_tag: str | None = None
    function_name: str | None = None
    function_tag: str | None = None
    label: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    tsdb_metrics: bool = False
    metric: tuple[str, ...] = ()
    top_level: bool = False
    mode: tuple[int, ...] = ()
    uid: tuple[str, ...] = ()
    latest_only: bool = False


class One(msgspec.Struct, kw_only=True, frozen=True):
    """Which of the endpoints of a name, and what of it. Without `tsdb-metrics` no latency is read;
    `feature-analysis` adds the reference, the newest statistics and distances of each feature."""

    endpoint_id: str | None = None
    function_name: str | None = None
    function_tag: str | None = None
    tsdb_metrics: bool = True
    metric: tuple[str, ...] = ()
    feature_analysis: bool = False


class Forgotten(msgspec.Struct, kw_only=True, frozen=True):
    """Which of the endpoints of a name."""

    endpoint_id: str | None = None
    function_name: str | None = None
    function_tag: str | None = None


@dataclass(frozen=True, slots=True)
class ModelEndpointList:
    """Endpoints by name."""

    endpoints: tuple[ModelEndpoint, ...]


def listed(asked: Asked, wanted: Listed) -> ModelEndpointList:
    labels = (each.partition("=") for each in wanted.label)
    with asked.database.read() as connection:
        found = registered.select(
            connection, names=wanted.name or None, model_name=wanted.model_name,
            function_name=wanted.function_name, uids=wanted.uid or None,
            labels={name: value if equals else None for name, equals, value in labels},
        )  # fmt: skip
        chosen = [each for each in found if _is_wanted(each, wanted)]
        return ModelEndpointList(tuple(_shown(connection, asked, chosen, wanted.tsdb_metrics)))


def one(asked: Asked, wanted: One) -> ModelEndpoint:
    with asked.database.read() as connection:
        endpoint = _found(connection, asked.path["name"], wanted)
        (shown,) = _shown(connection, asked, [endpoint], wanted.tsdb_metrics)
        return with_features(connection, asked, shown, endpoint) if wanted.feature_analysis else shown


def forget(asked: Asked, wanted: Forgotten) -> dict[str, str]:
    with asked.database.read() as connection:
        chosen = One(endpoint_id=wanted.endpoint_id, function_name=wanted.function_name)
        endpoint = _found(connection, asked.path["name"], chosen)
    forget_endpoint(asked.settings, endpoint.endpoint_id)
    return {"uid": endpoint.endpoint_id}


def _is_wanted(endpoint: Endpoint, wanted: Listed) -> bool:
    made = endpoint.created
    return (
        (not wanted.mode or MODES.get(endpoint.mode, 0) in wanted.mode)
        and (wanted.model_tag in (None, "latest", endpoint.version))
        and (wanted.start is None or (made is not None and made >= wanted.start))
        and (wanted.end is None or (made is not None and made <= wanted.end))
    )


def _found(connection: Connection, name: str, wanted: One) -> Endpoint:
    if wanted.endpoint_id:
        by_id = records.get(connection, wanted.endpoint_id)
        if by_id is not None and by_id.name == name:
            return by_id
        raise Problem(404, f"there is no endpoint {name!r} with the id {wanted.endpoint_id!r}", "endpoint-id")
    found = records.find(connection, name=name, function_name=wanted.function_name or None)
    if not found:
        names = [each.name for each in records.find(connection)]
        raise Problem(404, str(no_such(f"there is no endpoint {name!r}", name, names)), "name")
    if len(found) > 1:
        ids = ", ".join(each.endpoint_id for each in found)
        raise Problem(400, f"{len(found)} endpoints are called {name!r}; give endpoint-id: {ids}", "name")
    return found[0]


def _shown(
    connection: Connection, asked: Asked, endpoints: Sequence[Endpoint], with_latency: bool
) -> list[ModelEndpoint]:
    ids = [each.endpoint_id for each in endpoints]
    summaries = {each.endpoint_id: each for each in read_summaries(connection, asked.looking, ids)}
    latencies = mean_latencies_us(asked, ids) if with_latency and ids else {}
    return [
        shown_endpoint(asked.settings, each, summaries[each.endpoint_id], latencies.get(each.endpoint_id))
        for each in endpoints
        if each.endpoint_id in summaries
    ]


ROUTES = (
    Route("GET", BASE, listed, "The model endpoints, as MLRun's client lists them.", Listed),
    Route("GET", f"{BASE}/{{name}}", one, "One model endpoint, as MLRun's client reads it.", One),
    Route(
        "DELETE", f"{BASE}/{{name}}", forget, "Forget an endpoint and everything of it, for good.", Forgotten,
        role=Role.ADMIN,
    ),
)  # fmt: skip
