"""What the page shows of a project, for programs on its own machine; `client.reading` is for others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from modelmon.errors import ConfigError
from modelmon.model import from_us, wall_clock_us
from modelmon.model_monitoring.endpoints import called
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series import open_series
from modelmon.stores.series.base import SeriesStore

if TYPE_CHECKING:
    from modelmon.model_monitoring.logged_artifacts import LoggedArtifact
    from modelmon.model_monitoring.shown_metrics import MetricValuesList
    from modelmon.views.app_runs import AppRun
    from modelmon.views.artifacts import ArtifactPage, ArtifactView
    from modelmon.views.comparison import Comparison
    from modelmon.views.deployments import Deployment
    from modelmon.views.endpoint_facts import Looking
    from modelmon.views.feature_page import FeaturePage
    from modelmon.views.full_names import MonitoringMetric
    from modelmon.views.overview import Overview
    from modelmon.views.traffic import TrafficBucket
    from modelmon.views.windows import WindowPage

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stores:
    """Of a project, while something is read of it."""

    settings: Settings
    database: Database
    series: SeriesStore
    now_us: int

    @property
    def looking(self) -> Looking:
        from modelmon.views.endpoint_facts import Looking

        return Looking(self.now_us, self.settings)

    def id_of(self, endpoint: str) -> str:
        """Of the endpoint of this name or id. Raises ConfigError for what nothing or several are called."""
        with self.database.read() as connection:
            return called(connection, endpoint).endpoint_id

    def span(self, start: Time, end: Time) -> tuple[datetime, datetime]:
        """The 24 hours before `end`, and `end` is now, unless they are given."""
        until = from_us(moment_us(end, "end", self.now_us))
        since = until - DAY if start is None else from_us(moment_us(start, "start", 0))
        if since >= until:
            raise ConfigError(f"start: {since:%Y-%m-%d %H:%M} is not before the end, {until:%Y-%m-%d %H:%M}")
        return since, until


@contextmanager
def stores_of(settings: Settings) -> Iterator[Stores]:
    """Closed at the end. Raises UnavailableError while they don't answer."""
    with opened(settings) as database, closing(open_series(settings)) as series:
        yield Stores(settings, database, series, wall_clock_us())


def moment_of(value: Time, argument: str) -> datetime | None:
    """A time as a person writes it."""
    return None if value is None else from_us(moment_us(value, argument, 0))


