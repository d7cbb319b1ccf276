"""`log_model`: a model's file, its schema and the statistics of what it was trained on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelmon.column_names import stored_names
from modelmon.errors import ConfigError, RejectedError
from modelmon.model_monitoring.logged_models import KEY, ModelArtifact, model_keys, models_folder, write_model
from modelmon.project.console import tell
from modelmon.project.functions import check_path, existing
from modelmon.project.names import refuse_spelling
from modelmon.settings import Settings
from modelmon.stats import describe

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
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise ConfigError(
            "key: must be at most 128 letters, digits, '.', '_' and '-', first a letter or digit, "
            f"got {key!r}"
        )
    refuse_spelling("key", key, model_keys(settings))
    files, main = _files(settings, key, body, model_dir, model_file)
    features, predictions, stats = _schema(inputs, outputs, training_set, label_column)
    artifact = ModelArtifact(
        key=key,
        project=settings.project,
        folder=models_folder(settings) / key,
        model_file=main,
        inputs=features,
        outputs=predictions,
        feature_stats=stats,
        **{name: value for name, value in described.items() if value},
    )
    written = write_model(artifact, files)
    _advise(stats, settings.app_min_rows)
    tell(f"Logged the model {key}, {_told(written)}.")
    return written


def _told(artifact: ModelArtifact) -> str:
    features = f"{len(artifact.inputs)} features" if len(artifact.inputs) != 1 else "1 feature"
    rows = _rows(artifact.feature_stats)
    return f"{features}, reference of {rows:,.0f} rows" if rows else f"{features}, without a reference"


def _files(
    settings: Settings,
    key: str,
    body: bytes | str | None,
    model_dir: str | Path | None,
    model_file: str | Path | None,
) -> tuple[dict[str, Path | bytes], str]:
    """Name to path or content of every file of the model, and the name of the one that is the model."""
    base = Path(settings.project_dir)
    if body is not None:
        if not isinstance(body, bytes | str):
            raise ConfigError(
                f"body: must be the bytes or text of the model's file, got a {type(body).__name__}; "
                "write the model into a file and give model_file"
            )
        name = Path(model_file or f"{key}.bin").name
        check_path(name, "model_file")
        return {name: body if isinstance(body, bytes) else body.encode()}, name
    folder = existing(model_dir, "model_dir", base) if model_dir is not None else None
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"model_dir: {folder} is a file; give it as model_file")
    if model_file is not None:
        path = existing(folder / model_file if folder else model_file, "model_file", base)
        if not path.is_file():
            raise ConfigError(f"model_file: {path} is a folder; give it as model_dir")
        return {path.name: path}, path.name
    if folder is None:
        return {}, ""
    found = {
        path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
    }
    return {**found}, next(iter(found)) if len(found) == 1 else ""


def _schema(
    inputs: Any, outputs: Any, training_set: Any, label_column: str | Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, Any]]:
    """Names of features and predictions, and reference statistics (of both)."""
    if training_set is None:
        if label_column is not None:
            raise ConfigError("label_column: goes together with training_set")
        return _names("inputs", inputs), _names("outputs", outputs), {}
    if inputs is not None:
        raise ConfigError("inputs: come from training_set; give one of the two")
    stats = _described(training_set)
    predictions = _predictions(label_column, list(stats))
    features = tuple(name for name in stats if name not in predictions)
    if not features:
        raise ConfigError("training_set: has no column beside label_column")
    try:
        stored_names(features, predictions)
    except RejectedError as error:
        raise ConfigError(f"training_set: {error}") from error
    return features, predictions or _names("outputs", outputs), stats


def _described(training_set: Any) -> dict[str, Any]:
    try:
        stats = describe(training_set)
    except ConfigError as error:
        raise ConfigError(f"training_set: {error}") from error
    if not stats:
        raise ConfigError("training_set: has no columns; give the frame that the model was trained on")
    if not _rows(stats):
        raise ConfigError("training_set: has no rows; give those that the model was trained on")
    return stats


def _rows(stats: Mapping[str, Any]) -> int:
    """Rows of the training set: those in which a column has no value count too."""
    return max((column["count"] + column["missing"] for column in stats.values()), default=0)


def _advise(stats: Mapping[str, Any], least: int) -> None:
    """Say at once what would otherwise show after the first window."""
    rows = _rows(stats)
    if stats and rows < least:
        logger.warning(
            "training_set: %d rows are too few to compare with, no window will get a drift verdict; "
            "give at least %d (app_min_rows)",
            rows,
            least,
        )
    unscored = [f"{name} ({column['type']})" for name, column in stats.items() if column["kind"] == "other"]
    if unscored:
        logger.warning(
            "training_set: %s can't be scored, but counts among the model's inputs; leave out what the "
            "model is not given",
            ", ".join(unscored),
        )


def _predictions(label_column: str | Sequence[str] | None, known: list[str]) -> tuple[str, ...]:
    if not isinstance(label_column, str | Sequence | None):
        raise ConfigError(f"label_column: must be a column's name or a list of names, got {label_column!r}")
    names = (label_column,) if isinstance(label_column, str) else tuple(label_column or ())
    for name in names:
        if name not in known:
            raise ConfigError(
                f"label_column: the training set has no column {name!r}; it has {', '.join(known)}"
            )
    return names


def _names(argument: str, entries: Any) -> tuple[str, ...]:
    """Names given as texts, or as MLRun's features (with a `name`)."""
    if entries is None:
        return ()
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        raise ConfigError(f"{argument}: must be a list of names, got {entries!r}")
    names: tuple[Any, ...] = tuple(
        entry.get("name") if isinstance(entry, Mapping) else getattr(entry, "name", entry)
        for entry in entries
    )
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise ConfigError(f"{argument}: must be names, each one once, got {list(entries)!r}")
    return names
