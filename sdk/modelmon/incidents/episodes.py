"""A course, window by window: where an episode begins, what it comes to, and which calm window ends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from modelmon.incidents.course import Run, Said


class IncidentState(Enum):
    """How an incident stands. RAISED: as it was raised, suspected or detected."""

    PENDING = "pending"  # may yet come right by itself; nobody is told
    RAISED = "raised"
    ESCALATED = "escalated"  # suspected, then detected
    EASED = "eased"  # detected, then suspected
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Episode:
    """Bad windows with no calm one between them; times are the starts of windows.

    `status` is the newest word, 1 suspected or 2 detected. `windows` counts the bad ones, `detected` those
    that were detected, the first of which is `detected_us`. `ended_us` is the calm window that ended it,
    `flapping_us` the window since which it flaps: calm windows between bad ones do not end it then, and what
    is suspected eases nothing.
    """

    first_us: int
    last_us: int
    state: IncidentState
    status: int = 0
    windows: int = 0
    detected: int = 0
    detected_us: int | None = None
    ended_us: int | None = None
    flapping_us: int | None = None

    @property
    def is_pending(self) -> bool:
        return not self.windows


def episodes(runs: Iterable[Run], carried: Episode | None = None) -> list[Episode]:
    """The episodes of a course in order, the last one open unless it has ended. `carried` is the one that is
    open where the course begins. Those that came right by themselves are none."""
    found: list[Episode] = []
    episode = carried
    for run in runs:
        if run.said is Said.CALM:
            if episode is not None and not episode.is_pending:
                found.append(replace(episode, state=IncidentState.RESOLVED, ended_us=run.first_us))
            episode = None
        elif run.said.is_bad:
            episode = _worse(episode, run)
        elif run.said is Said.FLAPPING and episode is not None:
            episode = replace(episode, flapping_us=run.first_us)
        elif run.said is Said.FAILING and episode is None:
            episode = Episode(run.first_us, run.last_us, IncidentState.PENDING)
    return found if episode is None else [*found, episode]


def _worse(episode: Episode | None, run: Run) -> Episode:
    """The episode with the bad windows of a run."""
    known = episode or Episode(run.first_us, run.last_us, IncidentState.PENDING)
    is_detected = run.said is Said.DETECTED
    # A part of a window may not be detected: that it is suspected eases nothing.
    is_held = run.said is Said.PARTLY or known.flapping_us is not None
    status = max(known.status, 1 + is_detected) if is_held else 1 + is_detected
    return replace(
        known,
        last_us=run.last_us,
        state=_state(known, status),
        status=status,
        windows=known.windows + run.windows,
        detected=known.detected + run.windows * is_detected,
        detected_us=run.first_us if is_detected and known.detected_us is None else known.detected_us,
    )


def _state(known: Episode, status: int) -> IncidentState:
    if known.is_pending:
        return IncidentState.RAISED
    if status == known.status:
        return known.state
    return IncidentState.ESCALATED if status > known.status else IncidentState.EASED
