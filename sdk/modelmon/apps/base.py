"""The class every monitoring app extends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelmon.apps.context import MonitoringApplicationContext
from modelmon.apps.results import (
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationResult,
    Output,
    outputs,
)
from modelmon.model import ResultStatusApp

if TYPE_CHECKING:
    from modelmon.settings import Settings
    from modelmon.stats.frames import Frame

Returned = (
    ModelMonitoringApplicationResult
    | ModelMonitoringApplicationMetric
    | Sequence[Output]
    | Mapping[str, float]
    | None
)


class ModelMonitoringApplicationBase(ABC):
    """Judges one endpoint over one window at a time; the constructor's arguments are your own.

    The same class runs live, in `evaluate` and in `modelmon.testing`.
    """

    @abstractmethod
    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> Returned:
        """Judge the window: return a result, a metric, a list of them, or a dict of metric names to numbers.

        None or an empty list means judged, nothing to say. An exception marks the attempt as failed; the
        window is tried again. It is not called for a window without rows.
        """

    @classmethod
    def evaluate(
        cls,
        *,
        sample_data: Frame,
        reference_data: Frame | Mapping[str, Any] | None = None,
        class_arguments: Mapping[str, Any] | None = None,
        label_names: Sequence[str] = (),
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        window_incomplete: int = 0,
        settings: Settings | None = None,
    ) -> list[Output]:
        """What the live app would send for a window with these rows; needs no project, stream or server.

        `sample_data` is a frame of pandas, Arrow or polars, `reference_data` another one or reference
        statistics as `modelmon.stats.describe` makes them. `label_names` says which columns are
        predictions. The window is [start, end), datetimes or ISO texts; without them it spans the column
        `timestamp`, else the first ten minutes of 1970. `window_incomplete` is the context's; with its bit 4
        a verdict is at most suspected. `class_arguments` go to the constructor. Exceptions of the app are
        raised; ConfigError when something else than rows is given or something else than outputs comes back.
        """
        from modelmon.apps.offline import offline_context

        app = cls(**(class_arguments or {}))
        context = offline_context(
            cls.__name__,
            sample_data,
            reference_data,
            label_names=label_names,
            start=start,
            end=end,
            window_incomplete=window_incomplete,
            settings=settings,
        )
        return judge(app, context)


ModelMonitoringApplicationBaseV2 = ModelMonitoringApplicationBase
"""The name in MLRun 1.6 and 1.7."""


def judge(app: ModelMonitoringApplicationBase, context: MonitoringApplicationContext) -> list[Output]:
    """Run the app on a window; a window without rows is not shown to it and has no outputs.

    What it finds in a partial window is suspected at most, and says so.
    """
    if not context.rows:
        return []
    found = outputs(app.do_tracking(context))
    return [_of_a_part(output) for output in found] if context.window_is_partial else found


def _of_a_part(output: Output) -> Output:
    if not isinstance(output, ModelMonitoringApplicationResult):
        return output
    status = min(output.status, ResultStatusApp.potential_detection)
    return replace(output, status=status, extra_data={"state": "partial", **output.extra_data})
