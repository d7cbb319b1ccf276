"""What only programs ask of a project, beside its own methods: views as the page has them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from modelmon.client.asking import Server
from modelmon.client.metric_values import MetricValues, MetricValuesList
from modelmon.errors import ConfigError, no_such
from modelmon.model import Endpoint
from modelmon.views.artifacts import ArtifactView
from modelmon.views.endpoint_rows import EndpointRow
from modelmon.views.feature_page import FeaturePage
from modelmon.views.overview import Overview
from modelmon.views.traffic import TrafficBucket
from modelmon.views.windows import WindowPage

Names = Collection[str] | str | None


class MetricName(msgspec.Struct, frozen=True):
    """A metric or result; `full_name` asks for its values, `kind` is None of a metric."""

    app: str
    type: str
    name: str
    full_name: str
    kind: int | None


class Rows(msgspec.Struct, frozen=True):
    """Endpoints of a page of the list."""

    rows: list[EndpointRow]


class Buckets(msgspec.Struct, frozen=True):
    """The traffic of a time."""

    buckets: list[TrafficBucket]


class ArtifactPage(msgspec.Struct, frozen=True):
    """Some artifacts; `after` asks for the next page, "" on the last one."""

    artifacts: list[ArtifactView]
    after: str


class RemoteReading:
    """Views over the API of a server."""

    server: Server
    base: str

    if TYPE_CHECKING:

        def list_model_endpoints(self, names: Names = None, *, uids: Names = None) -> list[Endpoint]: ...

    def list_metrics(self, endpoint: str) -> list[MetricName]:
        """The metrics and results that apps gave of an endpoint, and its calls."""
        return self.server.get(f"{self._of(endpoint)}/metrics", list[MetricName])

    def get_metrics_values(
        self, endpoint: str, full_names: Sequence[str], start: datetime | None = None,
        end: datetime | None = None,
    ) -> MetricValuesList:  # fmt: skip
        """Values in windows that start from `start` on until `end`: in the last 24 hours without them."""
        found = self.server.get(
            f"{self._of(endpoint)}/metrics-values", list[MetricValues], name=list(full_names),
            start=_written(start), end=_written(end),
        )  # fmt: skip
        return MetricValuesList(found)

    def get_overview(self, start: datetime | None = None, end: datetime | None = None) -> Overview:
        """The project at one look."""
        path = f"{self.base}/overview"
        return self.server.get(path, Overview, start=_written(start), end=_written(end))

    def get_features(self, endpoint: str, window: datetime | None = None) -> FeaturePage:
        """Every feature in the window that holds this moment, else in the newest one that was judged."""
        return self.server.get(f"{self._of(endpoint)}/features", FeaturePage, window=_written(window))

    def read_rows(self, endpoint_ids: Sequence[str]) -> Sequence[EndpointRow]:
        """How these endpoints stand, one line each; one that is not there is left out."""
        return [
            row
            for each in endpoint_ids
            for row in self.server.get(f"{self.base}/endpoints", Rows, q=each, page_size=1).rows
            if row.endpoint.endpoint_id == each
        ]

    def read_features(self, endpoint_id: str) -> FeaturePage:
        """As `get_features`, of the endpoint of this id."""
        return self.server.get(f"{self.base}/model-endpoints/{endpoint_id}/features", FeaturePage)

    def list_windows(
        self, endpoint: str, application: str = "", limit: int = 100, before: datetime | None = None
    ) -> WindowPage:
        """The windows of an app that start before this, the newest first."""
        return self.server.get(
            f"{self._of(endpoint)}/windows", WindowPage, application=application, page_size=limit,
            page_token=_written(before),
        )  # fmt: skip

    def get_traffic(
        self, endpoint: str, start: datetime | None = None, end: datetime | None = None
    ) -> list[TrafficBucket]:
        """Requests, rows, errors and latencies over time."""
        path = f"{self._of(endpoint)}/traffic"
        return self.server.get(path, Buckets, start=_written(start), end=_written(end)).buckets

    def list_artifacts(
        self, endpoint: str | None = None, application: str | None = None, window: datetime | None = None,
        limit: int = 100, after: str = "",
    ) -> ArtifactPage:  # fmt: skip
        """What apps kept of windows, the newest windows first; `window` is the start of one."""
        return self.server.get(
            f"{self.base}/artifacts", ArtifactPage, application=application, window=_written(window),
            endpoint=None if endpoint is None else self._called(endpoint).endpoint_id, page_size=limit,
            page_token=after,
        )  # fmt: skip

    def read_artifact(self, artifact: ArtifactView) -> bytes:
        """What is in one of `list_artifacts`."""
        return self.server.get_file(
            f"{self.base}/artifacts/content", endpoint=artifact.endpoint_id,
            application=artifact.application_name, window=_written(artifact.start_infer_time),
            name=artifact.name,
        )  # fmt: skip

    def _of(self, endpoint: str) -> str:
        return f"{self.base}/model-endpoints/{self._called(endpoint).endpoint_id}"

    def _called(self, endpoint: str) -> Endpoint:
        found = self.list_model_endpoints(uids=endpoint) or self.list_model_endpoints(names=endpoint)
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(each.endpoint_id for each in found)
            raise ConfigError(f"endpoint: {len(found)} are called {endpoint!r}; give the id of one: {ids}")
        names = [each.name for each in self.list_model_endpoints()]
        raise no_such(f"endpoint: there is no {endpoint!r}", endpoint, names)


def several(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names or ())


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
