"""How many false alarms somebody will bear, in their own words, and what that is a window: pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from modelmon.errors import ConfigError

DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}
MOST = 0.1
"""A window alarms falsely with this probability at most, however much is allowed: more would be no alarm."""
DAY_SECONDS = 86_400.0
ALLOWED = "write it as '1 a month', '2 a year' or '0.5 a week', or as the probability of a window, like 0.001"
_WORDS = re.compile(
    r"(?P<times>[0-9]*\.?[0-9]+(?:e-?[0-9]+)?)"
    r"(?:\s*(?:\ba\b|\ban\b|\bper\b|/)\s*(?P<unit>[a-z]+?)s?)?"
    r"(?:\s+(?:per|a)\s+(?P<of>endpoint|project))?"
)


@dataclass(frozen=True, slots=True)
class AlarmBudget:
    """`times` false alarms in so many `days`, or, with `days` None, the probability of one in a window.

    With `shared` all endpoints of the project have it together, otherwise each has it. `words` is how it was
    said.
    """

    words: str
    times: float
    days: float | None = None
    shared: bool = False

    def probability(self, window_seconds: float, endpoints: int = 1) -> float:
        """How likely one window of this length may alarm falsely, at most 0.1. `endpoints` share it, where it
        is shared.

        >>> round(read_budget("1 a month").probability(3600) * 24 * 365.25, 6)
        12.0
        >>> read_budget("1 a month").probability(7 * 86400)
        0.1
        """
        windows = 1.0 if self.days is None else self.days * DAY_SECONDS / window_seconds
        return min(MOST, self.times / windows / (max(endpoints, 1) if self.shared else 1))


def read_budget(said: object, what: str = "alarm_budget") -> AlarmBudget:
    """The budget that words or a number say. Raises ConfigError that says how it is written.

    >>> read_budget("2 a year per project")
    AlarmBudget(words='2 a year per project', times=2.0, days=365.25, shared=True)
    >>> read_budget(0.001).probability(60)
    0.001
    """
    words = said.strip() if isinstance(said, str) else f"{said:g}" if _is_number(said) else ""
    found = _WORDS.fullmatch(words.lower())
    unit = found["unit"] if found else None
    times = float(found["times"]) if found else math.nan
    if found is None or (unit is not None and unit not in DAYS) or not 0 < times < math.inf:
        raise ConfigError(f"{what}: {ALLOWED}, got {said!r}")
    if unit is None and times >= 1:
        raise ConfigError(f"{what}: a probability lies between 0 and 1; {ALLOWED}, got {said!r}")
    return AlarmBudget(words, times, DAYS[unit] if unit else None, found["of"] == "project")


def _is_number(said: object) -> bool:
    return isinstance(said, int | float) and not isinstance(said, bool)
