"""The rows of a model's task from a frame: predictions, scores and what came true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmon.errors import ConfigError
from modelmon.model_task import ModelTask, TaskKind
from modelmon.stats.categories import places_of
from modelmon.stats.frames import Column, Frame, as_frame, columns, without_values
from modelmon.stats.performance.rows import TaskRows

Floats = NDArray[np.float64]

THRESHOLD = 0.5
"""From this score on a row counts as positive, where the model says no class."""

FEW_CLASSES = 200

LARGEST = 1e150
"""Of numbers: the squares of larger ones are beyond what a float holds."""


@dataclass(frozen=True, slots=True)
class ReadRows:
    """`rows` of a frame, and by column how many values could not be used: they count as missing."""

    rows: TaskRows
    invalid: Mapping[str, int]


def read_rows(frame: Frame, task: ModelTask, actual: str) -> ReadRows:
    """The rows of a frame, whose column `actual` holds what came true; without it nothing has come yet.

    Classes are compared by value and spelling, as categories are: `1.0`, `1` and True are the same. Where the
    label had two classes, an actual that is neither of them is missing and counted. So are numbers beyond
    1e150, infinite ones too, and scores outside of [0, 1]. Raises ConfigError for a frame without one of the
    task's answers, and for answers of two classes that are fractions, which are scores.

    >>> import pyarrow as pa
    >>> task = ModelTask(TaskKind.binary, "late", positive="true")
    >>> read = read_rows(pa.table({"late": [True, False], "actual.late": [True, None]}), task, "actual.late")
    >>> read.rows.predicted.tolist(), read.rows.actual.tolist()
    ([1.0, 0.0], [1.0, nan])
    """
    frame = as_frame(frame)
    found = columns(frame)
    absent = [name for name in task.answers if name not in found]
    if absent:
        raise ConfigError(f"the rows have no answer {absent[0]!r}")
    truth = found.get(actual) or without_values(len(frame))
    answers = {name: found[name] for name in task.answers}
    if task.kind is TaskKind.regression:
        return _of_numbers(task, answers, actual, truth)
    return _of_classes(task, answers, actual, truth)


def _of_numbers(task: ModelTask, answers: Mapping[str, Column], actual: str, truth: Column) -> ReadRows:
    predicted, wrong = _numbers(answers[task.prediction])
    came, wrong_actuals = _numbers(truth)
    return ReadRows(
        TaskRows(came, predicted, None), _invalid({task.prediction: wrong, actual: wrong_actuals})
    )


def _of_classes(task: ModelTask, answers: Mapping[str, Column], name: str, truth: Column) -> ReadRows:
    classes = _known_classes(task, answers, truth)
    scores = {name: _probabilities(answers[name]) for name in task.score}
    known = [values for values, _ in scores.values()]
    is_binary = task.kind is TaskKind.binary
    score = None if not known else known[0] if is_binary else np.column_stack(known)
    if task.prediction:
        predicted = _classes(answers[task.prediction], classes, is_binary)
        if is_binary:
            _check_no_score(task.prediction, answers[task.prediction])
    else:
        assert score is not None, "a task has a prediction or a score"
        predicted = _most_likely(score)
    actual = _classes(truth, classes, is_binary)
    is_foreign = _foreign(truth, task)
    actual = np.where(is_foreign, np.nan, actual)
    wrong = {each: number for each, (_, number) in scores.items()}
    invalid = _invalid({**wrong, name: int(np.count_nonzero(is_foreign))})
    if task.prediction and not is_binary:
        is_other = (actual == len(classes)) & (predicted == len(classes))
        is_wrong = is_other & ~_same(answers[task.prediction], truth)
        predicted = np.where(is_wrong, len(classes) + 1.0, predicted)
    return ReadRows(TaskRows(actual, predicted, score, len(classes)), invalid)


def _known_classes(task: ModelTask, answers: Mapping[str, Column], truth: Column) -> Sequence[str]:
    """Those of the task; where nobody named any, those of the rows, so far as they are few."""
    if task.kind is TaskKind.binary:
        return "", task.positive
    seen = (name for each in (*answers.values(), truth) for name in each.named[1])
    return task.classes or sorted({*seen})[:FEW_CLASSES] or ("",)


def _same(said: Column, came: Column) -> NDArray[np.bool_]:
    """Row by row, whether two columns have the same class."""
    (places, names), (others, known) = said.named, came.named
    at = np.array([*places_of(names, known), -2])[places]  # -1, the last one, is missing
    return np.asarray(at == others)


def _classes(column: Column, classes: Sequence[str], is_binary: bool) -> Floats:
    """The place of each row's class, NaN where it is missing; of two classes 1 is the positive one."""
    places, names = column.named
    wanted = classes[1:] if is_binary else classes
    at = places_of(names, wanted)
    numbers = [1.0 * (each == 0) for each in at] if is_binary else [float(each) for each in at]
    return np.array([*numbers, np.nan])[places]  # -1, the last one, is missing


def _foreign(column: Column, task: ModelTask) -> NDArray[np.bool_]:
    """Row by row, whether the value is neither of the label's two classes; never, where they are unknown."""
    places, names = column.named
    is_open = task.kind is not TaskKind.binary or not task.classes
    foreign = [not is_open and at == len(task.classes) for at in places_of(names, task.classes)]
    return np.array([*foreign, False])[places]  # -1, the last one, is missing


def _most_likely(score: Floats) -> Floats:
    if score.ndim == 1:
        return np.where(np.isnan(score), np.nan, 1.0 * (score >= THRESHOLD))
    is_gap = np.isnan(score).any(axis=1)
    return np.where(is_gap, np.nan, np.where(np.isnan(score), -1, score).argmax(axis=1))


def _check_no_score(name: str, column: Column) -> None:
    if column.kind != "numeric":
        return
    values = column.numbers[0]
    if ((values > 0) & (values < 1)).any():
        raise ConfigError(
            f"the answers {name!r} lie between 0 and 1, so they are no classes: log it with score={name!r}"
        )


def _probabilities(column: Column) -> tuple[Floats, int]:
    values, wrong = column.numbers
    outside = (values < 0) | (values > 1)  # infinities too
    return np.where(outside, np.nan, values), wrong + int(np.count_nonzero(outside))


def _numbers(column: Column) -> tuple[Floats, int]:
    values, wrong = column.numbers
    beyond = np.abs(values) > LARGEST
    return np.where(beyond, np.nan, values), wrong + int(np.count_nonzero(beyond))


def _invalid(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number}
