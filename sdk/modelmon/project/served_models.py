"""One model of a serving function: what `add_model` was given, and what becomes of it when it is deployed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from modelmon.errors import ConfigError
from modelmon.from_mlrun import class_here
from modelmon.from_mlrun.where import SKLEARN_SERVER
from modelmon.function_spec.local_paths import existing
from modelmon.model import Endpoint
from modelmon.model_monitoring.logged_models import ModelArtifact, check_json, find_model
from modelmon.project.source import classes_of
from modelmon.serving import ModelSpec, ServingSpec
from modelmon.settings import Settings


@dataclass(frozen=True, slots=True)
class DeployedModel:
    """One model as it is served, its endpoint, and the logged model it comes from."""

    model: ModelSpec
    endpoint: Endpoint
    artifact: ModelArtifact | None


def model_spec(**fields: Any) -> ModelSpec:
    """A model from its fields; ConfigError naming the one that can't be."""
    check_json(f"model {fields['key']}", fields["parameters"])
    try:
        return msgspec.convert(fields, ModelSpec)
    except msgspec.ValidationError as error:
        raise ConfigError(f"model {fields['key']!r}: {error}") from error


def names_of(argument: str, names: Sequence[str] | None) -> list[str]:
    """Names of features or predictions; each stands for one value of a row, so none may be there twice."""
    if (
        isinstance(names, str)
        or not isinstance(names, Sequence | None)
        or len(set(names or ())) < len(names or ())
    ):
        raise ConfigError(f"{argument}: must be a list of names, each one once, got {names!r}")
    return list(names or ())


def class_name_of(class_name: object, source: Path | None) -> str:
    """The class that serves a model: of the function's code, or "module.Class" of a package."""
    if class_name is None and source is None:
        return SKLEARN_SERVER  # there is no code, so the model is served as it is
    if isinstance(class_name, type):
        ours = class_name.__module__.partition(".")[0] == "modelmon"
        class_name = f"{class_name.__module__}.{class_name.__name__}" if ours else class_name.__name__
    if not isinstance(class_name, str) or not class_name:
        raise ConfigError(f"class_name: must be 'Class' or 'module.Class', got {class_name!r}")
    class_name = class_here("class_name", class_name)
    if "." not in class_name:
        known = classes_of(source) if source else {}
        if class_name not in known:
            where = source or "this function, which has no code of its own"
            raise ConfigError(
                f"class_name: no class {class_name!r} in {where}; there are: {', '.join(known) or 'none'}"
            )
    return class_name


def model_path_of(settings: Settings, model_path: object) -> str:
    """Where a model is: the uri of a logged one, a URL as it is, or a file or folder that is there."""
    if model_path is None or model_path == "":
        return ""
    if isinstance(model_path, str | ModelArtifact):
        artifact = find_model(settings, model_path)
        if artifact is not None:
            return artifact.uri
        if isinstance(model_path, str) and "://" in model_path:
            return model_path
    return str(existing(model_path, "model_path", Path(settings.project_dir)))


def served(settings: Settings, spec: ServingSpec, model: ModelSpec, *, here: bool = False) -> DeployedModel:
    """A model of this function as it is deployed; `here`: as it is served in this process."""
    artifact = find_model(settings, model.model_path) if model.model_path.startswith("store://") else None
    inputs = model.inputs or list(artifact.inputs if artifact else ())
    outputs = model.outputs or list(artifact.outputs if artifact else ())
    path = model.model_path
    if artifact is not None:
        path = artifact.target_path if here else f"models/{artifact.key}/{artifact.model_file}".rstrip("/")
    endpoint = Endpoint(
        endpoint_id=spec.endpoint_id(model),
        project=settings.project,
        name=model.endpoint_name,
        function_name=spec.function_name,
        function_uri=spec.function_uri,
        model_class=model.class_name.rpartition(".")[2],
        model_uri=model.model_path,
        version=model.model_version,
        labels=model.labels,
        feature_names=tuple(inputs),
        label_names=tuple(outputs),
        feature_stats=artifact.feature_stats if artifact else {},
        policy=_policy(spec, artifact),
    )
    placed = msgspec.structs.replace(model, model_path=path, inputs=inputs, outputs=outputs)
    return DeployedModel(placed, endpoint, artifact)


def _policy(spec: ServingSpec, artifact: ModelArtifact | None) -> dict[str, Any]:
    found = {"tracking_policy": spec.tracking.policy} if spec.tracking.policy else {}
    return {**found, **(artifact.policy if artifact else {})}
