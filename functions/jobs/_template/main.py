"""A job of your own: `modelmon job new <name>` has copied this folder. Make `retrain` yours."""

from __future__ import annotations

from modelmon.nuclio import job_handlers
from modelmon.retraining import JobContext, refitted


def retrain(context: JobContext) -> None:
    """Fit the champion anew on the older three quarters of the rows whose actuals have come.

    The newest quarter is left for the review, which asks the challenger about rows it has not seen.
    """
    rows = context.samples()  # `timestamp`, features, answers, and what came true
    known = rows[rows[context.actual].notna()]
    past = known.iloc[: len(known) * 3 // 4]
    model, training_set = refitted(context, past)
    context.log_challenger(
        model_file=model, training_set=training_set, label_column=context.actual, time_column="timestamp"
    )


init_context, handler = job_handlers(retrain)
