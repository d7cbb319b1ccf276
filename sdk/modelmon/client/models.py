"""Models of a project on another machine: logged there, read from there, their files fetched when wanted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import msgspec

from modelmon.client.asking import DEPLOY_SECONDS, Server
from modelmon.client.saying import Said
from modelmon.errors import ConfigError
from modelmon.model import Endpoint
from modelmon.model_monitoring.challengers import newest_row_us
from modelmon.model_monitoring.code_archives import pack
from modelmon.model_monitoring.drift_files import DriftFileVersion, segments_in
from modelmon.model_monitoring.logged_models import ModelArtifact, check_json
from modelmon.model_monitoring.model_files import ModelFiles, model_files
from modelmon.model_monitoring.model_tasks import Declared
from modelmon.model_monitoring.training_sets import schema_of
from modelmon.model_task import ModelTask

DESCRIBED = ("tag", "framework", "algorithm", "labels", "metrics", "parameters", "extra_data")
PAGE = 100


@dataclass(frozen=True, slots=True)
class RemoteModel(ModelArtifact):
    """A logged model; its files are fetched into a folder of this machine when `files` or `target_path` is
    first asked for."""

    fetch: Callable[[], Path] = field(default=Path, repr=False, compare=False)

    @property
    def files(self) -> Path:
        """Folder of the model's own files; it may be empty."""
        return self.fetch()


class Shown(msgspec.Struct, frozen=True):
    """A model as the server shows it."""

    key: str
    tag: str
    framework: str
    algorithm: str
    labels: dict[str, str]
    metrics: dict[str, Any]
    parameters: dict[str, Any]
    extra_data: dict[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    model_file: str
    files: dict[str, int]
    feature_stats: dict[str, Any]
    task: ModelTask | None = None


class DriftFileVersions(msgspec.Struct, frozen=True):
    """Of the drift file, the newest first."""

    versions: tuple[DriftFileVersion, ...]


class Page(msgspec.Struct, frozen=True):
    """Some of them."""

    models: list[Shown]
    after: str


def read(server: Server, base: str, project: str, key: str) -> RemoteModel:
    return _model(server, base, project, server.get(_path(base, key), Shown))


def read_all(server: Server, base: str, project: str) -> list[RemoteModel]:
    """Every one, by key."""
    found, after = list[RemoteModel](), ""
    while True:
        page = server.get(f"{base}/models", Page, page_size=PAGE, page_token=after, feature_stats=True)
        found += [_model(server, base, project, each) for each in page.models]
        after = page.after
        if not after:
            return found


def log(
    server: Server,
    base: str,
    key: object,
    *,
    body: bytes | str | None,
    model_dir: str | Path | None,
    model_file: str | Path | None,
    inputs: Any,
    outputs: Any,
    training_set: Any,
    label_column: str | Sequence[str] | None,
    declared: Declared,
    time_column: str | None = None,
    segments: Sequence[str] | None = None,
    challenger_of: Endpoint | str | None = None,
    class_args: Mapping[str, Any] | None = None,
    **described: Any,
) -> None:
    """Of the training set its statistics are sent, no row."""
    if not isinstance(key, str) or not key:
        raise ConfigError(f"key: must be the model's key, got {key!r}")
    files = model_files(Path.cwd(), key, body, model_dir, model_file)
    of_file = () if segments is not None or training_set is None else _file_segments(server, base)
    schema = schema_of(
        inputs, outputs, training_set, label_column, declared, time_column, None, segments, of_file
    )
    for name in ("metrics", "parameters", "labels", "extra_data"):
        check_json(f"model {key}: {name}", described.get(name) or {})
    given = {
        **{name: value for name, value in described.items() if value}, "inputs": schema.inputs,
        "outputs": schema.outputs, "feature_stats": schema.feature_stats, "profile": schema.profile,
        "contract": schema.contract, "performance": schema.performance, "model_file": files.main,
        "archive": _packed(files),
    }  # fmt: skip
    if challenger_of is not None or class_args:
        check_json(f"model {key}: class_args", class_args or {})
        of = challenger_of.endpoint_id if isinstance(challenger_of, Endpoint) else challenger_of
        newest = newest_row_us(training_set, time_column, schema.outputs)
        given |= {"challenger_of": of, "class_args": class_args or {}, "trained_until_us": newest}
    if schema.task is not None:
        given["task"] = schema.task.to_json()
    server.ask("PUT", _path(base, key), Said, body=given, within_seconds=DEPLOY_SECONDS).tell()


def _file_segments(server: Server, base: str) -> tuple[str, ...]:
    """The columns that the drift file there wants segments of, as far as it is shown."""
    versions = server.get(f"{base}/drift-file", DriftFileVersions).versions
    return segments_in(versions[0].text) if versions else ()


def _packed(files: ModelFiles) -> bytes | None:
    if not files.files:
        return None
    return pack(
        {name: each if isinstance(each, bytes) else each.read_bytes() for name, each in files.files.items()}
    )


def _model(server: Server, base: str, project: str, shown: Shown) -> RemoteModel:
    described: Mapping[str, Any] = {name: getattr(shown, name) for name in DESCRIBED}

    @cache
    def fetch() -> Path:
        folder = Path(tempfile.mkdtemp(prefix="modelmon-model-"))
        for name in shown.files:
            target = folder / _inside(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(server.get_file(f"{_path(base, shown.key)}/files/{quote(name)}"))
        return folder

    return RemoteModel(
        key=shown.key, project=project, folder=Path(), model_file=shown.model_file, inputs=shown.inputs,
        outputs=shown.outputs, feature_stats=shown.feature_stats, task=shown.task, fetch=fetch,
        **described,
    )  # fmt: skip


def _inside(name: str) -> str:
    if PurePosixPath(name).is_absolute() or ".." in name.split("/"):
        raise ConfigError(f"the server names a file {name!r}, which no model has")
    return name


def _path(base: str, key: str) -> str:
    return f"{base}/models/{quote(key, safe='')}"
