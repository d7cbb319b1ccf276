"""What a model is for, as `log_model` was told, or as its label plainly says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelmon.errors import ConfigError, no_such
from modelmon.model_task import ModelTask, TaskKind
from modelmon.stats.categories import unlisted
from modelmon.stats.frames import Column
from modelmon.stats.values import spelled

MOST_CLASSES, MOST_DECLARED = 200, 5_000
"""A label of more classes is no plain one, and one of still more none that may be declared: endpoints keep
their names."""
FEW_VALUES = 20
"""Up to so many different whole numbers may be classes as well as amounts: the task is not plain."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What `log_model` was told of a model's task, as it came."""

    task: Any = None
    prediction: Any = None
    score: Any = None
    positive: Any = None

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers that are named. Raises ConfigError for what is no name."""
        found = (self._prediction(), *self.scores.values())
        return tuple(dict.fromkeys(name for name in found if name))

    @property
    def scores(self) -> dict[str, str]:
        """Class to the name of its score; "" is the positive class, of which nobody said more."""
        given = {"": self.score} if isinstance(self.score, str) else self.score or {}
        if not isinstance(given, Mapping) or not all(
            isinstance(name, str) and name for name in given.values()
        ):
            raise ConfigError(
                "score: must be the name of an answer, or of several classes a dict {class: name}, "
                f"got {self.score!r}"
            )
        return {spelled(each): name for each, name in given.items()}

    def _prediction(self) -> str:
        if self.prediction is not None and (not isinstance(self.prediction, str) or not self.prediction):
            raise ConfigError(f"prediction: must be the name of an answer, got {self.prediction!r}")
        return self.prediction or ""

    def kind(self) -> TaskKind | None:
        """The kind that was named, or that several scores, or one and a positive class, leave no doubt of."""
        if self.task is not None:
            if not isinstance(self.task, str) or self.task not in set(TaskKind):
                raise no_such(f"task: there is no {self.task!r}", str(self.task), list(TaskKind))
            return TaskKind(self.task)
        if len(self.scores) > 1:
            return TaskKind.multiclass
        return TaskKind.binary if self.scores or self.positive is not None else None


def task_of(declared: Declared, answers: Sequence[str], actuals: Column | None) -> ModelTask | None:
    """The task of a model that answers with `answers`; `actuals` are the labels of its training set.

    None where nobody named it and nothing is plain. Raises ConfigError that names the argument that is wrong.
    """
    for name in declared.answers:
        if name not in answers:
            raise no_such(f"the model has no answer {name!r}", name, list(answers))
    kind = declared.kind() or _plain_kind(answers, actuals)
    if kind is None:
        _refuse_undecided(declared)
        return None
    prediction = declared.prediction or ("" if declared.scores else answers[0] if len(answers) == 1 else "")
    scores = tuple(declared.scores.values())
    classes: tuple[str, ...] = ()
    positive = "" if declared.positive is None else spelled(declared.positive)
    if kind is TaskKind.multiclass:
        classes = tuple(declared.scores) if scores else _classes(actuals)
    elif kind is TaskKind.binary:
        positive = positive or next(iter(declared.scores), "") or _positive(actuals)
        classes = _two_classes(actuals, positive)
    return ModelTask(kind, prediction, scores, positive, classes)


def _refuse_undecided(declared: Declared) -> None:
    if declared.answers:
        raise ConfigError(
            f"task: say which it is, one of {', '.join(TaskKind)}: the labels do not tell it plainly"
        )


def _plain_kind(answers: Sequence[str], actuals: Column | None) -> TaskKind | None:
    if actuals is None or len(answers) != 1:
        return None
    if actuals.kind == "boolean":
        return TaskKind.binary
    if actuals.kind == "categorical":
        several = 2 < len(actuals.categories[0]) <= MOST_CLASSES
        return TaskKind.multiclass if several else None
    return _of_numbers(actuals) if actuals.kind == "numeric" else None


def _of_numbers(actuals: Column) -> TaskKind | None:
    different = np.unique(actuals.numbers[0][np.isfinite(actuals.numbers[0])])
    if different.tolist() == [0.0, 1.0]:
        return TaskKind.binary
    is_amount = different.size > FEW_VALUES or bool((different != np.rint(different)).any())
    return TaskKind.regression if different.size and is_amount else None


def _classes(actuals: Column | None) -> tuple[str, ...]:
    found = actuals.categories[0] if actuals is not None else ()
    if len(found) > MOST_DECLARED:
        raise ConfigError(
            f"task: the label has {len(found):,} different values, too many to be classes: at most "
            f"{MOST_DECLARED:,}; or name them by score={{class: name of its score}}"
        )
    return tuple(sorted(found))


def _two_classes(actuals: Column | None, positive: str) -> tuple[str, ...]:
    """Those of a label that has just two, where one is the positive one; a label of more is open."""
    if actuals is None or actuals.kind == "other":
        return ()
    found = ("false", "true") if actuals.kind == "boolean" else tuple(sorted(actuals.categories[0]))
    return found if len(found) == 2 and not unlisted([positive], found) else ()


def _positive(actuals: Column | None) -> str:
    """True or 1, where the labels are such."""
    if actuals is None or actuals.kind not in ("boolean", "numeric"):
        return ""
    return "true" if actuals.kind == "boolean" else "1"
