"""Files and frames that a project keeps by key, beside its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelmon.apps.artifacts import Artifact, PlotlyArtifact, content_of, dataset, keep, location
from modelmon.errors import ConfigError
from modelmon.model_monitoring.logged_artifacts import record_of
from modelmon.model_monitoring.whole_folders import write_private
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.stats.frames import Frame


def log_file(
    settings: Settings,
    item: str | PlotlyArtifact,
    body: Any,
    local_path: str,
    artifact_path: str | None,
    extension: str | None,
    target_path: str | None,
    tag: str,
    labels: Mapping[str, str] | None,
) -> Artifact:
    """Keep a file, and where it is under its key."""
    if not body and local_path and not Path(local_path).is_file():
        raise ConfigError(f"local_path: no file {local_path!r}")
    key = item.key if isinstance(item, PlotlyArtifact) else item
    name, content = content_of(item, body, local_path)
    place = _place(settings, name, artifact_path, extension or "", target_path)
    return _remember(settings, keep(Artifact(key, place, tag, dict(labels or {})), content))


def log_frame(
    settings: Settings,
    key: str,
    frame: Frame,
    artifact_path: str | None,
    extension: str,
    target_path: str,
    tag: str,
    labels: Mapping[str, str] | None,
) -> Artifact:
    """Keep a frame as a Parquet or CSV file, and where it is under its key."""
    extension = extension or "parquet"
    place = _place(settings, key, artifact_path, extension, target_path)
    content = dataset(frame, extension)
    return _remember(settings, keep(Artifact(key, place, tag, dict(labels or {})), content))


def _remember(settings: Settings, artifact: Artifact) -> Artifact:
    write_private(record_of(settings, artifact.key), msgspec.json.encode(asdict(artifact)))
    return artifact


def _place(settings: Settings, key: str, folder: str | None, extension: str, target_path: str | None) -> str:
    root = folder or settings.location("artifacts_path")
    return target_path or location(f"{root}/{settings.project}", key, "", extension)
