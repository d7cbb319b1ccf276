"""What the person at the terminal gets to read of what functions say: no word twice, and no flood."""

from __future__ import annotations

import re
from collections.abc import Callable
from time import monotonic

from modelmon.counting import count

Tell = Callable[[str, str], None]
"""(level, text): something the person at the terminal should read."""

REPEAT_SECONDS = 60.0
"""Within so long the same words stand in the log alone, and of one function no more than MOST."""
MOST = 20
MOST_INCIDENTS = 100
_NUMBERS = re.compile(r"\b[0-9a-f]{8,}\b|(?<![\w-])\d[\d.,:-]*")
"""Ids, numbers and times. Digits that belong to a name (m2, churn-2) tell one thing from another."""


class Telling:
    """Passes on what each function says; ids and numbers aside, the same words count as the same.

    Two lines of incidents are never the same: each is of another incident, or a step of it.
    """

    def __init__(self, tell: Tell, clock: Callable[[], float] = monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._told: dict[str, set[str]] = {}
        self._left_out: dict[str, int] = {}
        self._began: dict[str, float] = {}
        self._incidents: dict[str, int] = {}

    def __call__(self, function: str, level: str, text: str, is_incident: bool = False) -> None:
        """Tell it, unless this minute has had it or has had enough of the function."""
        told = self._of_this_minute(function)
        if is_incident:
            self._tell_incident(function, level, text)
            return
        words = _NUMBERS.sub("#", text)
        if words in told or len(told) > MOST:
            self._left_out[function] = self._left_out.get(function, 0) + 1
            return
        told.add(words)
        if len(told) > MOST:
            self._tell("warning", f"{function}: says more than this; its log has all of it")
        else:
            self._tell(level, f"{function}: {text}")

    def _tell_incident(self, function: str, level: str, text: str) -> None:
        raised = self._incidents[function] = self._incidents[function] + 1
        if raised <= MOST_INCIDENTS:
            self._tell(level, f"{function}: {text}")

    def _of_this_minute(self, function: str) -> set[str]:
        now = self._clock()
        if now - self._began.get(function, -REPEAT_SECONDS) >= REPEAT_SECONDS:
            self._began[function] = now
            self._told[function] = set()
            more = self._incidents.get(function, 0) - MOST_INCIDENTS
            self._incidents[function] = 0
            if more > 0:
                self._tell(
                    "info",
                    f"{function}: told of incidents {count(more, 'time')} more, `modelmon incidents` has all",
                )
            left_out = self._left_out.pop(function, 0)
            if left_out:
                self._tell(
                    "info", f"{function}: said {count(left_out, 'time')} more of the same, see its log"
                )
        return self._told[function]
