"""How right a model was in its training set: made where the rows are, checked where it comes to."""

from __future__ import annotations

from collections.abc import Sequence

from modelmon.errors import ConfigError
from modelmon.model_task import ModelTask
from modelmon.stats import profile_from_json
from modelmon.stats.frames import Frame
from modelmon.stats.performance.reference import (
    read_reference,
    reference_from_json,
    reference_to_json,
)


def performance_of(
    training_set: Frame,
    task: ModelTask | None,
    labels: Sequence[str],
    time_column: str | None,
    profile: str,
) -> str:
    """The performance of the answers that the training set holds beside its label, as it is kept; `profile`
    is that of the training set.

    "" where it holds none, or nobody knows the task. Raises ConfigError for answers that don't fit the task.
    """
    if task is None or len(labels) != 1 or labels[0] in task.answers:
        return ""
    try:
        made = read_reference(training_set, task, labels[0], time_column, profile_from_json(profile))
    except ConfigError as error:
        raise ConfigError(f"training_set: {error}") from error
    return reference_to_json(made) if made else ""


def check_performance(written: str) -> None:
    """Of one that was made elsewhere. Raises ConfigError for one that is damaged; "" is none."""
    if written:
        try:
            reference_from_json(written)
        except ConfigError as error:
            raise ConfigError(f"performance: {error}") from error
