"""One finding more: how the course, and the incidents that stand for its episodes, change with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from modelmon.incidents.course import Course, Said, WindowFinding
from modelmon.incidents.episodes import Episode, IncidentState, episodes

MOST_RUNS = 500
"""So many runs of a course are kept apart. What is older has ended, or is counted in the open episode."""
LATE = "an older window was judged again"


class Reason(Enum):
    """Why an incident is resolved. WITHDRAWN: its windows were judged again, and found nothing."""

    CALM = "calm"
    WITHDRAWN = "withdrawn"
    APP_GONE = "app gone"
    ENDPOINT_GONE = "endpoint gone"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class NumberedEpisode:
    """An episode with the number that it is known by; None: it has none yet."""

    number: int | None
    episode: Episode
    state: IncidentState
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """That an incident went from one state to another, with which window, and why where it has to be said."""

    before: IncidentState | None
    after: IncidentState
    status: int
    window_us: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """What became of an incident. `after` None: it was pending, and came right; the same as before: its
    evidence has changed alone."""

    before: NumberedEpisode | None
    after: NumberedEpisode | None
    events: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """All that a rule knows of its subject. What came before `horizon_us` changes nothing any more; `carried`
    is the episode that was open there. `incidents` are those that did not end before the finding's window."""

    course: Course = field(default_factory=Course)
    horizon_us: int = 0
    carried: Episode | None = None
    incidents: tuple[NumberedEpisode, ...] = ()


def follow(watch: Watch, finding: WindowFinding) -> tuple[Watch, list[IncidentChange]]:
    """The watch with one finding more, and what changed; nothing when the finding says nothing new.

    In whatever order findings come, and however often, the episodes are those of the windows in their order.
    """
    course = watch.course.note(finding)
    if course is watch.course or finding.start_us < watch.horizon_us:
        return watch, []
    before, after = (_since(each, finding.start_us, watch.carried) for each in (watch.course, course))
    newest_us = next((run.last_us for run in reversed(course.runs) if run.said is not Said.SILENT), 0)
    why = LATE if newest_us > finding.start_us else ""
    changes = _changes(watch.incidents, before, after, finding, why)
    return _kept(replace(watch, course=course), changes), changes


def _since(course: Course, start_us: int, carried: Episode | None) -> list[Episode]:
    """The episodes that a change of this window may touch: what is before the last calm one is settled."""
    place = course.place(start_us - 1)
    while place >= 0:
        if course.runs[place].said is Said.CALM:
            return episodes(course.runs[place:])
        place -= 1
    return episodes(course.runs, carried)


def _changes(
    known: Sequence[NumberedEpisode],
    before: Sequence[Episode],
    after: Sequence[Episode],
    finding: WindowFinding,
    why: str,
) -> list[IncidentChange]:
    """Which incident each changed episode belongs to: the newest it shares windows with, newest first."""
    gone = {episode.first_us for episode in before if episode not in after}
    left = {each.episode.first_us: each for each in known if each.episode.first_us in gone}
    changes = []
    for episode in reversed([each for each in after if each not in before]):
        shared = max(
            (first_us for first_us, each in left.items() if _meet(each.episode, episode)), default=None
        )
        incident = None if shared is None else left.pop(shared)
        changes.append(_go_on(incident, episode, finding, why))
    changes += [_withdraw(each, finding) for each in left.values()]
    return changes[::-1] or [IncidentChange(each, each) for each in known if _is_in(finding, each.episode)]


def _is_in(finding: WindowFinding, episode: Episode) -> bool:
    return finding.said.is_bad and episode.first_us <= finding.start_us <= episode.last_us


def _meet(one: Episode, other: Episode) -> bool:
    return one.first_us <= other.last_us and other.first_us <= one.last_us


def _go_on(
    incident: NumberedEpisode | None, episode: Episode, finding: WindowFinding, why: str
) -> IncidentChange:
    is_over = episode.state is IncidentState.RESOLVED
    number = None if incident is None else incident.number
    new = NumberedEpisode(number, episode, episode.state, Reason.CALM if is_over else None)
    state = None if incident is None else incident.state
    events = []
    for after, status in _steps(incident, episode):
        said = why or (Reason.CALM.value if after is IncidentState.RESOLVED else "")
        events.append(Transition(state, after, status, finding.start_us, said))
        state = after
    return IncidentChange(incident, new, tuple(events))


def _steps(incident: NumberedEpisode | None, episode: Episode) -> list[tuple[IncidentState, int]]:
    """The states that are gone through, each with its status: what is told of begins with being raised, and
    that a window was detected is told, also where a newer one is suspected."""
    status, over = (
        episode.status,
        [(IncidentState.RESOLVED, episode.status)] * (episode.state is IncidentState.RESOLVED),
    )
    if episode.is_pending:
        return [] if incident is not None else [(IncidentState.PENDING, 0)]
    if incident is None or incident.state in (IncidentState.PENDING, IncidentState.RESOLVED):
        if incident is not None and incident.state is IncidentState.RESOLVED and over:
            return []
        return [*_raised(episode), *over]
    known = incident.episode
    if status > known.status:
        return [(IncidentState.ESCALATED, 2), *over]
    told = [(IncidentState.ESCALATED, 2)] if episode.detected and not known.detected else []
    return [*told, *([(IncidentState.EASED, 1)] if told or status < known.status else []), *over]


def _raised(episode: Episode) -> list[tuple[IncidentState, int]]:
    if episode.state in (IncidentState.ESCALATED, IncidentState.EASED):
        escalated = episode.state is IncidentState.ESCALATED
        return [(IncidentState.RAISED, 1 if escalated else 2), (episode.state, episode.status)]
    return [(IncidentState.RAISED, episode.status)]


def _withdraw(incident: NumberedEpisode, finding: WindowFinding) -> IncidentChange:
    if incident.state is IncidentState.PENDING:
        return IncidentChange(incident, None)
    new = replace(incident, state=IncidentState.RESOLVED, reason=Reason.WITHDRAWN)
    event = Transition(
        incident.state,
        IncidentState.RESOLVED,
        incident.episode.status,
        finding.start_us,
        Reason.WITHDRAWN.value,
    )
    return IncidentChange(incident, new, (event,))


def _kept(watch: Watch, changes: Sequence[IncidentChange]) -> Watch:
    """The watch with its incidents as they are now, and without what is too old to be changed."""
    gone = [change.before for change in changes]
    stay = [each for each in watch.incidents if each not in gone]
    new = [change.after for change in changes if change.after and change.after.reason is not Reason.WITHDRAWN]
    watch = replace(watch, incidents=(*stay, *new))
    runs = watch.course.runs
    if len(runs) <= MOST_RUNS:
        return watch
    old, kept = runs[: MOST_RUNS // 2], runs[MOST_RUNS // 2 :]
    ended = episodes(old, watch.carried)
    carried = ended[-1] if ended and ended[-1].state is not IncidentState.RESOLVED else None
    return replace(watch, course=Course(kept), horizon_us=kept[0].first_us, carried=carried)