class ReadProject:
    """The methods of a project that read what its page shows. Of times without `start` and `end` the last 24
    hours are meant; `endpoint` is a name or an id."""

    if TYPE_CHECKING:

        @property
        def settings(self) -> Settings: ...

    def get_overview(self, start: Time = None, end: Time = None) -> Overview:
        """The project at one look: endpoints by state, traffic, drift over time, what is open."""
        from modelmon.views.overview import read_overview

        with stores_of(self.settings) as stores:
            span = stores.span(start, end)
            return read_overview(stores.database, stores.series, {}, stores.looking, *span)

    def get_features(self, endpoint: str, window: Time = None) -> FeaturePage:
        """Every feature in the window that holds this moment, else in the newest that was judged whole."""
        from modelmon.views.feature_page import read_feature_page

        with stores_of(self.settings) as stores:
            return read_feature_page(
                stores.database, stores.series, self.settings, stores.id_of(endpoint), stores.now_us,
                moment_of(window, "window"),
            )  # fmt: skip

    def list_metrics(self, endpoint: str) -> list[MonitoringMetric]:
        """The metrics and results that apps gave of an endpoint, and its calls."""
        from modelmon.views.full_names import read_monitoring_metrics

        with stores_of(self.settings) as stores:
            uid = stores.id_of(endpoint)
            return [*read_monitoring_metrics(stores.database, stores.series, self.settings.project, uid)]

    def get_metrics_values(
        self, endpoint: str, full_names: Sequence[str], start: Time = None, end: Time = None
    ) -> MetricValuesList:
        """Values in windows that start from `start` on until `end`, which a notebook shows as lines.
        `full_names` are those of `list_metrics`."""
        from modelmon.model_monitoring.shown_metrics import values_to_show
        from modelmon.views.metric_values import read_metric_values

        with stores_of(self.settings) as stores:
            found = read_metric_values(
                stores.database, stores.series, self.settings, stores.id_of(endpoint), full_names,
                *stores.span(start, end),
            )  # fmt: skip
        return values_to_show(found)

    def get_traffic(self, endpoint: str, start: Time = None, end: Time = None) -> list[TrafficBucket]:
        """Requests, rows, errors and latencies over time."""
        from modelmon.views.traffic import read_traffic_buckets

        with stores_of(self.settings) as stores:
            uid, span = stores.id_of(endpoint), stores.span(start, end)
            return [*read_traffic_buckets(stores.database, stores.series, uid, *span)]

    def list_windows(
        self, endpoint: str, application: str = "", limit: int = 100, before: Time = None
    ) -> WindowPage:
        """The windows of an app that start before this, the newest first. Without a name of the only one."""
        from modelmon.views.windows import app_meant, list_windows

        with stores_of(self.settings) as stores:
            uid = stores.id_of(endpoint)
            with stores.database.read() as connection:
                return list_windows(
                    connection, self.settings, uid, app_meant(connection, application), limit=limit,
                    before=moment_of(before, "before"),
                )  # fmt: skip

    def list_deployments(self, endpoint: str, start: Time = None, end: Time = None) -> list[Deployment]:
        """Models, references and functions of an endpoint that came anew, and what they were before."""
        from modelmon.views.deployments import read_deployments

        with stores_of(self.settings) as stores:
            uid, span = stores.id_of(endpoint), stores.span(start, end)
            with stores.database.read() as connection:
                return [*read_deployments(connection, uid, *span)]

    def get_comparison(
        self, first: str, second: str, start: Time = None, end: Time = None, window: Time = None
    ) -> Comparison:
        """Two endpoints on the same windows: facts, metrics, features, traffic.

        `window` is a moment in the one whose features are compared, without it the newest that both have.
        """
        from modelmon.views.comparison import read_comparison

        with stores_of(self.settings) as stores:
            return read_comparison(
                stores.database, stores.series, stores.looking, (first, second), *stores.span(start, end),
                moment_of(window, "window"),
            )  # fmt: skip

    def list_app_runs(self, application: str, *, failed: bool = False, limit: int = 50) -> list[AppRun]:
        """What an app judged last and how that ended; with `failed` those alone that failed for good."""
        from modelmon.views.app_runs import newest_runs

        with opened(self.settings) as database, database.read() as connection:
            return [*newest_runs(connection, self.settings, application, failed=failed, limit=limit)]

    def list_app_artifacts(
        self, endpoint: str | None = None, application: str | None = None, window: Time = None,
        limit: int = 100, after: str = "",
    ) -> ArtifactPage:  # fmt: skip
        """What apps kept of windows, the newest windows first; `window` is the start of one."""
        from modelmon.views.artifacts import ArtifactQuery, list_artifacts

        with opened(self.settings) as database, database.read() as connection:
            uid = None if endpoint is None else called(connection, endpoint).endpoint_id
            query = ArtifactQuery(uid, application, moment_of(window, "window"), limit, after)
            return list_artifacts(connection, query)

    def list_logged_artifacts(self) -> list[LoggedArtifact]:
        """Files and data sets that were logged to the project itself, by key."""
        from modelmon.model_monitoring.logged_artifacts import list_logged

        return [*list_logged(self.settings)]

    def read_logged_artifact(self, key: str) -> bytes:
        """What is in one of `list_logged_artifacts`. A data set of a project with private columns is read
        where it is kept."""
        from modelmon.model_monitoring.logged_artifacts import read_logged

        return read_logged(self.settings, key)[1]

    def read_artifact(self, artifact: ArtifactView) -> bytes:
        """What is in one of `list_app_artifacts`."""
        from modelmon.stores.artifacts import read_artifact

        return read_artifact(self.settings, artifact.path)
