"""Models that were logged: which there are, their reference and files; logged from elsewhere by admins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from modelmon.api.asked import Asked
from modelmon.api.downloads import attachment
from modelmon.api.problems import Problem
from modelmon.api.remote_deploy import Done, done, take_archive
from modelmon.api.rest.bodies import read_body
from modelmon.api.rest.paging import Paged
from modelmon.api.roles import Role
from modelmon.api.routes import Kind, Route
from modelmon.errors import ConfigError, no_such
from modelmon.model_monitoring.logged_models import ModelArtifact, model_keys, read_model
from modelmon.model_monitoring.model_files import ModelFiles
from modelmon.model_task import ModelTask
from modelmon.private_columns import is_private
from modelmon.settings import Settings

BASE = "/api/v1/projects/{project}/models"


class ModelGiven(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """As `log_model` takes them. `archive` is a zip archive of the model's files, as base64, `model_file`
    the one of them that is the model. `feature_stats`, `profile` and `performance` describe the training set,
    whose rows stay away, and `contract` is what it suggests. `challenger_of` is an endpoint, `class_args`
    what its class is made with there, `trained_until_us` when the newest row of the training set was."""

    archive: bytes = b""
    model_file: str = ""
    inputs: list[str] = []
    outputs: list[str] = []
    feature_stats: dict[str, dict[str, Any]] = {}
    profile: str = ""
    contract: str = ""
    performance: str = ""
    tag: str = ""
    framework: str = ""
    algorithm: str = ""
    labels: dict[str, str] = {}
    metrics: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    extra_data: dict[str, Any] = {}
    task: ModelTask | None = None
    challenger_of: str | None = None
    class_args: dict[str, Any] = {}
    trained_until_us: int | None = None


class ModelsListed(Paged, kw_only=True, frozen=True):
    """With `feature-stats` each has the statistics of its reference."""

    feature_stats: bool = False


@dataclass(frozen=True, slots=True)
class ShownModel:
    """A model that was logged; `files` with their sizes, bytes; `reference_rows` is 0 without a reference."""

    key: str
    uri: str
    tag: str
    framework: str
    algorithm: str
    labels: Mapping[str, str]
    metrics: Mapping[str, Any]
    parameters: Mapping[str, Any]
    extra_data: Mapping[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    model_file: str
    files: Mapping[str, int]
    reference_rows: int
    feature_stats: Mapping[str, Any]
    task: ModelTask | None


@dataclass(frozen=True, slots=True)
class ShownModels:
    """By key; `after` asks for the next page, "" on the last."""

    models: tuple[ShownModel, ...]
    after: str


def listed(asked: Asked, wanted: ModelsListed) -> ShownModels:
    return logged_models(asked.settings, wanted.page_size, wanted.page_token, wanted.feature_stats)


def logged_models(settings: Settings, limit: int, after: str = "", with_stats: bool = False) -> ShownModels:
    """At most `limit` after this key. None where the project's folder is not here."""
    keys = [key for key in _keys(settings) if key > after]
    page = keys[:limit]
    shown = tuple(_shown(settings, read_model(settings, key), with_stats) for key in page)
    return ShownModels(shown, page[-1] if len(keys) > len(page) else "")


def one(asked: Asked, parameters: Any) -> ShownModel:
    return _shown(asked.settings, _found(asked), True)


def file(asked: Asked, parameters: Any) -> Response:
    model, name = _found(asked), asked.path["file"]
    names = _files(model)
    if name not in names:
        raise Problem(404, str(no_such(f"file: the model {model.key} has no {name!r}", name, names)), "file")
    return attachment(name.rpartition("/")[2], model.files / name)


def put(asked: Asked, parameters: Any) -> Done:
    given, key = read_body(asked, ModelGiven), asked.path["key"]

    def act(project: Any) -> None:
        from modelmon.model_monitoring.challengers import challenging, keep_challenger
        from modelmon.model_monitoring.reference_contracts import check_suggested
        from modelmon.model_monitoring.reference_performance import check_performance
        from modelmon.model_monitoring.reference_profiles import check_profile
        from modelmon.model_monitoring.training_sets import Schema, check_stats
        from modelmon.project.models import keep_model

        files = take_archive(asked, given.archive, f"model {key}").files if given.archive else {}
        if given.model_file and given.model_file not in files:
            raise ConfigError(f"model_file: there is no {given.model_file!r} in the archive")
        check_stats(given.feature_stats)
        described = {
            name: getattr(given, name)
            for name in ("tag", "framework", "algorithm", "labels", "metrics", "parameters", "extra_data")
        }
        check_profile(given.profile)
        check_performance(given.performance)
        names = tuple(given.inputs), tuple(given.outputs)
        check_suggested(given.contract)
        made = given.profile, given.contract, given.performance
        schema = Schema(*names, given.feature_stats, given.task, *made)
        wanted = challenging(project.settings, key, given.challenger_of, given.class_args, "")
        logged = keep_model(project.settings, key, ModelFiles(files, given.model_file), schema, described)
        if wanted is not None:
            keep_challenger(project.settings, wanted, logged, given.trained_until_us)

    return done(asked, act)


def _found(asked: Asked) -> ModelArtifact:
    key, known = asked.path["key"], _keys(asked.settings)
    if key not in known:
        raise Problem(404, str(no_such(f"no model {key!r} was logged here", key, known)), "key")
    return read_model(asked.settings, key)


def _keys(settings: Settings) -> list[str]:
    return model_keys(settings) if settings.project_dir else []


def _files(model: ModelArtifact) -> dict[str, int]:
    found = (path for path in sorted(model.files.rglob("*")) if path.is_file() and not path.is_symlink())
    return {path.relative_to(model.files).as_posix(): path.stat().st_size for path in found}


def _shown(settings: Settings, model: ModelArtifact, with_stats: bool) -> ShownModel:
    from modelmon.model_monitoring.training_sets import reference_rows

    stats = {name: each for name, each in model.feature_stats.items() if not is_private(settings, name)}
    private_task = model.task and any(is_private(settings, name) for name in model.task.answers)
    inputs, outputs = (
        tuple(name for name in names if not is_private(settings, name))
        for names in (model.inputs, model.outputs)
    )
    return ShownModel(
        model.key, model.uri, model.tag, model.framework, model.algorithm, model.labels, model.metrics,
        model.parameters, model.extra_data, inputs, outputs, model.model_file, _files(model),
        int(reference_rows(model.feature_stats)), stats if with_stats else {},
        None if private_task else model.task,
    )  # fmt: skip


ROUTES = (
    Route("GET", BASE, listed, "The models that were logged.", ModelsListed),
    Route("GET", f"{BASE}/{{key}}", one, "One model, with the statistics of what it was trained on."),
    Route("GET", f"{BASE}/{{key}}/files/{{file:path}}", file, "A file of a model.", kind=Kind.RAW),
    Route(
        "PUT", f"{BASE}/{{key}}", put, "Log a model, with its files and its reference.", body=ModelGiven,
        role=Role.ADMIN, takes_archive=True,
    ),
)  # fmt: skip
