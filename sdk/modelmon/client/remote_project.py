"""A project whose server is somewhere else: the methods of `modelmon.project.Project`, over its REST API."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx
import msgspec

from modelmon.client import actuals, models
from modelmon.client.alerting import RemoteAlerting
from modelmon.client.asking import Server
from modelmon.client.challengers import RemoteChallengers
from modelmon.client.endpoints import Answered, AnsweredList
from modelmon.client.handled import RemoteHandled
from modelmon.client.models import RemoteModel
from modelmon.client.monitored import RemoteMonitoring
from modelmon.client.not_here import ARTIFACTS, CREDENTIALS, JOBS, SERVING, SETTINGS, not_here
from modelmon.client.reading import RemoteReading, several
from modelmon.errors import ConfigError
from modelmon.from_mlrun import missing, refuse
from modelmon.from_mlrun.views import Metadata, MLRunProjectStatus
from modelmon.model import Endpoint, from_us
from modelmon.model_monitoring.actuals import LoggedActuals, Naming
from modelmon.model_monitoring.api import READING, Labels, labels_of
from modelmon.model_monitoring.false_alarms import check_mark
from modelmon.model_monitoring.model_tasks import Declared
from modelmon.model_monitoring.shown import EndpointList, with_reading
from modelmon.model_monitoring.shown_incidents import ShownIncidents
from modelmon.model_monitoring.statuses import requested_within
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.views.incident_lists import IncidentPage
from modelmon.views.incidents import Incident

if TYPE_CHECKING:
    from modelmon.pages.report import Report
    from modelmon.stats.frames import Frame


class About(msgspec.Struct, frozen=True):
    """The project and its server; `version` is the ModelMon that answers."""

    name: str
    version: str
    platform: str
    base_period: int
    role: str
    remote_deploy: bool


class RemoteProject(RemoteReading, RemoteMonitoring, RemoteHandled, RemoteAlerting, RemoteChallengers):
    """The project `name` of the server at `url`; `token` says who asks, where the server wants to know.

    `modelmon.get_or_create_project(name, url=…, token=…)` makes one. Every method raises ConfigError for what
    can't be, is refused, or is of another version, and UnavailableError while the server does not answer.
    `transport` answers in the place of the network.
    """

    def __init__(
        self, name: str, url: str, token: str = "", transport: httpx.BaseTransport | None = None
    ) -> None:
        self.name = name
        self.server = Server(url, token, transport)
        self.base = f"/api/v1/projects/{quote(name, safe='')}"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise missing("project", type(self).__name__, name)

    def __repr__(self) -> str:
        return f"RemoteProject(name={self.name!r}, url={self.server.url!r})"

    def about(self) -> About:
        """What the server says of the project and of itself; it has to be there, and to know who asks."""
        found = self.server.get(f"{self.base}/about", About)
        self.server.version = found.version
        return found

    @property
    def metadata(self) -> Metadata:
        return Metadata(self.name, self.name)

    @property
    def status(self) -> MLRunProjectStatus:
        return MLRunProjectStatus()

    def save(self, filepath: str | None = None, store: bool = True) -> Self:
        """Nothing is left to do: each call records what it does."""
        return self

    set_function = not_here("set_function", SERVING)
    set_job = not_here("set_job", JOBS)
    register_datastore_profile = not_here("register_datastore_profile", CREDENTIALS)
    get_datastore_profile = not_here("get_datastore_profile", CREDENTIALS)
    list_datastore_profiles = not_here("list_datastore_profiles", CREDENTIALS)
    delete_datastore_profile = not_here("delete_datastore_profile", CREDENTIALS)
    log_artifact = not_here("log_artifact", ARTIFACTS)
    log_dataset = not_here("log_dataset", ARTIFACTS)
    get_artifact = not_here("get_artifact", ARTIFACTS)
    settings = property(not_here("settings", SETTINGS))
    context = property(not_here("context", SETTINGS))
    spec = property(not_here("spec", SETTINGS))
    artifact_path = property(not_here("artifact_path", SETTINGS))

    # --- models and endpoints ---------------------------------------------------------------------------

    def log_model(
        self,
        key: str,
        body: bytes | str | None = None,
        framework: str = "",
        tag: str = "",
        model_dir: str | Path | None = None,
        model_file: str | Path | None = None,
        algorithm: str | None = None,
        metrics: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        artifact_path: str | None = None,
        upload: bool | None = None,
        labels: Mapping[str, str] | None = None,
        inputs: Sequence[Any] | None = None,
        outputs: Sequence[Any] | None = None,
        feature_vector: str | None = None,
        feature_weights: list[float] | None = None,
        training_set: Any = None,
        label_column: str | Sequence[str] | None = None,
        extra_data: Mapping[str, Any] | None = None,
        model_url: str | None = None,
        default_config: Mapping[str, Any] | None = None,
        *,
        task: str | None = None,
        prediction: str | None = None,
        score: str | Mapping[Any, str] | None = None,
        positive: Any = None,
        time_column: str | None = None,
        segments: Sequence[str] | None = None,
        challenger_of: Endpoint | str | None = None,
        class_args: Mapping[str, Any] | None = None,
    ) -> RemoteModel:
        """Keep a model there with the distribution it was trained on; one of the same key is replaced.

        As `log_model` on the project's own machine, for admins. Of `training_set` its statistics are made
        here and sent, no row.
        """
        refuse(
            "log_model", artifact_path=artifact_path, feature_vector=feature_vector,
            feature_weights=feature_weights, model_url=model_url, default_config=default_config,
        )  # fmt: skip
        models.log(
            self.server, self.base, key, body=body, model_dir=model_dir, model_file=model_file, inputs=inputs,
            outputs=outputs, training_set=training_set, label_column=label_column,
            time_column=time_column, segments=segments, challenger_of=challenger_of, class_args=class_args,
            tag=tag,
            framework=framework, algorithm=algorithm, metrics=metrics, parameters=parameters, labels=labels,
            extra_data=extra_data, declared=Declared(task, prediction, score, positive),
        )  # fmt: skip
        return self.get_model(key)

    def get_model(self, key: str) -> RemoteModel:
        """The logged model of this key; its files are fetched when they are asked for."""
        return models.read(self.server, self.base, self.name, key)

    def list_models(
        self, name: str | None = None, tag: str | None = None, **others: Any
    ) -> list[RemoteModel]:
        """Every logged model, by key; or the one called `name`."""
        refuse("list_models", **others)
        found = models.read_all(self.server, self.base, self.name)
        return [each for each in found if name in (None, each.key)]

    def list_model_endpoints(
        self,
        names: Collection[str] | str | None = None,
        model_name: str | None = None,
        function_name: str | None = None,
        labels: Labels | None = None,
        uids: Collection[str] | str | None = None,
        *,
        start: Time = None,
        end: Time = None,
        **others: Any,
    ) -> EndpointList:
        """The endpoints that meet every condition, by name, each with its `status` of now.

        As `list_model_endpoints` on the project's own machine.
        """
        model_name = model_name or others.pop("model", None)
        function_name = function_name or others.pop("function", None)
        refuse("list_model_endpoints", **{k: v for k, v in others.items() if k not in READING})
        if any(each is not None and not isinstance(each, str) and not each for each in (names, uids)):
            return EndpointList()  # an empty list of names means none, where an empty parameter would be all
        wanted, called = (labels_of(labels) or {}).items(), several(names)
        asked = [] if any("," in each for each in called) else called  # which would be taken for two
        found = self.server.get(
            f"{self.base}/model-endpoints", AnsweredList, name=asked, uid=several(uids),
            model_name=model_name, function_name=function_name,
            label=[label if value is None else f"{label}={value}" for label, value in wanted],
        )  # fmt: skip
        endpoints = EndpointList(
            with_reading(each.endpoint, self)
            for each in found.endpoints
            if not called or each.endpoint.name in called
        )
        return requested_within(endpoints, start, end)

    def log_actuals(
        self,
        endpoint: Endpoint | str,
        frame: Frame,
        *,
        request_id: str = "request_id",
        row: str = "row",
        entity: str | None = None,
        time: str = "timestamp",
        within: timedelta | None = None,
    ) -> LoggedActuals:
        """Log what came true for predictions of an endpoint, as an operator.

        As `log_actuals` on the project's own machine; a long frame is sent in several requests.
        """
        naming = Naming(request_id, row, entity, time, within)
        return actuals.log(self.server, self.base, endpoint, frame, naming)

    def get_model_endpoint(self, endpoint: str) -> Endpoint:
        """The endpoint of this name or id, with its reference."""
        known = self._called(endpoint)
        path = f"{self.base}/model-endpoints/{quote(known.name, safe='')}"
        found = self.server.get(
            path, Answered, endpoint_id=known.endpoint_id, feature_analysis=True, tsdb_metrics=False
        )
        return with_reading(found.endpoint, self)

    def report(self, endpoint: Endpoint | str, window: Time = None) -> Report:
        """What is known of one window of an endpoint: a notebook shows it, `save("churn.html")` writes it.

        As `report` on the project's own machine.
        """
        from modelmon.client.reports import read_report

        known = endpoint if isinstance(endpoint, Endpoint) else self._called(endpoint)
        moment = None if window is None else from_us(moment_us(window, "window", 0)).isoformat()
        path = f"{self.base}/model-endpoints/{known.endpoint_id}/report"
        return read_report(self.server.get_file(path, window=moment).decode(), known.name)

    def list_incidents(
        self,
        endpoints: Collection[str] | str | None = None,
        applications: Collection[str] | str | None = None,
        *,
        only_open: bool = False,
        limit: int = 100,
        after: str = "",
    ) -> IncidentPage:
        """What went wrong with these endpoints (names or ids) and apps, with None all: a page of incidents.

        As `list_incidents` on the project's own machine.
        """
        ids = None if endpoints is None else [self._called(each).endpoint_id for each in several(endpoints)]
        if ids == []:
            return ShownIncidents((), "")
        page = self.server.get(
            f"{self.base}/incidents", IncidentPage, endpoint=ids, app=several(applications),
            only_open=only_open, page_size=limit, page_token=after,
        )  # fmt: skip
        return ShownIncidents(page.incidents, page.after)

    def mark_false_alarm(self, incident_id: int, note: str = "", *, undo: bool = False) -> Incident:
        """Say that an incident was a false alarm, and why: if it is open that ends it.

        As `mark_false_alarm` on the project's own machine, for operators; kept with the name of the token.
        """
        check_mark(incident_id, note, undo=undo)
        path = f"{self.base}/incidents/{incident_id}/false-alarm"
        if undo:
            return self.server.ask("DELETE", path, Incident)
        return self.server.post(path, Incident, {"note": note})

    def delete_model_endpoint(
        self, name: str, function_name: str | None = None, endpoint_id: str = ""
    ) -> None:
        """Forget an endpoint: its samples, series, windows, incidents, counts and its record, for good.

        As `delete_model_endpoint` on the project's own machine, for admins.
        """
        if endpoint_id and not name:
            name = self._called(endpoint_id).name
        if not isinstance(name, str) or not name:
            raise ConfigError(f"name: must be the endpoint's name, got {name!r}")
        path = f"{self.base}/model-endpoints/{quote(name, safe='')}"
        given = {"endpoint_id": endpoint_id, "function_name": function_name}
        self.server.ask("DELETE", path, dict[str, str], given)

    def close(self) -> None:
        """Of the connections to the server."""
        self.server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
