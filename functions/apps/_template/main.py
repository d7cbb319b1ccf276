"""An app of your own: `modelmon app new <name>` has copied this folder. Make `do_tracking` yours."""

from __future__ import annotations

from modelmon.apps import (
    ModelMonitoringApplicationBase,
    ModelMonitoringApplicationResult,
    MonitoringApplicationContext,
    ResultKindApp,
    ResultStatusApp,
)
from modelmon.nuclio import app_handlers


class SlowAnswers(ModelMonitoringApplicationBase):
    """Detects when the slowest twentieth of the answers takes longer than `limit_ms`."""

    def __init__(self, limit_ms: float = 200.0) -> None:
        self.limit_ms = limit_ms

    def do_tracking(
        self, monitoring_context: MonitoringApplicationContext
    ) -> ModelMonitoringApplicationResult:
        rows = monitoring_context.sample_df  # features, predictions, and `latency` in microseconds
        slow_ms = float(rows["latency"].quantile(0.95)) / 1000
        found = ResultStatusApp.detected if slow_ms > self.limit_ms else ResultStatusApp.no_detection
        return ModelMonitoringApplicationResult(
            name="latency_p95_ms",
            value=slow_ms,
            kind=ResultKindApp.system_performance,
            status=found,
            extra_data={"limit_ms": self.limit_ms, "rows": len(rows)},
        )


init_context, handler = app_handlers(SlowAnswers, limit_ms=200.0)
