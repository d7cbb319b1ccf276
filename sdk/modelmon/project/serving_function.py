"""A serving function: its models, its tracking, and how it is deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelmon.errors import ConfigError
from modelmon.from_mlrun import refuse
from modelmon.from_mlrun.where import ROUTERS
from modelmon.function_spec.given_requirements import with_given
from modelmon.model_monitoring.api import check_endpoint_id
from modelmon.model_monitoring.locating import HasSettings
from modelmon.model_monitoring.logged_models import URI_PREFIX, ModelArtifact
from modelmon.model_monitoring.telling import tell
from modelmon.model_monitoring.whole_folders import copy_into
from modelmon.project import functions
from modelmon.project.base_images import settle_image
from modelmon.project.chosen_requirements import settle_requirements
from modelmon.project.console import tell_next
from modelmon.project.from_mlrun import MLRunFunction
from modelmon.project.http import HttpOptions, settle_http
from modelmon.project.invoking import invoke
from modelmon.project.served_endpoints import register, register_new
from modelmon.project.served_models import (
    DeployedModel,
    class_name_of,
    model_path_of,
    model_spec,
    names_of,
    served,
)
from modelmon.project.source import check_installed
from modelmon.serving import ModelServing, ServingSpec, create_server, tracking_of, write_spec
from modelmon.serving.spec import ModelSpec
from modelmon.serving.tracking import Tracking
from modelmon.settings import Settings

KIND = "serving"
TEMPLATE = "serving"
TOPOLOGIES = ("router",)


class ServingFunction(MLRunFunction):
    """One serving function of a project; every change is recorded, `deploy` puts it to work.

    `spec` is what it serves. `source` is the file or folder of its code; None: installed classes only.
    `requirements` are what that needs beside ModelMon; None: as the file beside the code says. `image` is
    what it is built on under Nuclio; "": as its function.yaml says.
    """

    kind = KIND

    def __init__(
        self,
        project: HasSettings,
        spec: ServingSpec,
        source: Path | None = None,
        environment: Mapping[str, str] | None = None,
        requirements: Sequence[str] | None = None,
        image: str = "",
    ) -> None:
        self._project = project
        self.spec = spec
        self.source = source
        self.environment = dict(environment or {})
        self.requirements = requirements
        self.image = image
        self.http = HttpOptions()
        self._is_begun = True  # until `deploy`; what is deployed under its name is another one

    @property
    def name(self) -> str:
        return self.spec.function_name

    def __repr__(self) -> str:
        models = ", ".join(model.endpoint_name for model in self.spec.models)
        return f"ServingFunction(name={self.name!r}, models=[{models}])"

    def set_topology(
        self,
        topology: str = "router",
        class_name: str | None = None,
        engine: str | None = None,
        exist_ok: bool = False,
        **others: Any,
    ) -> ServingFunction:
        """Only the router of models is there; the method is for code written for MLRun."""
        if topology not in TOPOLOGIES:
            raise ConfigError(f"topology: must be one of {', '.join(TOPOLOGIES)}, got {topology!r}")
        router = None if class_name in ROUTERS else class_name
        engine = None if engine in ("sync", "async") else engine
        refuse("set_topology", class_name=router, engine=engine, **others)
        return self

    def add_model(
        self,
        key: str,
        model_path: str | Path | ModelArtifact | None = None,
        class_name: str | type | None = None,
        model_url: str | None = None,
        handler: str | None = None,
        router_step: str | None = None,
        child_function: str | None = None,
        creation_strategy: Any = None,
        outputs: list[str] | None = None,
        *,
        inputs: list[str] | None = None,
        version: str = "",
        labels: Mapping[str, str] | None = None,
        endpoint_id: str = "",
        **class_args: Any,
    ) -> ServingFunction:
        """Serve one model as `key` ("name" or "name:version").

        `model_path` is what `log_model` returned, its uri or key; the endpoint then has its reference. It may
        also be a local file or folder, or a URL that the class itself can open. `class_name` is "Class" of
        the function's code or "module.Class" of an installed package. In a function without code of its own
        it is SKLearnModelServer. `class_args` are its parameters.
        `inputs` and `outputs` name features and predictions, by default those of the logged model.
        An existing endpoint is always kept (MLRun's `inplace`). Raises ConfigError for anything that can't
        be, a key that is there already included.
        """
        refuse(
            "add_model",
            model_url=model_url,
            handler=handler,
            router_step=router_step,
            child_function=child_function,
        )
        if getattr(creation_strategy, "value", creation_strategy) not in (None, "inplace"):
            raise ConfigError(f"creation_strategy: only 'inplace' is supported, got {creation_strategy!r}")
        check_endpoint_id(endpoint_id)
        if not isinstance(labels, Mapping | None):
            raise ConfigError(f"labels: must be a dict of texts, got {labels!r}")
        model = model_spec(
            key=key,
            class_name=class_name_of(class_name, self.source),
            model_path=model_path_of(self._settings, model_path),
            version=version,
            parameters=class_args,
            labels=dict(labels or {}),
            endpoint_id=endpoint_id,
            inputs=names_of("inputs", inputs),
            outputs=names_of("outputs", outputs),
        )
        self.spec = msgspec.structs.replace(self.spec, models=[*self.spec.models, model])
        self.save()
        return self

    def set_tracking(
        self,
        stream_path: str | None = None,
        batch: int | None = None,
        sample: int | None = None,
        tracking_policy: Any = None,
        sampling_percentage: float = 100,
        enable_tracking: bool = True,
        stream_args: Mapping[str, Any] | None = None,
    ) -> ServingFunction:
        """Log requests as serving events; a deployed function that get_function gave starts anew with it.

        Every `sample`-th request is logged, of it `sampling_percentage` percent of the rows; `batch` events
        go out as one message. `tracking_policy` is a dict with the batch job's policy and `client_time`.
        Raises ConfigError naming the argument, its value and what is allowed.
        """
        refuse("set_tracking", stream_args=stream_args or None)
        tracking = tracking_of(
            stream_path, batch, sample, tracking_policy, sampling_percentage, enable_tracking
        )
        _check_is_read(self._settings, tracking.stream_url)
        self.spec = msgspec.structs.replace(self.spec, tracking=tracking)
        self.save()
        if not self._is_begun and functions.is_deployed(self._settings, self.name):
            self.deploy()
        return self

    def set_env(self, name: str, value: str | int | float = "", value_from: Any = None) -> ServingFunction:
        """An environment variable of the function, from the next `deploy` on. Not for secrets: everyone who
        can read the function's configuration can read it."""
        refuse("set_env", value_from=value_from)
        self.environment |= functions.check_environment({name: value})
        functions.warn_of_secret(name)
        self.save()
        return self

    def with_http(self, workers: int | None = None, port: int = 0, **others: Any) -> ServingFunction:
        """How many processes answer requests, and on which port, from the next `deploy` on.

        Without them the settings say it: `serving_workers`, and any free port from `http_port` on.
        """
        refuse("with_http", **others)
        self.http = HttpOptions(workers, port or 0)
        self.save()
        return self

    def with_requirements(
        self,
        requirements: str | Sequence[str] | None = None,
        overwrite: bool = False,
        prepare_image_for_deploy: bool = True,
        requirements_file: str = "",
    ) -> ServingFunction:
        """What the function needs beside ModelMon, from the next `deploy` on: added to what was asked for
        before unless `overwrite`."""
        before, base = None if overwrite else self.requirements, Path(self._settings.project_dir)
        self.requirements = with_given(before, requirements, requirements_file, base)
        self.save()
        return self

    def deploy(
        self, project: str = "", tag: str = "", verbose: bool = False, **others: Any
    ) -> ServingFunction:
        """Write the function's folder and register its endpoints; `modelmon up` runs it from then on.

        The arguments are for code written for MLRun. Raises ConfigError for a project of another name.
        """
        settings = self._settings
        if project and project != settings.project:
            raise ConfigError(f"project: this function is of project {settings.project!r}, not {project!r}")
        if not self.spec.models:
            raise ConfigError(f"function {self.name} has no model: add_model comes before deploy")
        for model in self.spec.models:
            check_installed("class_name", model.class_name, self.source, self.requirements, self.image)
        if self.spec.tracking.enabled:
            functions.make_stream(settings, self.spec.tracking.stream_url or settings.events_stream)
        wanted = [served(settings, self.spec, model) for model in self.spec.models]
        if self.spec.tracking.enabled:
            register_new(settings, wanted)
        functions.write_function(
            settings, self.name, lambda folder: self._fill(folder, wanted), self.environment
        )
        if self.spec.tracking.enabled:
            register(settings, wanted)
        self.save(deployed=True)
        self._is_begun = False
        self._tell(settings)
        return self

    def invoke(
        self,
        path: str = "",
        body: Any = None,
        method: str = "",
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        **others: Any,
    ) -> Any:
        """What the running function answers: parsed JSON, or text.

        Raises UnavailableError when it is not running, RejectedError for an answer of 400 or above.
        """
        refuse("invoke", **others)
        return invoke(self._settings, self.name, path, body, method, headers, timeout)

    def to_mock_server(
        self,
        namespace: Mapping[str, Any] | None = None,
        current_function: str = "*",
        track_models: bool = False,
        **others: Any,
    ) -> ModelServing:
        """The same models in this process: `server.test(path, body)`. Classes may come from `namespace`
        (`globals()`); with `track_models` requests are logged as set_tracking says."""
        refuse("to_mock_server", **others)
        wanted = [served(self._settings, self.spec, model, here=True).model for model in self.spec.models]
        tracking = self.spec.tracking if track_models else Tracking(enabled=False)
        spec = msgspec.structs.replace(self.spec, models=wanted, tracking=tracking)
        classes = {name: found for name, found in (namespace or {}).items() if isinstance(found, type)}
        source = self.source or Path()
        folder = source.parent if source.is_file() else source
        if source.is_file() and not spec.source:
            spec = msgspec.structs.replace(spec, source=source.name)
        return create_server(spec, self._settings, folder=folder, classes=classes)

    def save(
        self, tag: str = "", versioned: bool = False, refresh: bool = False, *, deployed: bool = False
    ) -> None:
        """Record the function in the project."""
        spec = {
            "serving": msgspec.to_builtins(self.spec),
            "source": str(self.source or ""),
            "env": self.environment,
            "requirements": self.requirements,
            "image": self.image,
            "http": msgspec.to_builtins(self.http),
        }
        functions.record(self._settings, self.name, KIND, spec, deployed=deployed)

    def _tell(self, settings: Settings) -> None:
        names = ", ".join(map(_named, self.spec.models))
        followed = "" if self.spec.tracking.enabled else " Without set_tracking() nothing of it is monitored."
        models = "model" if len(self.spec.models) == 1 else "models"
        tell(f"Deployed {self.name} with the {models} {names}.{followed}")
        tell_next(settings)

    @property
    def _settings(self) -> Settings:
        return self._project.settings

    def _fill(self, folder: Path, wanted: list[DeployedModel]) -> None:
        copy_into(functions.template(self._settings, TEMPLATE), folder)
        spec = msgspec.structs.replace(self.spec, models=[each.model for each in wanted])
        if self.source is not None:
            file = functions.copy_code(self.source, folder, "served.py")
            spec = msgspec.structs.replace(spec, source=file)
        functions.check_function_folder(folder)
        for each in wanted:
            if each.artifact is not None:
                files = folder / "models" / each.artifact.key
                files.mkdir(parents=True, exist_ok=True)
                copy_into(each.artifact.files, files)
        write_spec(folder, spec)
        settle_requirements(folder, self.requirements, self.source)
        settle_image(folder, self.image)
        settle_http(folder, self.http)


def _check_is_read(settings: Settings, stream: str) -> None:
    """ConfigError for the name of a stream that ModelMon does not read; a URL may be anybody's."""
    if stream and "://" not in stream and stream != settings.events_stream:
        raise ConfigError(
            f"stream_path: nobody would read the stream {stream!r}; leave stream_path out for the project's "
            f"events stream ({settings.events_stream!r}), or give a stream's URL"
        )


def read_serving(project: HasSettings, spec: Mapping[str, Any]) -> ServingFunction:
    """A serving function from its record."""
    source = Path(spec["source"]) if spec["source"] else None
    serving = msgspec.convert(spec["serving"], ServingSpec)
    found = ServingFunction(
        project, serving, source, spec["env"], spec.get("requirements"), spec.get("image", "")
    )
    found.http = msgspec.convert(spec.get("http", {}), HttpOptions)
    found._is_begun = False
    return found


def _named(model: ModelSpec) -> str:
    """By the name that it is asked by, with that of the logged model where this is another one."""
    logged = model.model_path.rpartition("/")[2] if model.model_path.startswith(URI_PREFIX) else model.key
    return model.key if logged == model.key else f"{model.key} ({logged})"
