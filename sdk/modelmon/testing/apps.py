"""Runs a monitoring app over a frame, through the checks of the live app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from modelmon.apps.base import ModelMonitoringApplicationBase, judge
from modelmon.apps.offline import offline_context
from modelmon.apps.results import (
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationResult,
    ModelMonitoringApplicationStats,
    Output,
)
from modelmon.model import ResultStatusApp

if TYPE_CHECKING:
    from modelmon.model_task import ModelTask
    from modelmon.settings import Settings
    from modelmon.stats.frames import Frame

T = TypeVar(
    "T",
    ModelMonitoringApplicationResult,
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationStats,
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an app found in one window: `outputs` in the order in which it would send them."""

    outputs: tuple[Output, ...]

    def result(self, name: str) -> ModelMonitoringApplicationResult:
        """The result of this name; AssertionError lists those there are."""
        return self._one(ModelMonitoringApplicationResult, name)

    def metric(self, name: str) -> ModelMonitoringApplicationMetric:
        """The metric of this name; AssertionError lists those there are."""
        return self._one(ModelMonitoringApplicationMetric, name)

    def stats(self, name: str) -> ModelMonitoringApplicationStats:
        """The statistics of this name; AssertionError lists those there are."""
        return self._one(ModelMonitoringApplicationStats, name)

    def assert_status(self, name: str, status: ResultStatusApp | str) -> ModelMonitoringApplicationResult:
        """The result of this name, which has this status (a member or its name)."""
        result = self.result(name)
        expected = ResultStatusApp[status] if isinstance(status, str) else status
        if result.status != expected:
            raise AssertionError(
                f"result {name} = {result.value:.6g} is {result.status.name}, expected {expected.name}; "
                f"extra_data: {dict(result.extra_data)}"
            )
        return result

    def _one(self, kind: type[T], name: str) -> T:
        for output in self.outputs:
            if isinstance(output, kind) and output.name == name:
                return output
        what = kind.__name__.removeprefix("ModelMonitoringApplication").lower()
        there = ", ".join(f"{type(output).__name__} {output.name}" for output in self.outputs) or "nothing"
        raise AssertionError(f"no {what} {name!r} among what the app found: {there}")


def run_app(
    app: ModelMonitoringApplicationBase,
    sample: Frame,
    reference: Frame | Mapping[str, Any] | None = None,
    *,
    label_names: Sequence[str] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    window_incomplete: int = 0,
    settings: Settings | None = None,
    task: ModelTask | None = None,
    segments: Sequence[str] = (),
) -> Judgement:
    """Judge one window whose rows are `sample` (a frame of any library), against `reference`.

    The arguments are those of `evaluate`; here the app is one you made, so its state can be looked at.
    What the app raises is raised; ConfigError when it returns something that could not be sent.

    >>> import pyarrow as pa
    >>> from modelmon.apps import HistogramDataDriftApplication
    >>> frame = pa.table({"age": list(range(100))})
    >>> found = run_app(HistogramDataDriftApplication(), frame, frame)
    >>> found.assert_status("feature_drift", "no_detection").value
    0.0
    """
    context = offline_context(
        type(app).__name__,
        sample,
        reference,
        label_names=label_names,
        start=start,
        end=end,
        window_incomplete=window_incomplete,
        settings=settings,
        task=task,
        segments=segments,
    )
    return Judgement(tuple(judge(app, context)))
