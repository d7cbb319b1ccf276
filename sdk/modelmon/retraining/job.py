"""What a job is given: the endpoint and its incident, stored samples with actuals, and the champion."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelmon.column_names import ACTUAL_PREFIX
from modelmon.errors import ConfigError
from modelmon.feature_store import get_offline_features
from modelmon.function_spec.folders import state_folder
from modelmon.ledger import endpoints, job_runs
from modelmon.model import Endpoint, from_us
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.logged_models import ModelArtifact, find_model, model_keys
from modelmon.model_monitoring.model_tasks import Declared
from modelmon.model_monitoring.written_times import moment_us
from modelmon.model_task import ModelTask, TaskKind
from modelmon.project.models import log_model
from modelmon.project.project import Project
from modelmon.retraining.newest_rows import check_most, newest_from
from modelmon.settings import Settings
from modelmon.stores.series.base import LATEST_US

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_GIVEN = ("body", "model_dir", "model_file", "label_column", "inputs", "outputs", "time_column", "class_args")
_DECLARED = ("task", "prediction", "score", "positive")


@dataclass(frozen=True, slots=True)
class JobContext:
    """One run of a job for `endpoint`.

    `asked` is what it was asked with: of an incident what a webhook is told, as `incident_id` and
    `start_infer_time`; `start` and `end` where a person named a span. `champion` is the logged model that the
    endpoint serves, None where it serves none that was logged here. `reference` are the statistics that the
    endpoint is compared with.
    """

    project: Project
    run_id: str
    endpoint: Endpoint
    asked: Mapping[str, Any]
    champion: ModelArtifact | None

    @property
    def reference(self) -> Mapping[str, Any]:
        return self.endpoint.feature_stats

    @property
    def task(self) -> ModelTask:
        """What the model is for. Raises ConfigError where nobody said."""
        if self.endpoint.task is None:
            raise ConfigError(f"nobody said what {self.endpoint.name} is for: log its model with task=")
        return self.endpoint.task

    @property
    def actual(self) -> str:
        """The column of `samples` that holds what came true."""
        return ACTUAL_PREFIX + self.task.actual

    def samples(
        self,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        *,
        actuals: bool = True,
        most: int | None = None,
    ) -> pd.DataFrame:
        """The stored rows of [start, end), by time: `timestamp`, features, answers, and with `actuals` a
        column `actual.<answer>` of what came true. By default of the span that a person named, else all.

        Of more than `most` rows the newest are read, and the log says so: by default half a million, and
        fewer where those have more than 20 million values. Raises ConfigError for a span or a number that
        can't be.
        """
        rows = check_most(most, self.endpoint)
        start, end = start or self.asked.get("start"), end or self.asked.get("end")
        span_us = moment_us(start, "start", 0), moment_us(end, "end", LATEST_US)
        first_us, stored = newest_from(self.project.settings, self.endpoint, span_us, rows)
        found: pd.DataFrame = get_offline_features(
            self.endpoint, start if first_us == span_us[0] else from_us(first_us), end, actuals=actuals,
            project=self.project,
        )  # fmt: skip
        if len(found) <= rows:
            return found
        said = f"the newest {rows:,} of about {stored:,} stored rows are read"
        logger.info("%s; samples(most=…) reads more", said)
        return found.iloc[-rows:].reset_index(drop=True)

    def log_challenger(self, key: str = "", *, training_set: Any = None, **described: Any) -> ModelArtifact:
        """Log a model as the challenger of this endpoint's, with what `project.log_model` takes; it is judged
        when the job has ended. The key is by default the champion's with the next number, the task its task.
        """
        task = self.endpoint.task
        same = _declared(task) if task else {}
        declared = Declared(**{name: described.pop(name, None) or same.get(name) for name in _DECLARED})
        given = {name: described.pop(name, None) for name in _GIVEN}
        return log_model(
            self.project.settings, key or self.next_key(), training_set=training_set, declared=declared,
            challenger_of=self.endpoint, run_id=self.run_id, **given, **described,
        )  # fmt: skip

    def next_key(self) -> str:
        """The champion's key with the next number that is free."""
        base = self.champion.key if self.champion else self.endpoint.name
        stem, _, number = base.rpartition("-")
        stem, first = (stem, int(number) + 1) if stem and number.isdecimal() else (base, 2)
        taken = set(model_keys(self.project.settings))
        names = (f"{stem}-{each}" for each in range(first, first + len(taken) + 1))
        return next(name for name in names if name not in taken)


def job_context(settings: Settings, run_id: str) -> JobContext:
    """Of a run that goes on. Raises ConfigError where it is over, and where its endpoint is gone."""
    with opened(settings) as database, database.read() as connection:
        job_runs.check_running(connection, run_id)
        run = job_runs.one_run(connection, run_id)
        endpoint = None if run is None else endpoints.get(connection, run.endpoint_id)
    if run is None or endpoint is None:
        raise ConfigError(f"run {run_id!r}: it was not asked for, or its endpoint is gone")
    if not settings.project_dir or not state_folder(Path(settings.project_dir)).is_dir():
        raise ConfigError(
            "the project's folder is not here, where models are logged; mount it, and name it in "
            "MODELMON_PROJECT_DIR"
        )
    project = Project(settings.project, Path(settings.project_dir))
    uri = endpoint.model_uri
    champion = find_model(settings, uri) if uri.startswith("store://models/") else None
    return JobContext(project, run_id, endpoint, msgspec.json.decode(run.asked), champion)


def _declared(task: ModelTask) -> dict[str, Any]:
    """A task in the words of `log_model`."""
    is_binary = task.kind is TaskKind.binary
    scores = task.score[0] if is_binary and task.score else dict(zip(task.classes, task.score, strict=False))
    return {
        "task": task.kind.value, "prediction": task.prediction or None, "score": scores or None,
        "positive": task.positive or None,
    }  # fmt: skip
