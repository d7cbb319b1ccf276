"""The class every monitoring app extends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
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
from modelmon.errors import ConfigError
from modelmon.from_mlrun import NotHere, refuse
from modelmon.ledger.requirements import EMPTY_WINDOWS
from modelmon.model import ResultStatusApp

if TYPE_CHECKING:
    from modelmon.model_task import ModelTask
    from modelmon.settings import Settings
    from modelmon.stats.frames import Frame

Returned = (
    ModelMonitoringApplicationResult
    | ModelMonitoringApplicationMetric
    | Sequence[Output]
    | Mapping[str, float]
    | None
)

JOB_ARGUMENTS = (
    "tag", "auto_build", "image", "with_repo", "class_handler", "requirements", "requirements_file",
    "existing_data_handling",
)  # fmt: skip
"""How MLRun makes a job of an evaluation; here it runs where it is called."""


class ModelMonitoringApplicationBase(ABC):
    """Judges one endpoint over one window at a time; the constructor's arguments are your own.

    The same class runs live, in `evaluate` and in `modelmon.testing`. `requires = {"actuals"}` asks for what
    came true: the sample then has a column `actual.<prediction>` for each prediction, null where nothing has
    come yet. A window is judged again when more of it comes. With `"actuals or scores"` the app sleeps: it is
    sent windows of an endpoint only once there are actuals of it, or its model answers with scores. With
    `"empty windows"` it is asked about windows without rows too, where the endpoint is expected to have some.
    """

    requires: Collection[str] = frozenset()

    @abstractmethod
    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> Returned:
        """Judge the window: return a result, a metric, a list of them, or a dict of metric names to numbers.

        None or an empty list means judged, nothing to say. An exception marks the attempt as failed; the
        window is tried again. It is not called for a window without rows, unless the app requires those.
        """

    to_job, run, deploy = NotHere("app"), NotHere("app"), NotHere("app")

    @classmethod
    def evaluate(
        cls,
        func_path: str | None = None,
        func_name: str | None = None,
        *,
        sample_data: Frame | None = None,
        reference_data: Frame | Mapping[str, Any] | None = None,
        class_arguments: Mapping[str, Any] | None = None,
        label_names: Sequence[str] = (),
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        window_incomplete: int = 0,
        settings: Settings | None = None,
        task: ModelTask | None = None,
        segments: Sequence[str] = (),
        run_local: bool = True,
        **others: Any,
    ) -> list[Output]:
        """What the live app would send for a window with these rows; needs no project, stream or server.

        `sample_data` is a frame of pandas, Arrow or polars, `reference_data` another one or reference
        statistics as `modelmon.stats.describe` makes them. `label_names` says which columns are
        predictions. The window is [start, end), datetimes or ISO texts; without them it spans the column
        `timestamp`, else the first ten minutes of 1970. `window_incomplete` is the context's; with its bit 4
        a verdict is at most suspected. `task` says what the model is for; columns `actual.<prediction>`
        of both frames then hold what came true. `segments` are those of `log_model`. `class_arguments` go to
        the constructor. `func_path`, `func_name` and what else says how MLRun runs it as a job mean nothing
        here. Exceptions of the app are raised; ConfigError when something else than rows is given or
        something else than outputs comes back.
        """
        from modelmon.apps.offline import offline_context

        if run_local is not True:
            raise ConfigError(
                f"evaluate: run_local={run_local!r}: jobs are not there, it runs in this process"
            )
        refuse("evaluate", **{name: value for name, value in others.items() if name not in JOB_ARGUMENTS})
        if sample_data is None:
            raise ConfigError("evaluate: sample_data is needed, a frame of the rows to judge")

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
            task=task,
            segments=segments,
        )
        return judge(app, context)


ModelMonitoringApplicationBaseV2 = ModelMonitoringApplicationBase
"""The name in MLRun 1.6 and 1.7."""


def judge(app: ModelMonitoringApplicationBase, context: MonitoringApplicationContext) -> list[Output]:
    """Run the app on a window; one without rows has no outputs, unless the app requires those too.

    What it finds in a partial window is suspected at most, and says so.
    """
    if not context.rows and EMPTY_WINDOWS not in app.requires:
        return []
    found = outputs(app.do_tracking(context))
    if context.window_is_partial:
        found = [_of_a_part(output) for output in found]
    context.end(found)
    return found


def _of_a_part(output: Output) -> Output:
    if not isinstance(output, ModelMonitoringApplicationResult):
        return output
    status = min(output.status, ResultStatusApp.potential_detection)
    return replace(output, status=status, extra_data={"state": "partial", **output.extra_data})
