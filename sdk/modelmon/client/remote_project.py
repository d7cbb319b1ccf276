"""A project whose server is somewhere else."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx
import msgspec

from modelmon.client.asking import Server
from modelmon.client.endpoints import Answered, AnsweredList
from modelmon.errors import ConfigError, no_such
from modelmon.model import Endpoint
from modelmon.model_monitoring.judging import Asked
from modelmon.model_monitoring.shown import EndpointList, with_reading
from modelmon.model_monitoring.shown_incidents import ShownIncidents
from modelmon.views.endpoint_rows import EndpointRow
from modelmon.views.feature_page import FeaturePage
from modelmon.views.incident_lists import IncidentPage
from modelmon.views.overview import Overview
from modelmon.views.traffic import TrafficBucket
from modelmon.views.windows import WindowPage

if TYPE_CHECKING:
    from modelmon.pages.report import Report

Names = Collection[str] | str | None


class MetricName(msgspec.Struct, frozen=True):
    """A metric or result; `full_name` asks for its values, `kind` is None of a metric."""

    app: str
    type: str
    name: str
    full_name: str
    kind: int | None


class MetricValues(msgspec.Struct, frozen=True):
    """Of a metric (time, value), of a result (time, value, status, extra data) in order; none without
    `data`."""

    full_name: str
    type: str
    data: bool
    values: list[tuple[Any, ...]] = []
    result_kind: int | None = None


class Rows(msgspec.Struct, frozen=True):
    """Endpoints of a page of the list."""

    rows: list[EndpointRow]


class Buckets(msgspec.Struct, frozen=True):
    """The traffic of a time."""

    buckets: list[TrafficBucket]


class RemoteProject:
    """The project `name` of the server at `url`; `token` says who asks, where the server wants to know.

    Raises ConfigError for what can't be, is refused, or is of another version, and UnavailableError while the
    server does not answer. `transport` answers in the place of the network.
    """

    def __init__(
        self, name: str, url: str, token: str = "", transport: httpx.BaseTransport | None = None
    ) -> None:
        self.name = name
        self._server = Server(url, token, transport)
        self._base = f"/api/v1/projects/{quote(name, safe='')}"

    def list_model_endpoints(
        self, names: Names = None, function_name: str | None = None, uids: Names = None
    ) -> EndpointList:
        """The endpoints that meet every condition, by name, each with its `status` of now."""
        found = self._server.get(
            f"{self._base}/model-endpoints", AnsweredList, name=_several(names), uid=_several(uids),
            function_name=function_name,
        )  # fmt: skip
        return EndpointList(with_reading(each.endpoint, self) for each in found.endpoints)

    def get_model_endpoint(self, endpoint: str) -> Endpoint:
        """The endpoint of this name or id, with its reference."""
        known = self._called(endpoint)
        path = f"{self._base}/model-endpoints/{quote(known.name, safe='')}"
        found = self._server.get(
            path, Answered, endpoint_id=known.endpoint_id, feature_analysis=True, tsdb_metrics=False
        )
        return with_reading(found.endpoint, self)

    def report(self, endpoint: Endpoint | str, window: datetime | None = None) -> Report:
        """As `project.report` on the project's own machine."""
        from modelmon.client.reports import read_report

        known = endpoint if isinstance(endpoint, Endpoint) else self._called(endpoint)
        path = f"{self._base}/model-endpoints/{known.endpoint_id}/report"
        return read_report(self._server.read(path, window=_written(window)), known.name)

    def read_rows(self, endpoint_ids: Sequence[str]) -> Sequence[EndpointRow]:
        """How these endpoints stand, one line each; one that is not there is left out."""
        return [
            row
            for each in endpoint_ids
            for row in self._server.get(f"{self._base}/endpoints", Rows, q=each, page_size=1).rows
            if row.endpoint.endpoint_id == each
        ]

    def read_features(self, endpoint_id: str) -> FeaturePage:
        """As `get_features`, of the endpoint of this id."""
        return self._server.get(f"{self._base}/model-endpoints/{endpoint_id}/features", FeaturePage)

    def list_incidents(
        self, endpoints: Names = None, applications: Names = None, *, only_open: bool = False,
        limit: int = 100, after: str = "",
    ) -> IncidentPage:  # fmt: skip
        """As `project.list_incidents` on the project's own machine."""
        chosen = (
            None if endpoints is None else [self._called(each).endpoint_id for each in _several(endpoints)]
        )
        page = self._server.get(
            f"{self._base}/incidents", IncidentPage, endpoint=chosen, app=_several(applications),
            only_open=only_open, page_size=limit, page_token=after,
        )  # fmt: skip
        return ShownIncidents(page.incidents, page.after)

    def list_metrics(self, endpoint: str) -> list[MetricName]:
        """The metrics and results that apps gave of an endpoint, and its calls."""
        return self._server.get(f"{self._of(endpoint)}/metrics", list[MetricName])

    def get_metrics_values(
        self, endpoint: str, full_names: Sequence[str], start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[MetricValues]:  # fmt: skip
        """Values in windows that start from `start` on until `end`: in the last 24 hours without them."""
        return self._server.get(
            f"{self._of(endpoint)}/metrics-values", list[MetricValues], name=list(full_names),
            start=_written(start), end=_written(end),
        )  # fmt: skip

    def get_overview(self, start: datetime | None = None, end: datetime | None = None) -> Overview:
        """The project at one look."""
        path = f"{self._base}/overview"
        return self._server.get(path, Overview, start=_written(start), end=_written(end))

    def get_features(self, endpoint: str, window: datetime | None = None) -> FeaturePage:
        """Every feature in the window that holds this moment, else in the newest one that was judged."""
        return self._server.get(f"{self._of(endpoint)}/features", FeaturePage, window=_written(window))

    def list_windows(
        self, endpoint: str, application: str = "", limit: int = 100, before: datetime | None = None
    ) -> WindowPage:
        """The windows of an app that start before this, the newest first."""
        return self._server.get(
            f"{self._of(endpoint)}/windows", WindowPage, application=application, page_size=limit,
            page_token=_written(before),
        )  # fmt: skip

    def get_traffic(
        self, endpoint: str, start: datetime | None = None, end: datetime | None = None
    ) -> list[TrafficBucket]:
        """Requests, rows, errors and latencies over time."""
        path = f"{self._of(endpoint)}/traffic"
        return self._server.get(path, Buckets, start=_written(start), end=_written(end)).buckets

    def judge_windows(
        self, application_name: str, start: datetime, end: datetime | None = None, endpoints: Names = None
    ) -> Asked:
        """Ask an app for windows again, as an operator."""
        names = None if endpoints is None else _several(endpoints)
        body = {"application": application_name, "start": start, "end": end, "endpoints": names}
        return self._server.post(f"{self._base}/windows/rerun", Asked, body)

    def close(self) -> None:
        """Of the connections to the server."""
        self._server.close()

    def _of(self, endpoint: str) -> str:
        return f"{self._base}/model-endpoints/{self._called(endpoint).endpoint_id}"

    def _called(self, endpoint: str) -> Endpoint:
        found = self.list_model_endpoints(uids=endpoint) or self.list_model_endpoints(names=endpoint)
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(each.endpoint_id for each in found)
            raise ConfigError(f"endpoint: {len(found)} are called {endpoint!r}; give the id of one: {ids}")
        names = [each.name for each in self.list_model_endpoints()]
        raise no_such(f"endpoint: there is no {endpoint!r}", endpoint, names)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _several(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names or ())


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
