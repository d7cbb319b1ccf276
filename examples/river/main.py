"""River's ADWIN over the rows of a window, in order of time: did a feature change inside the window?"""

from __future__ import annotations

import math

import pandas as pd
from river.drift import ADWIN

from modelmon.apps import (
    ModelMonitoringApplicationBase,
    ModelMonitoringApplicationResult,
    MonitoringApplicationContext,
    ResultKindApp,
    ResultStatusApp,
)
from modelmon.nuclio import app_handlers


class ChangeInside(ModelMonitoringApplicationBase):
    """Detects a change of a numeric feature's mean inside the window; `delta` is ADWIN's.

    It needs no training set. ADWIN begins anew with every window: apps run beside each other, and a window
    may be judged again, so that none may hang on the one before it.
    """

    def __init__(self, delta: float = 0.002) -> None:
        self.delta = delta

    def do_tracking(
        self, monitoring_context: MonitoringApplicationContext
    ) -> ModelMonitoringApplicationResult:
        rows = monitoring_context.sample_df.sort_values("timestamp")
        numeric = rows[monitoring_context.feature_names].select_dtypes("number")
        found = {
            name: str(when) for name in numeric if (when := self._change(rows["timestamp"], numeric[name]))
        }
        return ModelMonitoringApplicationResult(
            name="features_that_changed",
            value=float(len(found)),
            kind=ResultKindApp.data_drift,
            status=ResultStatusApp.detected if found else ResultStatusApp.no_detection,
            extra_data={"since": found, "delta": self.delta, "features": len(numeric.columns)},
        )

    def _change(self, times: pd.Series, values: pd.Series) -> pd.Timestamp | None:
        """When ADWIN saw the first change; None where it saw none."""
        adwin = ADWIN(delta=self.delta)
        for when, value in zip(times, values, strict=True):
            if math.isfinite(value):
                adwin.update(float(value))
                if adwin.drift_detected:
                    return when
        return None


init_context, handler = app_handlers(ChangeInside)
