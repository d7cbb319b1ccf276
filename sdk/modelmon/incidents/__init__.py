"""When something is an incident, what it is called, how it goes on and how it ends: pure.

A rule looks at one subject: an endpoint, and of it one result of one app, or the app itself. What it found of
each window is its *course*. An *episode* is what lies between two calm windows of the course, in the order of
the windows, whatever order the answers came in. An *incident* is an episode that somebody may be told of: it
keeps its number while late answers change its windows.
"""

from modelmon.incidents.course import Course, Said, WindowFinding
from modelmon.incidents.episodes import Episode, IncidentState
from modelmon.incidents.following import IncidentChange, NumberedEpisode, Reason, Transition, Watch, follow
from modelmon.incidents.rules import (
    APP_FAILED,
    RESULT_STATUS,
    IncidentKey,
    event_kind,
    severity,
    what_failed,
    what_result,
)

__all__ = [
    "APP_FAILED",
    "RESULT_STATUS",
    "Course",
    "Episode",
    "IncidentChange",
    "IncidentKey",
    "IncidentState",
    "NumberedEpisode",
    "Reason",
    "Said",
    "Transition",
    "Watch",
    "WindowFinding",
    "event_kind",
    "follow",
    "severity",
    "what_failed",
    "what_result",
]
