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
from modelmon.model_monitoring.code_archives import pack
from modelmon.model_monitoring.logged_models import ModelArtifact, check_json
from modelmon.model_monitoring.model_files import ModelFiles, model_files
from modelmon.model_monitoring.training_sets import schema_of

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
    **described: Any,
) -> None:
    """Of the training set its statistics are sent, no row."""
    if not isinstance(key, str) or not key:
        raise ConfigError(f"key: must be the model's key, got {key!r}")
    files = model_files(Path.cwd(), key, body, model_dir, model_file)
    schema = schema_of(inputs, outputs, training_set, label_column)
    for name in ("metrics", "parameters", "labels", "extra_data"):
        check_json(f"model {key}: {name}", described.get(name) or {})
    given = {
        **{name: value for name, value in described.items() if value}, "inputs": schema.inputs,
        "outputs": schema.outputs, "feature_stats": schema.feature_stats, "model_file": files.main,
        "archive": _packed(files),
    }  # fmt: skip
    server.ask("PUT", _path(base, key), Said, body=given, within_seconds=DEPLOY_SECONDS).tell()


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
        outputs=shown.outputs, feature_stats=shown.feature_stats, fetch=fetch, **described,
    )  # fmt: skip


def _inside(name: str) -> str:
    if PurePosixPath(name).is_absolute() or ".." in name.split("/"):
        raise ConfigError(f"the server names a file {name!r}, which no model has")
    return name


def _path(base: str, key: str) -> str:
    return f"{base}/models/{quote(key, safe='')}"
