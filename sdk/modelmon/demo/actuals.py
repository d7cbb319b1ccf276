"""What came true of the demo's flights, logged a day later."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from modelmon.model_monitoring.actuals import LoggedActuals


class _Project(Protocol):
    def log_actuals(self, endpoint: str, frame: pd.DataFrame) -> LoggedActuals: ...


class ADayLater:
    """Logs each day's actuals of one endpoint when the day after it is over, so that all of them are known.

    A flight may leave before midnight and arrive a day late.
    """

    def __init__(self, project: _Project, endpoint: str, by_day: Mapping[date, pd.DataFrame]) -> None:
        self._project, self._endpoint = project, endpoint
        self._waiting = deque(sorted(by_day.items(), key=lambda each: each[0]))

    def over(self, day: date) -> None:
        """The day is over: what came true of the days before it is known."""
        while self._waiting and self._waiting[0][0] < day:
            self._project.log_actuals(self._endpoint, self._waiting.popleft()[1])

    def rest(self) -> None:
        """The last days are over too."""
        self.over(date.max)
