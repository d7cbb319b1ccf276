"""What the page shows of a project, for programs on another machine: as `model_monitoring.reading` has it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from modelmon.client.asking import Server
from modelmon.errors import ConfigError, no_such
from modelmon.model import Endpoint, from_us
from modelmon.model_monitoring.logged_artifacts import LoggedArtifact
from modelmon.model_monitoring.shown_metrics import MetricValues, MetricValuesList
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.views.app_runs import AppRun
from modelmon.views.artifacts import ArtifactPage, ArtifactView
from modelmon.views.comparison import Comparison
from modelmon.views.deployments import Deployment
from modelmon.views.endpoint_rows import EndpointRow
from modelmon.views.feature_page import FeaturePage
from modelmon.views.full_names import MonitoringMetric
from modelmon.views.overview import Overview
from modelmon.views.traffic import TrafficBucket
from modelmon.views.windows import WindowPage

Names = Collection[str] | str | None


class Rows(msgspec.Struct, frozen=True):
    """Endpoints of a page of the list."""

    rows: list[EndpointRow]


class Buckets(msgspec.Struct, frozen=True):
    """The traffic of a time."""

    buckets: list[TrafficBucket]


class Logged(msgspec.Struct, frozen=True):
    """Files of the project."""

    artifacts: list[LoggedArtifact]


class RemoteReading:
    """Views over the API of a server."""

    server: Server
    base: str

    if TYPE_CHECKING:

        def list_model_endpoints(self, names: Names = None, *, uids: Names = None) -> list[Endpoint]: ...

    def get_overview(self, start: Time = None, end: Time = None) -> Overview:
        """The project at one look: endpoints by state, traffic, drift over time, what is open."""
        return self.server.get(f"{self.base}/overview", Overview, **_span(start, end))

    def get_features(self, endpoint: str, window: Time = None) -> FeaturePage:
        """Every feature in the window that holds this moment, else in the newest that was judged whole."""
        path = f"{self._of(endpoint)}/features"
        return self.server.get(path, FeaturePage, window=_written(window, "window"))

    def list_metrics(self, endpoint: str) -> list[MonitoringMetric]:
        """The metrics and results that apps gave of an endpoint, and its calls."""
        return self.server.get(f"{self._of(endpoint)}/metrics", list[MonitoringMetric])

    def get_metrics_values(
        self, endpoint: str, full_names: Sequence[str], start: Time = None, end: Time = None
    ) -> MetricValuesList:
        """Values in windows that start from `start` on until `end`, which a notebook shows as lines.
        `full_names` are those of `list_metrics`."""
        found = self.server.get(
            f"{self._of(endpoint)}/metrics-values", list[MetricValues], name=list(full_names),
            **_span(start, end),
        )  # fmt: skip
        return MetricValuesList(found)

    def get_traffic(self, endpoint: str, start: Time = None, end: Time = None) -> list[TrafficBucket]:
        """Requests, rows, errors and latencies over time."""
        return self.server.get(f"{self._of(endpoint)}/traffic", Buckets, **_span(start, end)).buckets

    def list_windows(
        self, endpoint: str, application: str = "", limit: int = 100, before: Time = None
    ) -> WindowPage:
        """The windows of an app that start before this, the newest first. Without a name of the only one."""
        return self.server.get(
            f"{self._of(endpoint)}/windows", WindowPage, application=application, page_size=limit,
            page_token=_written(before, "before"),
        )  # fmt: skip

    def list_deployments(self, endpoint: str, start: Time = None, end: Time = None) -> list[Deployment]:
        """Models, references and functions of an endpoint that came anew, and what they were before."""
        path = f"{self._of(endpoint)}/deployments"
        return self.server.get(path, list[Deployment], **_span(start, end))

    def get_comparison(
        self, first: str, second: str, start: Time = None, end: Time = None, window: Time = None
    ) -> Comparison:
        """Two endpoints on the same windows: facts, metrics, features, traffic.

        `window` is a moment in the one whose features are compared, without it the newest that both have.
        """
        ids = [self._called(each).endpoint_id for each in (first, second)]
        return self.server.get(
            f"{self.base}/comparison", Comparison, endpoint=ids, window=_written(window, "window"),
            **_span(start, end),
        )  # fmt: skip

    def list_app_runs(self, application: str, *, failed: bool = False, limit: int = 50) -> list[AppRun]:
        """What an app judged last and how that ended; with `failed` those alone that failed for good."""
        return self.server.get(
            f"{self.base}/runs", list[AppRun], application=application, failed=failed, page_size=limit
        )

    def list_app_artifacts(
        self, endpoint: str | None = None, application: str | None = None, window: Time = None,
        limit: int = 100, after: str = "",
    ) -> ArtifactPage:  # fmt: skip
        """What apps kept of windows, the newest windows first; `window` is the start of one."""
        return self.server.get(
            f"{self.base}/artifacts", ArtifactPage, application=application,
            endpoint=None if endpoint is None else self._called(endpoint).endpoint_id,
            window=_written(window, "window"), page_size=limit, page_token=after,
        )  # fmt: skip

    def list_logged_artifacts(self) -> list[LoggedArtifact]:
        """Files and data sets that were logged to the project itself, by key."""
        return self.server.get(f"{self.base}/artifacts/logged", Logged).artifacts

    def read_logged_artifact(self, key: str) -> bytes:
        """What is in one of `list_logged_artifacts`. A data set of a project with private columns is read
        where it is kept."""
        return self.server.get_file(f"{self.base}/artifacts/logged/content", key=key)

    def read_artifact(self, artifact: ArtifactView) -> bytes:
        """What is in one of `list_app_artifacts`."""
        return self.server.get_file(
            f"{self.base}/artifacts/content", endpoint=artifact.endpoint_id,
            application=artifact.application_name, window=artifact.start_infer_time.isoformat(),
            name=artifact.name,
        )  # fmt: skip

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


def _span(start: Time, end: Time) -> dict[str, Any]:
    return {"start": _written(start, "start"), "end": _written(end, "end")}


def _written(moment: Time, argument: str) -> str | None:
    return None if moment is None else from_us(moment_us(moment, argument, 0)).isoformat()
