"""What a model is compared with: the names and the statistics of what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelmon.column_names import stored_names
from modelmon.counting import are, count
from modelmon.errors import ConfigError, RejectedError
from modelmon.model_monitoring.model_tasks import Declared, task_of
from modelmon.model_monitoring.reference_contracts import suggested_contract
from modelmon.model_monitoring.reference_performance import performance_of
from modelmon.model_monitoring.reference_profiles import (
    judged_columns,
    profile_of,
    segment_columns,
    time_column_of,
)
from modelmon.model_task import ModelTask
from modelmon.stats import describe
from modelmon.stats.frames import Column, columns
from modelmon.stats.reference import read_reference


@dataclass(frozen=True, slots=True)
class Schema:
    """Names of features and predictions, reference statistics and profile (of both), what the model is for,
    the contract of its features that the training set suggests, and how right the model was in it."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    feature_stats: Mapping[str, Any] = field(default_factory=dict)
    task: ModelTask | None = None
    profile: str = ""
    contract: str = ""
    performance: str = ""


def schema_of(
    inputs: Any,
    outputs: Any,
    training_set: Any,
    label_column: str | Sequence[str] | None,
    declared: Declared,
    time_column: str | None = None,
    window_seconds: float | None = None,
    segments: Any = None,
    file_segments: Sequence[str] = (),
) -> Schema:
    """From what `log_model` was given. Raises ConfigError that names the argument that is wrong."""
    if training_set is None:
        given_with = {"label_column": label_column, "time_column": time_column, "segments": segments}
        for argument, given in given_with.items():
            if given is not None:
                raise ConfigError(f"{argument}: goes together with training_set")
        answers = _names("outputs", outputs) or declared.answers
        return Schema(_names("inputs", inputs), answers, task=task_of(declared, answers, None))
    if inputs is not None:
        raise ConfigError("inputs: come from training_set; give one of the two")
    found = _columns(training_set)
    labels = _labels(label_column, list(found))
    answers = _answers(outputs, declared, labels)
    when = time_column_of(found, time_column, (*labels, *answers))
    stats = _described(training_set, [name for name in found if name != when])
    features = tuple(name for name in stats if name not in (*labels, *answers))
    if not features:
        raise ConfigError("training_set: has no column beside label_column")
    try:
        stored_names(features, answers)
    except RejectedError as error:
        raise ConfigError(f"training_set: {error}") from error
    actuals = found[labels[0]] if len(labels) == 1 else None
    # What came true is no answer of the model: as a reference it would be missing in every window.
    reference = {name: each for name, each in stats.items() if name not in labels or name in answers}
    apart = segment_columns(segments, file_segments, judged_columns(reference))
    profile = profile_of(training_set, list(reference), when, window_seconds, apart, compared=features)
    contract = suggested_contract({name: stats[name] for name in features}, training_set)
    task = task_of(declared, answers, actuals)
    performance = performance_of(training_set, task, labels, when, profile)
    return Schema(features, answers, reference, task, profile, contract, performance)


def _answers(outputs: Any, declared: Declared, labels: tuple[str, ...]) -> tuple[str, ...]:
    """What the model answers with, in its order: by default what its labels are called."""
    named = declared.answers
    if named and not set(named) <= set(labels):
        return _names("outputs", outputs) or named
    return labels or _names("outputs", outputs)


def _columns(training_set: Any) -> dict[str, Column]:
    try:
        found = columns(training_set)
    except ConfigError as error:
        raise ConfigError(f"training_set: {error}") from error
    if not found:
        raise ConfigError("training_set: has no columns; give the frame that the model was trained on")
    return found


def _described(training_set: Any, names: Sequence[str]) -> dict[str, Any]:
    stats = describe(training_set, names)
    if not reference_rows(stats):
        raise ConfigError("training_set: has no rows; give those that the model was trained on")
    return stats


def check_stats(stats: Mapping[str, Any]) -> None:
    """Of a reference that was described elsewhere. Raises ConfigError that names the column that is wrong."""
    for name, column in stats.items():
        numbers = (column.get("count"), column.get("missing"))
        texts = [column.get("kind"), *([column.get("type")] if column.get("kind") == "other" else [])]
        if not all(isinstance(each, str) for each in texts) or not all(
            isinstance(each, int | float) and 0 <= each < float("inf") for each in numbers
        ):
            raise ConfigError(
                f"feature_stats: {name!r} must have its kind, count and missing, as "
                "`modelmon.stats.describe` gives them"
            )
        _, unscored = read_reference({name: column})
        if unscored and column["kind"] != "other" and column["count"]:
            raise ConfigError(f"feature_stats: {name!r}: {unscored[name]}")


def reference_rows(stats: Mapping[str, Any]) -> int:
    """Rows of the training set: those in which a column has no value count too."""
    return max((column["count"] + column["missing"] for column in stats.values()), default=0)


def advice(stats: Mapping[str, Any], least: int) -> list[str]:
    """What is worth saying of a reference at once, as it would otherwise show after the first window."""
    said, rows = [], reference_rows(stats)
    if stats and rows < least:
        said.append(
            f"training_set: {count(rows, 'row')} {are(rows)} too few to compare with, no window will get a "
            f"drift verdict; give at least {least:,} (app_min_rows)"
        )
    unscored = [f"{name} ({column['type']})" for name, column in stats.items() if column["kind"] == "other"]
    if unscored:
        said.append(
            f"training_set: {', '.join(unscored)} can't be scored, but counts among the model's inputs; "
            "leave out what the model is not given"
        )
    return said


def _labels(label_column: str | Sequence[str] | None, known: list[str]) -> tuple[str, ...]:
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
