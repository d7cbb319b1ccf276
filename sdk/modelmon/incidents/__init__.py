"""When something is an incident, what it is called, how it goes on and how it ends: pure.

A rule looks at one subject: an endpoint, and of it one result of one app, or the app itself. What it found of
each window is its *course*. An *episode* is what lies between two calm windows of the course, in the order of
the windows, whatever order the answers came in. An *incident* is an episode that somebody may be told of: it
keeps its number while late answers change its windows.
"""

from modelmon.incidents.by_hand import TAKEN_BACK, end, take_back
from modelmon.incidents.course import Course, Run, Said, WindowFinding
from modelmon.incidents.episodes import Episode, IncidentState, episodes
from modelmon.incidents.following import (
    FLAPPING,
    IncidentChange,
    NumberedEpisode,
    Reason,
    Transition,
    Watch,
    follow,
)
from modelmon.incidents.judging import Standing, under
from modelmon.incidents.policy import Flapping, Policy, is_calm_for_good
from modelmon.incidents.rules import (
    APP_FAILED,
    FUNCTION,
    RESULT_STATUS,
    IncidentKey,
    event_kind,
    function_of,
    is_failure,
    of_function,
    severity,
    what_failed,
    what_result,
)

__all__ = [
    "APP_FAILED",
    "FLAPPING",
    "FUNCTION",
    "RESULT_STATUS",
    "TAKEN_BACK",
    "Course",
    "Episode",
    "Flapping",
    "IncidentChange",
    "IncidentKey",
    "IncidentState",
    "NumberedEpisode",
    "Policy",
    "Reason",
    "Run",
    "Said",
    "Standing",
    "Transition",
    "Watch",
    "WindowFinding",
    "end",
    "episodes",
    "event_kind",
    "follow",
    "function_of",
    "is_calm_for_good",
    "is_failure",
    "of_function",
    "severity",
    "take_back",
    "under",
    "what_failed",
    "what_result",
]
