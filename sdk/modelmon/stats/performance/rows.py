"""The rows of a model of any task, and every metric that they define."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.performance import OF_NUMBERS, OF_PREDICTIONS, OF_SCORES, Estimate
from modelmon.stats.performance.accuracy import accuracy
from modelmon.stats.performance.f1 import macro_f1
from modelmon.stats.performance.log_loss import log_loss
from modelmon.stats.performance.roc_auc import macro_roc_auc

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TaskRows:
    """`actual` (rows,) with NaN where it has not come, what was `predicted` (rows,), and `score`.

    Of two classes numbers are 0 and 1, of several the place among `classes`: one more for any other class,
    two more where that was predicted and still another one came true. Of a regression they are what they
    are; `classes` is then 0. `score` is (rows,) or (rows, classes); None: there is none.
    """

    actual: Floats
    predicted: Floats
    score: Floats | None
    classes: int = 0

    def __len__(self) -> int:
        return len(self.actual)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Rows whose actual has come, and whose prediction is there."""
        return np.asarray(~(np.isnan(self.actual) | np.isnan(self.predicted)))

    @property
    def maturity(self) -> float:
        """Share of the rows whose actual has come; 0 without rows."""
        return float((~np.isnan(self.actual)).mean()) if len(self) else 0.0

    def at(self, places: NDArray[np.intp]) -> TaskRows:
        """The rows at these places."""
        score = None if self.score is None else self.score[places]
        return TaskRows(self.actual[places], self.predicted[places], score, self.classes)

    @property
    def loss(self) -> Floats:
        """What each row costs: 1 for a wrong class, |predicted - actual| for a number; NaN without actual."""
        apart = np.abs(self.predicted - self.actual)
        return apart if not self.classes else np.where(np.isnan(apart), np.nan, 1.0 * (apart > 0))


def outcomes(rows: TaskRows) -> tuple[Floats, Floats] | None:
    """What a calibration is of: the outcome (rows,) of 0 or 1, and the score (rows,) that tells its chance.

    Of two classes the actual by its score, or by the predicted class where there is none; of several whether
    the prediction came true, by the highest score. None for numbers, and for several classes without scores.

    >>> both = outcomes(TaskRows(np.array([2.0, 0.0]), np.array([2.0, 1.0]), np.eye(3)[[2, 1]] * 0.7, 3))
    >>> both[0].tolist(), both[1].tolist()
    ([1.0, 0.0], [0.7, 0.7])
    """
    if rows.classes == 2:
        return rows.actual, rows.predicted if rows.score is None else rows.score
    if not rows.classes or rows.score is None:
        return None
    came_true = np.where(rows.known, 1.0 * (rows.actual == rows.predicted), np.nan)
    return came_true, np.clip(rows.score.max(axis=1), 0.0, 1.0)


def metrics_of(rows: TaskRows) -> dict[str, Callable[[TaskRows], Estimate]]:
    """The metrics that rows of this task have, by name."""
    if not rows.classes:
        return {name: _of_predictions(of) for name, of in OF_NUMBERS.items()}
    if rows.classes == 2:
        scores = OF_SCORES if rows.score is not None else {}
        return {
            **{name: _of_predictions(of) for name, of in OF_PREDICTIONS.items()},
            **{name: _of_scores(of) for name, of in scores.items()},
        }
    found: dict[str, Callable[[TaskRows], Estimate]] = {
        "accuracy": _of_predictions(accuracy),
        "macro_f1": lambda rows: macro_f1(rows.actual, rows.predicted, classes=rows.classes + 1),
    }
    if rows.score is not None:
        found |= {"macro_roc_auc": _of_scores(macro_roc_auc), "log_loss": _of_scores(log_loss)}
    return found


def measured(rows: TaskRows) -> dict[str, Estimate]:
    """Every metric of the rows whose actual has come.

    >>> nan = float("nan")
    >>> rows = TaskRows(np.array([1.0, 0.0, nan]), np.array([1.0, 1.0, 0.0]), None, 2)
    >>> measured(rows)["accuracy"].value, rows.maturity
    (0.5, 0.6666666666666666)
    """
    return {name: of(rows) for name, of in metrics_of(rows).items()}


JUDGED: Mapping[int, tuple[str, ...]] = {
    0: ("mae", "bias"),
    2: ("accuracy", "f1", "roc_auc"),
    3: ("accuracy", "macro_f1", "macro_roc_auc"),
}
"""Which metrics are judged where nobody says, by number of classes (3: three or more)."""

OF_SIZE = frozenset({"calibration_error"})
"""Metrics that are larger where there are fewer rows: they compare with windows of the same size alone."""


def _of_predictions(of: Callable[..., Estimate]) -> Callable[[TaskRows], Estimate]:
    return lambda rows: of(rows.actual, rows.predicted)


def _of_scores(of: Callable[..., Estimate]) -> Callable[[TaskRows], Estimate]:
    def found(rows: TaskRows) -> Estimate:
        # Of a class that the scores do not name nothing can be said.
        actual = np.where(rows.actual < rows.classes, rows.actual, np.nan)
        return of(actual, rows.score)

    return found
