"""What an app sees of the window it judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelmon.alarm_budget import AlarmBudget, read_budget
from modelmon.apps.artifacts import (
    Artifact,
    PlotlyArtifact,
    content_of,
    dataset,
    location,
    temporary_folder,
)
from modelmon.apps.budget import BudgetShare, share_of
from modelmon.apps.budget_sharers import Sharers
from modelmon.apps.context_project import ContextProject
from modelmon.apps.kept import Kept
from modelmon.apps.logger import AppLogger, app_logger
from modelmon.apps.past_windows import PastWindows
from modelmon.apps.sample_frames import histograms, to_arrow, to_pandas
from modelmon.apps.served_rows import Served, served_sample
from modelmon.apps.window_traffic import WindowTraffic, traffic_of_rows
from modelmon.column_names import ACTUAL_PREFIX
from modelmon.drift_choices.choices import DriftChoices
from modelmon.errors import ConfigError
from modelmon.from_mlrun import missing
from modelmon.ledger.budget_settings import BudgetSettings
from modelmon.model import Endpoint, Window
from modelmon.settings import Settings
from modelmon.window_sums import WindowSums
from modelmon.windows import PARTIAL

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from modelmon.apps.results import Output
    from modelmon.apps.window_traffic import TrafficReader
    from modelmon.ledger.contracts import KeptContract
    from modelmon.sql.database import Database
    from modelmon.stats.frames import Frame
    from modelmon.stats.performance.reference import PerformanceReference
    from modelmon.stats.profile import Profile


class MonitoringApplicationContext:
    """One endpoint over one window `[start_infer_time, end_infer_time)`, read when it is asked for.

    Beside MLRun's names there are `window`, `window_incomplete`, `window_is_partial`, `window_revision`,
    `rows`, `sample` (Arrow), `actuals` and `settings`. `window_incomplete` is made of bits: 1 the data begin
    inside the window, 2 they end inside it, 4 silence of a period follows. `window_revision` grows when a
    late event, or an actual that the app asks for, re-opens the window. `sample`, `sample_df` and the
    statistics raise UnavailableError when the store does not answer. Let it pass: the window then waits.
    """

    def __init__(
        self,
        application_name: str,
        endpoint: Endpoint,
        window: Window,
        read: Callable[[], Frame],
        settings: Settings,
        *,
        window_revision: int = 0,
        window_incomplete: int = 0,
        database: Database | None = None,
        profile: Callable[[], Profile | None] = lambda: None,
        sharers: Callable[[], Sharers] = Sharers,
        contract: Callable[[], KeptContract | None] = lambda: None,
        performance: Callable[[], PerformanceReference | None] = lambda: None,
        traffic: TrafficReader | None = None,
        served: Callable[[], Served] | None = None,
        drift_choices: Callable[[], DriftChoices] = DriftChoices,
    ) -> None:
        self.application_name = application_name
        self.model_endpoint = endpoint
        self.window = window
        self.window_revision = window_revision
        self.window_incomplete = window_incomplete
        self.settings = settings
        self.kept = Kept()
        self.sums: WindowSums | None = None
        self._database = database
        self._profile, self._sharers = profile, sharers
        self._contract, self._performance = contract, performance
        self._traffic, self._served = traffic, served
        self._drift_choices = drift_choices
        self._report: tuple[Artifact, str | None] | None = None
        self._read = read

    @property
    def project_name(self) -> str:
        return self.model_endpoint.project

    @property
    def project(self) -> ContextProject:
        return ContextProject(self.project_name, self.settings)

    @cached_property
    def logger(self) -> AppLogger:
        """Takes values as keywords too: `logger.info("scored", rows=12)`."""
        return app_logger(self.application_name)

    @property
    def nuclio_logger(self) -> AppLogger:
        return self.logger

    @property
    def endpoint_id(self) -> str:
        return self.model_endpoint.endpoint_id

    @property
    def endpoint_name(self) -> str:
        return self.model_endpoint.name

    @cached_property
    def start_infer_time(self) -> pd.Timestamp:
        """First moment of the window, UTC."""
        import pandas as pd

        return pd.Timestamp(self.window.start)

    @cached_property
    def end_infer_time(self) -> pd.Timestamp:
        """First moment after the window, UTC."""
        import pandas as pd

        return pd.Timestamp(self.window.end)

    @cached_property
    def frame(self) -> Frame:
        """The sample as it came: an Arrow table live and of polars, your own pandas frame in `evaluate`."""
        return self._read()

    @property
    def rows(self) -> int:
        """Rows of the sample."""
        return len(self.frame)

    @property
    def window_is_partial(self) -> bool:
        """Whether the data cover only a part of the window, and no more will come.

        Silence follows it then, and it has rows enough (`app_min_rows`) to be judged.
        """
        return bool(self.window_incomplete & PARTIAL) and self.rows >= self.settings.app_min_rows

    @cached_property
    def sample(self) -> pa.Table:
        """The window's rows as an Arrow table: features, predictions and metadata; without pandas."""
        return to_arrow(self.frame)

    @cached_property
    def sample_df(self) -> pd.DataFrame:
        """The rows of the window, with features, predictions and metadata, as a pandas DataFrame."""
        return to_pandas(self.frame)

    @cached_property
    def actuals(self) -> pa.Table:
        """What came true for the rows of the sample, row by row: a column for each prediction, null
        where nothing has come yet.

        Raises ConfigError for an app without `requires = {"actuals"}`. In `evaluate` they are the columns
        `actual.<prediction>` of the frame.
        """
        names = [name for name in self.sample.column_names if name.startswith(ACTUAL_PREFIX)]
        if not names and self.label_names:
            raise ConfigError(
                "the sample has no actuals; an app says requires = {'actuals'} in its class to get them, and "
                f"a frame has them in columns like {ACTUAL_PREFIX + self.label_names[0]!r}"
            )
        return self.sample.select(names).rename_columns([name.removeprefix(ACTUAL_PREFIX) for name in names])

    @property
    def feature_names(self) -> list[str]:
        return list(self.model_endpoint.feature_names)

    @property
    def label_names(self) -> list[str]:
        return list(self.model_endpoint.label_names)

    @property
    def feature_stats(self) -> Mapping[str, Any]:
        """The reference: training-time statistics by feature, as `modelmon.stats.describe` makes them."""
        return self.model_endpoint.feature_stats

    @cached_property
    def profile(self) -> Profile | None:
        """The reference in fine cells, as `modelmon.stats.profile` makes it of a training set; None without a
        reference. Where the training set was not at hand it is made of `feature_stats`, and `coarse`."""
        return self._profile()

    @property
    def past_windows(self) -> PastWindows:
        """What this app has kept of the windows that it judged of this endpoint; nothing in `evaluate`."""
        return PastWindows(self.endpoint_id, self.application_name, self._database)

    @cached_property
    def sharers(self) -> Sharers:
        """The apps that judge the endpoint, and how many endpoints the project has; offline nobody else."""
        return self._sharers()

    @cached_property
    def other_apps(self) -> frozenset[str]:
        """The other apps that judge this endpoint now."""
        return frozenset(self.sharers.apps) - {self.application_name}

    @cached_property
    def performance_reference(self) -> PerformanceReference | None:
        """How right the model was in its training set; None where that held no answers of the model."""
        return self._performance()

    @cached_property
    def kept_contract(self) -> KeptContract | None:
        """The contract that was set for the endpoint, or its model; None where there is none."""
        return self._contract()

    @cached_property
    def drift_choices(self) -> DriftChoices:
        """What the project's drift file says for the endpoint: its budget, floors, weights, segments."""
        return self._drift_choices()

    @cached_property
    def traffic(self) -> WindowTraffic:
        """The requests of the window, those that failed too, and how long they took; in `evaluate` what its
        rows tell of them."""
        if self._traffic is None:
            return traffic_of_rows(self.sample, self.window)
        return self._traffic.of(self.endpoint_id, self.window)

    @cached_property
    def like_traffic(self) -> tuple[WindowTraffic, ...]:
        """Requests of at most 20 windows like this one, at the same time of past weeks; not in `evaluate`."""
        return () if self._traffic is None else self._traffic.like(self.endpoint_id, self.window)

    @cached_property
    def served(self) -> Served:
        """Rows of the endpoint since it serves this model with this reference; in `evaluate` the sample."""
        return self._served() if self._served else served_sample(self.frame, self.window)

    def budget(self, alarm_budget: AlarmBudget | None = None) -> BudgetShare:
        """What the app may spend of the endpoint's alarm budget in this window, which the apps that judge it
        share; or of `alarm_budget`, which is the app's own. The drift file goes before the settings. Raises
        ConfigError for an app without a part."""
        seconds = (self.window.end - self.window.start).total_seconds()
        sharers = self.sharers
        apps = sharers.apps if alarm_budget is None else ()
        said = alarm_budget or self.drift_choices.alarm_budget
        said = said or read_budget(self.settings.of(BudgetSettings).alarm_budget)
        return share_of(self.application_name, said, seconds, apps, sharers.endpoints)

    @cached_property
    def sample_df_stats(self) -> dict[str, dict[str, Any]]:
        """The same statistics of the sample, on the bins of the reference."""
        from modelmon.stats import describe_like

        return describe_like(self.frame, self.feature_stats)

    @property
    def feature_set(self) -> str:
        """Name of the endpoint's monitoring feature set, which `get_offline_features` takes."""
        return self.model_endpoint.feature_set

    @property
    def model(self) -> tuple[str, Endpoint, dict[str, Any]]:
        """Where the model is, its endpoint, no extra data; ConfigError when the endpoint names no model."""
        if not self.model_endpoint.model_uri:
            raise ConfigError(
                f"endpoint {self.endpoint_name!r} names no model; register it with log_model and add_model"
            )
        return self.model_endpoint.model_uri, self.model_endpoint, {}

    @property
    def storage_options(self) -> dict[str, Any]:
        """Nothing: samples are read with the settings of the project."""
        return {}

    @staticmethod
    def dict_to_histogram(histogram_dict: Mapping[str, Any]) -> pd.DataFrame:
        """Histograms of statistics as a frame: a column a feature, a row a bin, each of mass 1 or 0."""
        return histograms(histogram_dict)

    def log_artifact(
        self,
        item: str | PlotlyArtifact,
        body: Any = None,
        tag: str = "",
        local_path: str = "",
        artifact_path: str | None = None,
        format: str | None = "",
        upload: bool | None = None,
        labels: Mapping[str, str] | None = None,
        target_path: str | None = None,
        unique_per_endpoint: bool = True,
        **_details: Any,
    ) -> Artifact:
        """Keep a file: `body` (text, bytes, dict or list), the local file `local_path`, or a PlotlyArtifact.

        It goes to `target_path`, or to `<artifact_path, else the project's>/<app>/<window start>/<item>`
        with the endpoint's id in its name unless `unique_per_endpoint` is False. Judging the window again
        replaces it. `upload` and MLRun's further arguments are accepted, not used: a file is always written
        there. Raises UnavailableError when the place can't be written now.
        """
        key, content = content_of(item, body, local_path)
        place = self._place(key, format or "", artifact_path, unique_per_endpoint, target_path)
        return self._keep(key, format or "", place, tag, labels, content)

    def log_dataset(
        self,
        key: str,
        df: Frame,
        tag: str = "",
        local_path: str | None = None,
        artifact_path: str | None = None,
        upload: bool | None = None,
        labels: Mapping[str, str] | None = None,
        format: str = "parquet",
        target_path: str | None = None,
        unique_per_endpoint: bool = True,
        **_details: Any,
    ) -> Artifact:
        """Keep a frame (pandas, Arrow, polars) as Parquet (or `format="csv"`), placed as `log_artifact` does.

        MLRun's further arguments (preview, stats, label_column, …) are accepted and not used.
        """
        extension = format or "parquet"
        place = self._place(key, extension, artifact_path, unique_per_endpoint, target_path)
        return self._keep(key, extension, place, tag, labels, dataset(df, extension))

    def log_report(
        self, key: str = "report", tag: str = "", labels: Mapping[str, str] | None = None
    ) -> Artifact:
        """Keep the report on this window, one HTML file that loads nothing, as `modelmon report` writes it.

        It is written once `do_tracking` has returned, of what it returned: the verdict, the features of its
        statistics, its results over time. Where it lies is returned at once; it is placed as `log_artifact`
        does. Raises ConfigError where Jinja2 is missing.
        """
        from modelmon.extras import missing as not_installed

        try:
            import jinja2  # noqa: F401 - it is needed later, and told of now
        except ModuleNotFoundError as error:
            raise not_installed(error) or error from error
        path, below = self._place(key, "html", None, unique=True)
        self._report = (Artifact(key, path, tag, {**self._labels(), **(labels or {})}), below)
        return self._report[0]

    def end(self, outputs: Sequence[Output]) -> None:
        """Write the report that was asked for, of what the app has returned. Raises UnavailableError."""
        if self._report is None:
            return
        from modelmon.apps.window_report import window_report

        artifact, below = self._report
        content = window_report(self, outputs, self._database).html.encode()
        self.kept.keep(artifact, "html", content, below)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise missing("context", type(self).__name__, name)

    def _labels(self) -> dict[str, str]:
        return {
            "producer-type": "model-monitoring-app",
            "app-name": self.application_name,
            "endpoint-id": self.endpoint_id,
            "endpoint-name": self.endpoint_name,
        }

    def _place(
        self, key: str, extension: str, folder: str | None, unique: bool, target_path: str | None = None
    ) -> tuple[str, str | None]:
        """Where a file goes, and its path below the project's `artifacts_path`; None: elsewhere."""
        within = f"{self.application_name}/{self.window.start:%Y%m%dT%H%M%SZ}"
        below = location(within, key, self.endpoint_id if unique else "", extension)
        if target_path or folder:
            return target_path or f"{str(folder).rstrip('/')}/{below}", None
        return f"{self.artifacts_path.rstrip('/')}/{below}", below

    def _keep(
        self, key: str, extension: str, place: tuple[str, str | None], tag: str,
        labels: Mapping[str, str] | None, content: bytes,
    ) -> Artifact:  # fmt: skip
        artifact = Artifact(key, place[0], tag, {**self._labels(), **(labels or {})})
        return self.kept.keep(artifact, extension, content, place[1])

    @cached_property
    def artifacts_path(self) -> str:
        """The folder, or URL, that artifacts are kept under."""
        if self.settings.artifacts_path or self.settings.project_dir:
            return self.settings.location("artifacts_path")
        return temporary_folder()
