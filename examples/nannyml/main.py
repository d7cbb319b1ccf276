"""NannyML's univariate drift on every window: each feature's distance to the training set."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import nannyml
import pandas as pd

from modelmon.apps import (
    ModelMonitoringApplicationBase,
    ModelMonitoringApplicationResult,
    MonitoringApplicationContext,
    ResultKindApp,
    ResultStatusApp,
)
from modelmon.errors import ConfigError
from modelmon.nuclio import app_handlers

REFERENCE = Path(__file__).with_name("reference.parquet")
METHOD = "jensen_shannon"


class NannyMLDrift(ModelMonitoringApplicationBase):
    """Detects when the worst feature's Jensen-Shannon distance is above `limit`.

    NannyML's own limits come of how chunks of the reference vary; one serves windows of any size.
    """

    def __init__(self, limit: float = 0.2) -> None:
        self.limit = limit

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
        rows = monitoring_context.sample_df[known].dropna(axis=1, how="all")  # which have no distance
        found = self._distances(list(rows.columns), rows) if len(rows.columns) else {}
        if not found:
            return []
        worst = max(found, key=lambda name: found[name])
        return ModelMonitoringApplicationResult(
            name="worst_distance",
            value=found[worst],
            kind=ResultKindApp.data_drift,
            status=ResultStatusApp.detected if found[worst] > self.limit else ResultStatusApp.no_detection,
            extra_data={"worst": worst, "by_feature": found, "limit": self.limit},
        )

    def _distances(self, names: list[str], rows: pd.DataFrame) -> dict[str, float]:
        limit = nannyml.thresholds.ConstantThreshold(upper=self.limit)
        calculator = nannyml.UnivariateDriftCalculator(
            column_names=names, continuous_methods=[METHOD], categorical_methods=[METHOD],
            thresholds={METHOD: limit}, chunk_number=1,
        )  # fmt: skip
        calculator.fit(self.reference[names])
        table = calculator.calculate(rows).filter(period="analysis").to_df()
        return {name: float(table[(name, METHOD, "value")].iloc[0]) for name in names}


init_context, handler = app_handlers(NannyMLDrift)
