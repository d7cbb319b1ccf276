"""A window of a model whose task is known: its rows, and why there may be no verdict on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelmon.apps.no_verdict import checked_min_rows, is_incomplete
from modelmon.column_names import ACTUAL_PREFIX
from modelmon.errors import ConfigError
from modelmon.private_columns import shown_reason

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats.performance.rows import TaskRows

MATURITY = 0.95


@dataclass(frozen=True, slots=True)
class TaskWindow:
    """`rows` of the task, None where they can't be read; then `state` says so, and `reason` why."""

    rows: TaskRows | None
    invalid: Mapping[str, int] = field(default_factory=dict)
    state: str = ""
    reason: str = ""


def task_window(context: MonitoringApplicationContext) -> TaskWindow:
    """The rows of the window as its model's task has them."""
    from modelmon.stats.performance.reading import read_rows

    task = context.model_endpoint.task
    if task is None:
        return TaskWindow(None, state="no task", reason="nobody said what the model is for")
    try:
        read = read_rows(context.frame, task, ACTUAL_PREFIX + task.actual)
    except ConfigError as error:
        return TaskWindow(None, state="no answers", reason=shown_reason(context.settings, str(error)))
    return TaskWindow(read.rows, read.invalid)


def state_of(context: MonitoringApplicationContext, rows: TaskRows, least: int, maturity: float) -> str:
    """Why actuals give no verdict; "" where they do."""
    reference, known = context.performance_reference, int(rows.known.sum())
    if not known:
        return "no actuals"
    if known < least or rows.maturity < maturity:
        return "warming up"
    if reference is None:
        return "no reference"
    if reference.rows < least:
        return "small reference"
    return "incomplete" if is_incomplete(context) else ""


def check_arguments(floor: float, maturity: float, min_rows: int | None) -> None:
    """Raises ConfigError for a value that can't be."""
    if isinstance(floor, bool) or not isinstance(floor, int | float) or not 0 <= floor < 2:
        raise ConfigError(f"floor: must be a number of standard deviations from 0 up to 2, got {floor!r}")
    if isinstance(maturity, bool) or not isinstance(maturity, int | float) or not 0 < maturity <= 1:
        raise ConfigError(f"maturity: must be a share of the rows above 0 and up to 1, got {maturity!r}")
    checked_min_rows(min_rows, least=1)
