"""What a model is for: which of its answers is the prediction, which the score, and what comes true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from modelmon.errors import ConfigError


class TaskKind(StrEnum):
    """What a model predicts: one of two classes, one of several, or a number."""

    binary = "binary"
    multiclass = "multiclass"
    regression = "regression"


@dataclass(frozen=True, slots=True)
class ModelTask:
    """How a model's answers are compared with what came true.

    `prediction` is the answer that says the class or the number, "" where a model answers with scores alone.
    `score` names the answers that are probabilities: of the positive class, or one for each of `classes`, in
    their order. Of a binary model `classes` are those of its label, where training had just two: then nothing
    else is an actual. Classes, and `positive` among them, are texts as `modelmon.stats.values.spelled` has
    them.
    Raises ConfigError for what does not fit together.
    """

    kind: TaskKind
    prediction: str = ""
    score: tuple[str, ...] = ()
    positive: str = ""
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.prediction and not self.score:
            raise ConfigError(f"task: a {self.kind} model needs prediction= or score=, the name of an answer")
        for wrong in filter(None, _CHECKS[self.kind](self)):
            raise ConfigError(wrong)

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers that are looked at."""
        return tuple(dict.fromkeys([*filter(None, [self.prediction]), *self.score]))

    @property
    def actual(self) -> str:
        """The answer under whose name actuals come."""
        return self.answers[0]

    def to_json(self) -> dict[str, Any]:
        """Plain values, as an endpoint's record keeps them."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> ModelTask:
        """The inverse of `to_json`; ConfigError for what is no task."""
        try:
            score, classes = (tuple(map(str, found.get(name, ()))) for name in ("score", "classes"))
            prediction, positive = (str(found.get(name, "")) for name in ("prediction", "positive"))
            return cls(TaskKind(found["kind"]), prediction, score, positive, classes)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"task: must be as log_model keeps it, got {found!r} ({error!r})") from error


def _binary(task: ModelTask) -> list[str]:
    return [
        "" if len(task.score) < 2 else f"score: a binary model has one score, got {', '.join(task.score)}",
        "" if task.positive else "positive: say which class of a binary model is the positive one, e.g. '1'",
    ]


def _multiclass(task: ModelTask) -> list[str]:
    fits = not task.score or (len(task.score) == len(task.classes) and all(task.classes))
    return [
        "" if fits else "score: a multiclass model has one score a class; give {class: name of its score}",
        f"positive: is of binary models, got {task.positive!r}" if task.positive else "",
    ]


def _regression(task: ModelTask) -> list[str]:
    return [
        f"score: a regression has none, got {', '.join(task.score)}; give prediction=" if task.score else "",
        f"positive: is of binary models, got {task.positive!r}" if task.positive else "",
    ]


_CHECKS = {
    TaskKind.binary: _binary,
    TaskKind.multiclass: _multiclass,
    TaskKind.regression: _regression,
}
