"""Windows judged by an app as it is deployed: the reference is read once, each window has its own context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from modelmon.apps import ModelMonitoringApplicationBase, ModelMonitoringApplicationResult
from modelmon.apps.context import MonitoringApplicationContext
from modelmon.apps.offline import offline_context
from modelmon.ledger.contracts import KeptContract
from modelmon.model import Endpoint, ResultStatusApp, Window
from modelmon.model_task import ModelTask
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stats import Profile
from modelmon.stats.performance.reference import PerformanceReference

WINDOW = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=1))
CALM = (ResultStatusApp.irrelevant, ResultStatusApp.no_detection)


@dataclass(frozen=True, slots=True)
class Trained:
    """What `log_model` would have kept of a training set, and the endpoint that serves its model."""

    endpoint: Endpoint
    profile: Profile | None
    performance: PerformanceReference | None
    contract: KeptContract | None = None


def trained(training: pd.DataFrame, task: ModelTask | None = None) -> Trained:
    """Of a training set that holds the answers and, as `actual.<answer>`, what came true."""
    labels = list(task.answers) if task else []
    first = offline_context(
        "battery", training[:1], training, label_names=labels, task=task,
        start=WINDOW.start, end=WINDOW.end, settings=Settings(),
    )  # fmt: skip
    return Trained(first.model_endpoint, first.profile, first.performance_reference)


def results(
    app: ModelMonitoringApplicationBase,
    frame: pd.DataFrame,
    known: Trained,
    *,
    hour: int = 0,
    database: Database | None = None,
    revision: int = 1,
) -> dict[str, ModelMonitoringApplicationResult]:
    """The results of the app on a window of these rows, by name; `database` holds what it keeps."""
    moved = timedelta(hours=hour)
    window = Window(WINDOW.start + moved, WINDOW.end + moved)
    context = MonitoringApplicationContext(
        "battery", known.endpoint, window, lambda: frame, Settings(), database=database,
        window_revision=revision, profile=lambda: known.profile, performance=lambda: known.performance,
        contract=lambda: known.contract,
    )  # fmt: skip
    found = app.do_tracking(context)
    each = found if isinstance(found, list) else [found]
    return {one.name: one for one in each if isinstance(one, ModelMonitoringApplicationResult)}


def alarms(found: Mapping[str, Any], name: str) -> bool:
    """Whether this result is suspected or detected."""
    return found[name].status not in CALM


Windows = Callable[[int], pd.DataFrame]
"""A window by its number."""
