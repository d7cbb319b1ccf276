"""`log_model`: a model's file, its schema and the statistics of what it was trained on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelmon.counting import count
from modelmon.errors import ConfigError
from modelmon.ledger.window_ledger import project_period
from modelmon.model_monitoring.challengers import challenging, keep_challenger, newest_row_us
from modelmon.model_monitoring.drift_files import file_segments
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.logged_models import KEY, ModelArtifact, model_keys, models_folder, write_model
from modelmon.model_monitoring.model_files import ModelFiles, model_files
from modelmon.model_monitoring.model_tasks import Declared
from modelmon.model_monitoring.reference_contracts import contract_of_model
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
    declared: Declared,
    time_column: str | None = None,
    segments: Sequence[str] | None = None,
    challenger_of: object = None,
    class_args: Mapping[str, Any] | None = None,
    run_id: str = "",
    **described: Any,
) -> ModelArtifact:
    """Store a model under `.modelmon/models/<key>/`, with reference statistics of `training_set`; as the
    challenger of an endpoint's model where it is asked for, by the run of a job if it has a `run_id`."""
    key = check_key(settings, key)
    wanted = challenging(settings, key, challenger_of, class_args, run_id)
    files = model_files(Path(settings.project_dir), key, body, model_dir, model_file)
    schema = schema_of(
        inputs, outputs, training_set, label_column, declared, time_column, _window_seconds(settings),
        segments, file_segments(settings),
    )  # fmt: skip
    logged = keep_model(settings, key, files, schema, described)
    if wanted is not None:
        keep_challenger(settings, wanted, logged, newest_row_us(training_set, time_column, schema.outputs))
    return logged


def _window_seconds(settings: Settings) -> float:
    """How long windows of the project are now."""
    with opened(settings) as database, database.read() as connection:
        return project_period(connection, settings.base_period) * 60.0


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
        task=schema.task,
        profile=schema.profile,
        performance=schema.performance,
        contract=contract_of_model(settings, key, schema.contract, reference_rows(schema.feature_stats)),
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
    features = count(len(artifact.inputs), "feature")
    rows = reference_rows(artifact.feature_stats)
    known = f"reference of {count(round(rows), 'row')}" if rows else "without a reference"
    return f"{features}, {known}"
