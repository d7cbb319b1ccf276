"""Logged models: their files, schema and reference statistics, under `.modelmon/models/<key>/`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from modelmon.errors import ConfigError
from modelmon.function_spec.folders import state_folder
from modelmon.model_monitoring.whole_folders import replace_folder
from modelmon.model_task import ModelTask
from modelmon.settings import Settings

SPEC, STATS, PROFILE, FILES = "model.json", "feature_stats.json", "profile.json", "files"
PERFORMANCE = "performance.json"
CONTRACT = "contract.yaml"
KEY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}")
URI = re.compile(r"store://models/(?P<project>[^/#:@]+)/(?P<key>[^/#:@]+)(?:#\d+)?(?::[^@]*)?(?:@.*)?")
URI_PREFIX = "store://models/"


@dataclass(frozen=True, slots=True)
class ModelArtifact:
    """A logged model. `inputs` and `outputs` name its features and predictions, `feature_stats` is the
    reference, `profile` the same in fine cells, as `stats.profile` writes it ("": there is none). `task` is
    what it is for; None: nobody said, and its labels do not tell. `contract` is what its training set
    suggests, as YAML without private columns.

    `model_file` is the name of the model's file inside `files`, "" when it has none or several.
    """

    key: str
    project: str
    folder: Path
    model_file: str = ""
    tag: str = ""
    framework: str = ""
    algorithm: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    extra_data: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    feature_stats: Mapping[str, Any] = field(default_factory=dict, repr=False)
    task: ModelTask | None = None
    profile: str = field(default="", repr=False)
    performance: str = field(default="", repr=False)
    contract: str = field(default="", repr=False)

    @property
    def uri(self) -> str:
        """What `add_model(model_path=…)` takes."""
        return f"{URI_PREFIX}{self.project}/{self.key}"

    @property
    def references(self) -> tuple[str, str, str]:
        """What an endpoint that serves it is compared with: its profile, contract and performance."""
        return self.profile, self.contract, self.performance

    @property
    def policy(self) -> dict[str, Any]:
        """What an endpoint that serves it has of it in its own `policy`."""
        return {"task": self.task.to_json()} if self.task else {}

    @property
    def files(self) -> Path:
        """Folder of the model's own files; it may be empty."""
        return self.folder / FILES

    @property
    def target_path(self) -> str:
        """The model's file, or the folder of its files."""
        return str(self.files / self.model_file)


def write_model(artifact: ModelArtifact, files: Mapping[str, Path | bytes]) -> ModelArtifact:
    """Store a model with its files (name to path or content); one of the same key is replaced."""
    spec = asdict(artifact)
    stats, profile = spec.pop("feature_stats"), spec.pop("profile")
    contract, performance = spec.pop("contract"), spec.pop("performance")
    del spec["folder"]
    for argument in ("metrics", "parameters", "labels", "extra_data"):
        check_json(f"model {artifact.key}: {argument}", spec[argument])
    encoded = msgspec.json.format(msgspec.json.encode(spec))

    def fill(folder: Path) -> None:
        (folder / FILES).mkdir()
        for name, content in files.items():
            target = folder / FILES / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                target.write_bytes(content)
            else:
                shutil.copyfile(content, target)
        (folder / STATS).write_bytes(msgspec.json.encode(stats))
        texts = {PROFILE: profile, CONTRACT: contract, PERFORMANCE: performance}
        for name, text in texts.items():
            if text:
                (folder / name).write_text(text, encoding="utf-8")
        (folder / SPEC).write_bytes(encoded)

    replace_folder(artifact.folder, fill)
    return artifact


def check_json(what: str, values: Mapping[str, Any]) -> None:
    """ConfigError that names the first of these values that JSON has no form for."""
    for name, value in values.items():
        try:
            msgspec.json.encode(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigError(
                f"{what}: {name!r} must be a JSON value (text, number, boolean, list, dict), got "
                f"{type(value).__name__}: {error}"
            ) from error


def models_folder(settings: Settings) -> Path:
    return state_folder(Path(settings.project_dir)) / "models"


def model_keys(settings: Settings) -> list[str]:
    """Keys of the project's logged models."""
    return sorted(path.parent.name for path in models_folder(settings).glob(f"[!.]*/{SPEC}"))


def read_model(settings: Settings, key: str) -> ModelArtifact:
    """The logged model of this key; ConfigError when there is none."""
    folder = models_folder(settings) / key
    if not KEY.fullmatch(key) or not (folder / SPEC).is_file():
        known = ", ".join(model_keys(settings)) or "none"
        raise ConfigError(f"no model {key!r} was logged in project {settings.project}; there are: {known}")
    try:
        spec = msgspec.json.decode((folder / SPEC).read_bytes())
        stats = msgspec.json.decode((folder / STATS).read_bytes())
        profile, contract, performance = (_text(folder / each) for each in (PROFILE, CONTRACT, PERFORMANCE))
        task = ModelTask.from_json(spec.pop("task")) if spec.get("task") else spec.pop("task", None)
        spec |= {"inputs": tuple(spec["inputs"]), "outputs": tuple(spec["outputs"]), "folder": folder}
        return ModelArtifact(
            **spec,
            feature_stats=stats,
            task=task,
            profile=profile,
            contract=contract,
            performance=performance,
        )
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder} is no logged model: {error}; log it again") from error


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def find_model(settings: Settings, reference: ModelArtifact | str | Path | None) -> ModelArtifact | None:
    """The logged model that an artifact, its uri or its key means; None for anything else (a path)."""
    if isinstance(reference, ModelArtifact):
        return reference
    if not isinstance(reference, str):
        return None
    if reference.startswith("store://"):
        return read_model(settings, _key_of(settings, reference))
    return read_model(settings, reference) if reference in model_keys(settings) else None


def _key_of(settings: Settings, uri: str) -> str:
    match = URI.fullmatch(uri)
    if match is None:
        raise ConfigError(f"model_path: must be like {URI_PREFIX}{settings.project}/<key>, got {uri!r}")
    if match["project"] != settings.project:
        raise ConfigError(
            f"model_path: {uri!r} is a model of project {match['project']!r}, this is {settings.project!r}"
        )
    return match["key"]
