"""The project: the methods a data scientist calls, each a few lines that lead to where it is done."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmon.errors import ConfigError
from modelmon.from_mlrun import is_hub_model_server, refuse
from modelmon.function_spec.function_yaml import FILE
from modelmon.function_spec.given_requirements import given_requirements
from modelmon.function_spec.local_paths import existing
from modelmon.ledger import registry
from modelmon.model_monitoring.actuals import LoggedActuals, Naming
from modelmon.model_monitoring.actuals import log_actuals as send_actuals
from modelmon.model_monitoring.api import READING, Labels
from modelmon.model_monitoring.api import list_model_endpoints as find_endpoints
from modelmon.model_monitoring.endpoints import called
from modelmon.model_monitoring.erasing import forget_endpoint
from modelmon.model_monitoring.false_alarms import mark_false_alarm
from modelmon.model_monitoring.found_incidents import list_incidents as find_incidents
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.logged_models import ModelArtifact, model_keys, read_model
from modelmon.model_monitoring.model_tasks import Declared
from modelmon.model_monitoring.reading import ReadProject
from modelmon.model_monitoring.reporting import report as read_report
from modelmon.model_monitoring.shown import EndpointList
from modelmon.model_monitoring.written_times import Time
from modelmon.project import functions
from modelmon.project.alerting import AlertingProject
from modelmon.project.applications import AppFunction, read_app
from modelmon.project.base_images import given_image
from modelmon.project.challengers import ChallengingProject
from modelmon.project.chosen_requirements import model_packages
from modelmon.project.from_mlrun import MLRunProject
from modelmon.project.handled import HandledProject
from modelmon.project.jobs import JobFunction, ProjectJobs, read_job
from modelmon.project.models import log_model
from modelmon.project.monitored import MonitoredProject, listed
from modelmon.project.names import check_function_name
from modelmon.project.serving_function import ServingFunction, read_serving
from modelmon.serving import ServingSpec
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.model import Endpoint
    from modelmon.pages.report import Report
    from modelmon.stats.frames import Frame
    from modelmon.views.incident_lists import IncidentPage
    from modelmon.views.incidents import Incident

Function = ServingFunction | AppFunction | JobFunction


class Project(
    MonitoredProject, ProjectJobs, ChallengingProject, HandledProject, AlertingProject, ReadProject,
    MLRunProject,
):  # fmt: skip
    """A project folder. It holds no state of its own: another object for the same folder sees the same.

    Every method raises ConfigError that says which value is wrong and what would be right, and
    UnavailableError when a store, stream or disk does not answer. Arguments that are MLRun's and mean
    nothing here (`tag`) are accepted and change nothing. `image` is what a function is built on under Nuclio
    ('Deploying to Nuclio' in the docs); the embedded runner has none.
    """

    def __init__(self, name: str, context: Path) -> None:
        self.name = name
        self.context = context

    def __repr__(self) -> str:
        return f"Project(name={self.name!r}, context={str(self.context)!r})"

    @property
    def settings(self) -> Settings:
        """The settings as they stand now: environment, credentials, modelmon.yaml."""
        return Settings.load(self.context, project=self.name)

    # --- functions --------------------------------------------------------------------------------------

    def set_function(
        self,
        func: str | Path | ServingFunction | None = None,
        name: str = "",
        kind: str = "serving",
        image: str | None = None,
        handler: str | None = None,
        with_repo: bool | None = None,
        tag: str | None = None,
        requirements: str | list[str] | None = None,
        requirements_file: str = "",
    ) -> ServingFunction:
        """A serving function without models yet; add_model, set_tracking and deploy follow.

        `func` is the Python file (or folder) with its classes. None takes the project's own folder
        functions/<name> or functions/serving. Where there is none, classes come from installed packages.
        "hub://v2-model-server" is the ready server of a scikit-learn model.
        `name` is by default that of the file. A function of the same name starts from nothing.
        `requirements` are what its code and models import beside ModelMon, as lines or as the path of a file.
        Without them a requirements.txt beside it counts.
        """
        refuse("set_function", handler=handler, with_repo=with_repo)
        given = given_requirements(requirements, requirements_file, self.context)
        if isinstance(func, ServingFunction):
            func.requirements = func.requirements if given is None else given
            func.image = given_image(image) or func.image
            func.save()
            return func
        if kind != ServingFunction.kind:
            raise ConfigError(
                f"kind: must be {ServingFunction.kind!r} (apps: set_model_monitoring_function; "
                f"jobs: set_job), got {kind!r}"
            )
        is_ready = is_hub_model_server(func)
        if is_ready:
            func, given = None, model_packages() if given is None else given
        source = existing(func, "func", self.context) if func is not None else None
        if source is not None and source.name == functions.MAIN and (source.parent / FILE).is_file():
            source = source.parent  # a function folder stands for itself
        if not name and source is not None:
            name = source.stem.replace("_", "-").lower()
        name = check_function_name(name)
        serving = ServingFunction(
            self,
            ServingSpec(project=self.name, function_name=name),
            source if source or is_ready else self._own_code(name),
            requirements=given,
            image=given_image(image),
        )
        serving.save()
        return serving

    def get_function(self, name: str = "", *, key: str = "", **_others: Any) -> Function:
        """The serving function, app or job of this name (`key` in MLRun), as it was last recorded."""
        name = name or key
        found = functions.recorded(self.settings, name) if isinstance(name, str) else None
        if found is not None and found.kind == ServingFunction.kind:
            return read_serving(self, found.spec)
        if found is not None and found.kind == AppFunction.kind:
            return read_app(self, found.spec)
        if found is not None and found.kind == JobFunction.kind:
            return read_job(self, found.spec)
        with opened(self.settings) as database, database.read() as connection:
            known = [
                each.name
                for each in registry.list_functions(connection)
                if each.kind not in ("infra", "page")
            ]
        raise ConfigError(f"no function {name!r} in project {self.name}; there are: {listed(known)}")

    def deploy_function(
        self,
        function: str | Function,
        models: Sequence[Mapping[str, Any]] = (),
        env: Mapping[str, Any] | None = None,
        tag: str | None = None,
        verbose: bool | None = None,
        builder_env: Mapping[str, Any] | None = None,
        mock: bool | None = None,
    ) -> Function:
        """Deploy a function or app, given by name or as object.

        `models` are arguments of add_model, one dict a model; `env` are environment variables.
        """
        refuse("deploy_function", builder_env=builder_env, mock=mock)
        deployed = self.get_function(function) if isinstance(function, str) else function
        if not isinstance(deployed, ServingFunction | AppFunction | JobFunction):
            raise ConfigError(f"function: must be a function of this project or its name, got {function!r}")
        if models and not isinstance(deployed, ServingFunction):
            raise ConfigError(f"models: only a serving function has models, {deployed.name} is none")
        for model in models:
            assert isinstance(deployed, ServingFunction)
            deployed.add_model(**model)
        for variable, value in (env or {}).items():
            deployed.set_env(variable, value)
        return deployed.deploy()

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
    ) -> ModelArtifact:
        """Keep a model with the distribution it was trained on; one of the same key is replaced.

        The model's file is `body` (bytes or text, named `model_file`), or `model_file`, or what `model_dir`
        holds; it may have none. `training_set` (a frame of pandas, Arrow or polars) gives the feature names,
        the reference statistics of every column, and with `label_column` (one or several) the predictions.
        `time_column` says when each row was, which is no feature: stretches of the training set then tell
        what changes without anything being wrong. Without it the only column of times is taken; "" is none.
        `segments` are columns whose values drift can judge apart, such as the country; without it they are
        those that the project's drift file names.

        `task` is what the model is for: `binary`, `multiclass` or `regression`. Of its answers, `prediction`
        names the one that says the class or the number, `score` the probability of the `positive` class, or
        of several classes `{class: name of its score}`. Without `task` it is what the label plainly says:
        booleans, or 0 and 1, are binary, three texts or more are classes, fractions are a regression. An
        answer with a name of its own, beside the label, is the model's own on the rows of the training set.

        `challenger_of`, an endpoint, makes it a challenger: it waits for a person's review, and takes the
        place of the endpoint's model when that person approves. `class_args` are what its class is made with
        there, beside what the champion has.

        What it returns, its `uri` or its key goes into `add_model(model_path=…)`.
        """
        refuse(
            "log_model", artifact_path=artifact_path, feature_vector=feature_vector,
            feature_weights=feature_weights, model_url=model_url, default_config=default_config,
        )  # fmt: skip
        return log_model(
            self.settings, key, body=body, model_dir=model_dir, model_file=model_file, inputs=inputs,
            outputs=outputs, training_set=training_set, label_column=label_column,
            time_column=time_column, segments=segments, challenger_of=challenger_of, class_args=class_args,
            tag=tag,
            framework=framework, algorithm=algorithm, metrics=metrics, parameters=parameters, labels=labels,
            extra_data=extra_data, declared=Declared(task, prediction, score, positive),
        )  # fmt: skip

    def get_model(self, key: str) -> ModelArtifact:
        """The logged model of this key."""
        return read_model(self.settings, key)

    def list_models(
        self, name: str | None = None, tag: str | None = None, **others: Any
    ) -> list[ModelArtifact]:
        """Every logged model, by key; or the one called `name`."""
        refuse("list_models", **others)
        settings = self.settings
        return [read_model(settings, key) for key in model_keys(settings) if name in (None, key)]

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
        """The project's endpoints that meet every condition, by name, each with its `status` of now.

        With `start` or `end` the last request is in [start, end). `model` and `function` are the names of
        `model_name` and `function_name` in MLRun 1.6; tags and what else changes MLRun's reads mean nothing.
        """
        model_name = model_name or others.pop("model", None)
        function_name = function_name or others.pop("function", None)
        refuse("list_model_endpoints", **{k: v for k, v in others.items() if k not in READING})
        return find_endpoints(self, names, model_name, function_name, labels, uids, start=start, end=end)

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
        """Log what came true for predictions of an endpoint; returns once the events stream has it.

        `frame` is one of pandas, Arrow or polars. Its columns `request_id` and, where it is there, `row`
        (from 0 within the request) say whose each row is. With `entity`, a feature or a key of the request's
        entities, that column and the column `time` do: all predictions of the entity from then on for
        `within`, without it those of exactly then. Every other column is called as a prediction is and holds
        numbers, texts or truth values; a gap is not known yet. A later value replaces an earlier one, and
        predictions may come after their actuals. Raises ConfigError for what can't be, before anything is
        sent, and UnavailableError; then the same call again counts once.
        """
        naming = Naming(request_id, row, entity, time, within)
        return send_actuals(self.settings, endpoint, frame, naming)

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

        The open ones come first, the worst before the others, then those that ended unless `only_open`, each
        the newest first. The page has at most `limit` `incidents`, and `after`, which gives the next page and
        is "" on the last one.
        """
        return find_incidents(self, endpoints, applications, only_open=only_open, limit=limit, after=after)

    def mark_false_alarm(self, incident_id: int, note: str = "", *, undo: bool = False) -> Incident:
        """Say that an incident was a false alarm, and why: if it is open that ends it. The incident as it is
        then; who marked it is kept, the user of this machine.

        `undo` takes the mark back: what it ended goes on, unless a newer incident has followed. It is counted
        beside the alarm budget (`modelmon incidents budget`). Raises ConfigError for one that is not there or
        is no alarm: an app that failed, or what was withdrawn.
        """
        return mark_false_alarm(self.settings, incident_id, note, undo=undo)

    def report(self, endpoint: Endpoint | str, window: Time = None) -> Report:
        """What is known of one window of an endpoint: a notebook shows it, `save("churn.html")` writes it.

        `endpoint` is one, or its name or id; `window` a moment inside of the window, without one the newest
        that was judged whole is taken.
        """
        return read_report(self, endpoint, window)

    def delete_model_endpoint(
        self, name: str, function_name: str | None = None, endpoint_id: str = ""
    ) -> None:
        """Forget an endpoint: its samples, series, windows, incidents, counts and its record, for good.

        `endpoint_id` chooses among several of one name. What still comes for it registers it anew. A call
        that was interrupted can be made again.
        """
        with opened(self.settings) as database, database.read() as connection:
            found = called(connection, endpoint_id or name, function_name)
        if name and found.name != name:
            raise ConfigError(f"endpoint: {endpoint_id} is {found.name!r}, not {name!r}")
        forget_endpoint(self.settings, found.endpoint_id)

    def _own_code(self, name: str) -> Path | None:
        folders = (self.context / "functions" / each for each in (name, ServingFunction.kind))
        return next((folder for folder in folders if folder.is_dir()), None)
