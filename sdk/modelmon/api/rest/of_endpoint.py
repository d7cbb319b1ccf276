"""One endpoint: its features in a window, its windows, its traffic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import refused
from modelmon.api.rest.known_endpoint import known_endpoint
from modelmon.api.rest.mlrun.metric_values import Between, span_asked
from modelmon.api.rest.paging import PageSize
from modelmon.api.routes import Route
from modelmon.errors import ConfigError
from modelmon.views.deployments import Deployment, read_deployments
from modelmon.views.feature_page import FeaturePage, read_feature_page
from modelmon.views.traffic import MOST, TrafficBucket, read_traffic_buckets
from modelmon.views.windows import WindowPage, app_meant, list_windows
from modelmon.windows import WindowState

BASE = "/api/v1/projects/{project}/model-endpoints/{uid}"


class InWindow(msgspec.Struct, frozen=True):
    """A moment in the window; without one it is the newest that was judged whole."""

    window: datetime | None = None


class WindowsListed(msgspec.Struct, kw_only=True, frozen=True):
    """Of which app, in which of these states; `page-token` is `before` of the page before."""

    application: str = ""
    state: tuple[WindowState, ...] = ()
    page_size: PageSize = 100
    page_token: datetime | None = None


class Buckets(Between, kw_only=True, frozen=True):
    """At most so many buckets; each is of a minute or longer."""

    buckets: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = MOST


@dataclass(frozen=True, slots=True)
class Traffic:
    """The buckets with traffic from `start` on until `end`, in order."""

    start: datetime
    end: datetime
    buckets: tuple[TrafficBucket, ...]


def features(asked: Asked, wanted: InWindow) -> FeaturePage:
    with asked.database.read() as connection:
        uid = known_endpoint(asked, connection).endpoint_id
    return read_feature_page(asked.database, asked.series, asked.settings, uid, asked.now_us, wanted.window)


def windows(asked: Asked, wanted: WindowsListed) -> WindowPage:
    with asked.database.read() as connection:
        uid = known_endpoint(asked, connection).endpoint_id
        try:
            app = app_meant(connection, wanted.application)
        except ConfigError as error:
            raise refused(error, 400, "application") from None
        return list_windows(
            connection, asked.settings, uid, app, states=wanted.state, limit=wanted.page_size,
            before=wanted.page_token,
        )  # fmt: skip


def traffic(asked: Asked, wanted: Buckets) -> Traffic:
    start, end = span_asked(asked, wanted)
    with asked.database.read() as connection:
        uid = known_endpoint(asked, connection).endpoint_id
    found = read_traffic_buckets(asked.database, asked.series, uid, start, end, wanted.buckets)
    return Traffic(start, end, found)


def deployed(asked: Asked, wanted: Between) -> tuple[Deployment, ...]:
    start, end = span_asked(asked, wanted)
    with asked.database.read() as connection:
        uid = known_endpoint(asked, connection).endpoint_id
        return read_deployments(connection, uid, start, end)


ROUTES = (
    Route(
        "GET", f"{BASE}/features", features,
        "Every feature in one window beside its reference, the most changed first.", InWindow,
    ),
    Route("GET", f"{BASE}/windows", windows, "The windows of an app, the newest first.", WindowsListed),
    Route("GET", f"{BASE}/deployments", deployed, "What was deployed anew, and what it was before.", Between),
    Route("GET", f"{BASE}/traffic", traffic, "Requests, rows, errors and latencies over time.", Buckets),
)  # fmt: skip
