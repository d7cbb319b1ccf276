"""`log_model`: a model's file, its schema and the statistics of what it was trained on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelmon.errors import ConfigError
from modelmon.model_monitoring.logged_models import KEY, ModelArtifact, model_keys, models_folder, write_model
from modelmon.model_monitoring.model_files import ModelFiles, model_files
from modelmon.model_monitoring.telling import tell
from modelmon.model_monitoring.training_sets import Schema, advice, reference_rows, schema_of
from modelmon.project.names import refuse_spelling
from modelmon.settings import Settings

logger = logging.getLogger(__name__)


def log_model(
    settings: Settings,
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
) -> ModelArtifact:
    """Store a model under `.modelmon/models/<key>/`, with reference statistics of `training_set`."""
    key = check_key(settings, key)
    files = model_files(Path(settings.project_dir), key, body, model_dir, model_file)
    return keep_model(settings, key, files, schema_of(inputs, outputs, training_set, label_column), described)


def keep_model(
    settings: Settings, key: object, files: ModelFiles, schema: Schema, described: Mapping[str, Any]
) -> ModelArtifact:
    """Store a model whose schema is known."""
    key = check_key(settings, key)
    artifact = ModelArtifact(
        key=key,
        project=settings.project,
        folder=models_folder(settings) / key,
        model_file=files.main,
        inputs=schema.inputs,
        outputs=schema.outputs,
        feature_stats=schema.feature_stats,
        **{name: value for name, value in described.items() if value},
    )
    written = write_model(artifact, files.files)
    for sentence in advice(schema.feature_stats, settings.app_min_rows):
        logger.warning("%s", sentence)
    tell(f"Logged the model {key}, {_told(written)}.")
    return written


def check_key(settings: Settings, key: object) -> str:
    """A key that a model can have; ConfigError otherwise."""
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise ConfigError(
            "key: must be at most 128 letters, digits, '.', '_' and '-', first a letter or digit, "
            f"got {key!r}"
        )
    refuse_spelling("key", key, model_keys(settings))
    return key


def _told(artifact: ModelArtifact) -> str:
    features = f"{len(artifact.inputs)} features" if len(artifact.inputs) != 1 else "1 feature"
    rows = reference_rows(artifact.feature_stats)
    return f"{features}, reference of {rows:,.0f} rows" if rows else f"{features}, without a reference"
