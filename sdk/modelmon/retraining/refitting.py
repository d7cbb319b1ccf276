"""A champion of scikit-learn is fitted anew."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmon.counting import are, count
from modelmon.errors import ConfigError
from modelmon.model_task import TaskKind
from modelmon.retraining.job import JobContext

if TYPE_CHECKING:
    import pandas as pd

FEWEST_ROWS = 30


def refitted(context: JobContext, rows: pd.DataFrame) -> tuple[Path, pd.DataFrame]:
    """The champion, fitted on these rows of `context.samples`: the file of the new model, and the training
    set as `log_challenger` takes it, with the new model's own answers.

    Raises ConfigError where the champion is no single file that joblib reads, for a model that answers with
    more than a prediction, and for too few rows.
    """
    task, champion = context.task, context.champion
    if champion is None or not champion.model_file:
        raise ConfigError(
            f"{context.endpoint.name} serves no model that was logged as one file: nothing to refit"
        )
    if task.score or not task.prediction:
        raise ConfigError(f"{champion.key} answers with scores: fit and log it in the job itself")
    if len(rows) < FEWEST_ROWS:
        few = f"{count(len(rows), 'row')} with an actual {are(len(rows))} too few"
        raise ConfigError(f"{few} to fit on; {FEWEST_ROWS} are needed")
    names = list(champion.inputs)
    model = _fitted(Path(champion.target_path), rows[names], _truth(rows[context.actual], task.kind))
    file = Path(tempfile.mkdtemp(prefix="modelmon-job-")) / champion.model_file
    _dump(model, file)
    answers = {task.prediction: model.predict(rows[names].to_numpy())}
    return file, rows[["timestamp", *names, context.actual]].assign(**answers)


def _truth(actual: pd.Series[Any], kind: TaskKind) -> pd.Series[Any]:
    return actual.astype(float) if kind is TaskKind.regression else actual


def _fitted(file: Path, features: pd.DataFrame, actual: pd.Series[Any]) -> Any:
    import joblib
    from sklearn.base import clone

    return clone(joblib.load(file)).fit(features.to_numpy(), actual)


def _dump(model: Any, file: Path) -> None:
    import joblib

    joblib.dump(model, file)
