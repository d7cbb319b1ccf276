"""The demo's job: the same training as in the beginning, on stored rows; the demo copies this file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from modelmon.demo.data import ACTUAL, FEATURES, PREDICTION, SCORE
from modelmon.demo.training import train
from modelmon.nuclio import job_handlers
from modelmon.retraining import JobContext


def retrain(context: JobContext) -> None:
    """Train the model anew on the stored rows of the span, with what came true of them."""
    name, rows = context.endpoint.name, context.samples()
    asked = rows[FEATURES[name]].assign(
        time=rows["timestamp"], **{ACTUAL: rows[context.actual].astype(float)}
    )
    model = train(asked, name, Path(tempfile.mkdtemp()) / "model.joblib")
    context.log_challenger(
        model_file=model.path, training_set=model.reference, label_column=ACTUAL, time_column="time",
        task="binary", prediction=PREDICTION, score=SCORE, positive=1, class_args=model.parameters,
    )  # fmt: skip


init_context, handler = job_handlers(retrain)
