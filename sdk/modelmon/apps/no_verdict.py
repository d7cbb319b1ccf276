"""Why a window has no verdict: what the apps that come with ModelMon have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelmon.errors import ConfigError

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext


def checked_min_rows(min_rows: int | None, least: int = 0) -> int | None:
    """The argument `min_rows` of an app, None: the setting. Raises ConfigError for what is no number of rows.

    >>> checked_min_rows(30)
    30
    """
    is_whole = isinstance(min_rows, int) and not isinstance(min_rows, bool)
    if min_rows is not None and (not is_whole or min_rows < least):
        raise ConfigError(f"min_rows: must be a whole number of at least {least}, got {min_rows!r}")
    return min_rows


def least_rows(context: MonitoringApplicationContext, min_rows: int | None) -> int:
    """Below so many rows an app says nothing: its argument, else the setting `app_min_rows`."""
    return context.settings.app_min_rows if min_rows is None else min_rows


def is_incomplete(context: MonitoringApplicationContext) -> bool:
    """Whether data cover only a part of the window, and more may come."""
    return bool(context.window_incomplete) and not context.window_is_partial


def state_against(context: MonitoringApplicationContext, reference_rows: float, least: int) -> str:
    """Why a comparison with a reference of so many rows is no verdict; "" where it is one."""
    if context.rows < least:
        return "warming up"
    if reference_rows < least:
        return "small reference"
    return "incomplete" if is_incomplete(context) else ""
