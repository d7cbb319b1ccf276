"""Evidently's drift preset on every window; the report of a window that drifted is kept as a page."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
from evidently.sdk.models import PanelMetric
from evidently.sdk.panels import line_plot_panel

from modelmon.apps import (
    EvidentlyModelMonitoringApplicationBase,
    ModelMonitoringApplicationResult,
    MonitoringApplicationContext,
    ResultKindApp,
    ResultStatusApp,
)
from modelmon.errors import ConfigError
from modelmon.nuclio import app_handlers

PROJECT = "0199c3a1-7d0e-7000-8000-3f2b5c9d1e4a"  # of Evidently's, which knows projects by UUIDs
WORKSPACE = os.environ.get("EVIDENTLY_WORKSPACE", "evidently-workspace")
REFERENCE = Path(__file__).with_name("reference.parquet")


class EvidentlyDrift(EvidentlyModelMonitoringApplicationBase):
    """Detects when at least `share` of the features drifted by Evidently's own tests."""

    def __init__(self, evidently_project_id: str, evidently_workspace_path: str, share: float = 0.5) -> None:
        super().__init__(evidently_project_id, evidently_workspace_path)
        self.share = share
        self.add_project("drift", panels=[line_plot_panel("Drifted columns", [SHARE])])

    @cached_property
    def reference(self) -> pd.DataFrame:
        """The rows that the model was trained on, read once."""
        if not REFERENCE.is_file():
            raise ConfigError(f"{REFERENCE} is not there: write the training set there and deploy again")
        return pd.read_parquet(REFERENCE)

    def do_tracking(
        self, monitoring_context: MonitoringApplicationContext
    ) -> ModelMonitoringApplicationResult | list[ModelMonitoringApplicationResult]:
        known = [name for name in monitoring_context.feature_names if name in self.reference]
        rows = monitoring_context.sample_df[known].dropna(axis=1, how="all")  # which Evidently refuses
        names = list(rows.columns)
        if not names:
            return []
        when = monitoring_context.end_infer_time.to_pydatetime()
        run = Report([DataDriftPreset()]).run(rows, self.reference[names], timestamp=when)
        self.add_run(monitoring_context, run)
        share, found = drifted(run.dict()["metrics"])
        is_detected = share >= self.share
        if is_detected:
            self.log_evidently_object(monitoring_context, run, "report")
        return ModelMonitoringApplicationResult(
            name="drifted_columns",
            value=share,
            kind=ResultKindApp.data_drift,
            status=ResultStatusApp.detected if is_detected else ResultStatusApp.no_detection,
            extra_data={
                "share": self.share,
                "by_column": found,
                "empty": [name for name in known if name not in names],
            },
        )


def drifted(metrics: list[dict[str, Any]]) -> tuple[float, dict[str, float]]:
    """The share of columns that drifted, and what the test of each one gave."""
    by_type = [(each["config"]["type"].rpartition(":")[2], each) for each in metrics]
    (share,) = (each["value"]["share"] for kind, each in by_type if kind == "DriftedColumnsCount")
    tests = {each["config"]["column"]: float(each["value"]) for kind, each in by_type if kind == "ValueDrift"}
    return float(share), tests


SHARE = PanelMetric(metric="DriftedColumnsCount", metric_labels={"value_type": "share"}, legend="share")

init_context, handler = app_handlers(
    EvidentlyDrift, evidently_project_id=PROJECT, evidently_workspace_path=WORKSPACE
)
