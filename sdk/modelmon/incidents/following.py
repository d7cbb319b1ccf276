"""One finding more: how the course, and the incidents that stand for its episodes, change with it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from modelmon.incidents.course import Course, Run, Said, WindowFinding
from modelmon.incidents.episodes import Episode, IncidentState, episodes
from modelmon.incidents.judging import Standing, judge
from modelmon.incidents.policy import Policy, settled

MOST_RUNS = 500
"""So many runs of a course are kept apart. What is older has ended, or is counted in the open episode."""
PLAIN = Policy()
FLAPPING = "flapping"
LATE = "an older window was judged again"


class Reason(Enum):
    """Why an incident is resolved. WITHDRAWN: its windows were judged again, and found nothing; RESET,
    NEW_REFERENCE and FALSE_ALARM: a person said so; RULE_CHANGED: as it is now, it would have raised none."""

    CALM = "calm"
    WITHDRAWN = "withdrawn"
    APP_GONE = "app gone"
    ENDPOINT_GONE = "endpoint gone"
    NEW_REFERENCE = "new reference"
    RESET = "reset"
    RULE_GONE = "rule gone"
    FUNCTION_GONE = "function gone"
    RULE_CHANGED = "rule changed"
    FALSE_ALARM = "false alarm"


_NO_EPISODE = (Reason.WITHDRAWN, Reason.RULE_CHANGED)


@dataclass(frozen=True, slots=True)
class NumberedEpisode:
    """An episode with the number that it is known by; None: it has none yet."""

    number: int | None
    episode: Episode
    state: IncidentState
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """That an incident went from one state to another, with which window, and why where it has to be said.
    `flaps`: its state is as before, and from now on it flaps."""

    before: IncidentState | None
    after: IncidentState
    status: int
    window_us: int
    why: str = ""
    flaps: bool = False

    @property
    def word(self) -> str:
        """What it became, in a word."""
        return FLAPPING if self.flaps else self.after.value


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
    is the episode that was open there, `standing` how the policy stood there, None where nothing came before.
    `incidents` are those that did not end before the finding's window."""

    course: Course = field(default_factory=Course)
    horizon_us: int = 0
    carried: Episode | None = None
    incidents: tuple[NumberedEpisode, ...] = ()
    standing: Standing | None = None


def follow(
    watch: Watch, finding: WindowFinding, policy: Policy = PLAIN
) -> tuple[Watch, list[IncidentChange]]:
    """The watch with one finding more, and what changed; nothing when the finding says nothing new.

    In whatever order findings come, and however often, the episodes are those of the windows in their order.
    """
    course = watch.course.note(finding)
    if course is watch.course or finding.start_us < watch.horizon_us:
        return watch, []
    open_us = [each.episode.first_us for each in watch.incidents if each.reason is None]
    since_us = min([finding.start_us, *open_us])
    both = _said(watch, course, since_us, finding.start_us, policy)
    before, after = (_since(said, since_us, watch.carried) for said in both)
    newest_us = next((run.last_us for run in reversed(course.runs) if run.said is not Said.SILENT), 0)
    why = LATE if newest_us > finding.start_us else ""
    changes = _changes(watch.incidents, before, after, finding, why)
    return _kept(replace(watch, course=course), changes, policy), changes


def stands(watch: Watch) -> Standing | None:
    """How the policy stands where the course begins; None: as where nothing came before."""
    if watch.standing is None and watch.carried is not None:
        return Standing.of(watch.carried)
    return watch.standing


def _said(
    watch: Watch, course: Course, since_us: int, changed_us: int, policy: Policy
) -> tuple[list[Run], list[Run]]:
    """What the course before and this one say under the policy, from then on or earlier. Up to the window
    that has changed both say the same, which is judged once."""
    runs = watch.course.runs
    if policy.is_plain and policy.flapping is None:
        return [*runs], [*course.runs]
    begin = settled(policy, runs, since_us)
    until = max(begin, watch.course.place(changed_us) - 2)  # a window is joined with those beside it
    head, standing = judge(policy, runs[begin:until], None if begin else stands(watch))
    before, after = (judge(policy, each.runs[until:], standing)[0] for each in (watch.course, course))
    return [*head, *before], [*head, *after]


def _since(runs: Sequence[Run], start_us: int, carried: Episode | None) -> list[Episode]:
    """The episodes that a change from here on may touch: what is before the last calm window is settled."""
    for place in range(bisect_right(runs, start_us - 1, key=lambda run: run.first_us) - 1, -1, -1):
        if runs[place].said is Said.CALM:
            return episodes(runs[place:])
    return episodes(runs, carried)


def _changes(
    known: Sequence[NumberedEpisode],
    before: Sequence[Episode],
    after: Sequence[Episode],
    finding: WindowFinding,
    why: str,
) -> list[IncidentChange]:
    """Which incident each changed episode belongs to: the newest it shares windows with, newest first."""
    strays = _strays(known, before)
    gone = {episode.first_us for episode in before if episode not in after}
    left = {each.episode.first_us: each for each in known if each.episode.first_us in gone or each in strays}
    changed = [
        each for each in after if each not in before or any(_meet(each, stray.episode) for stray in strays)
    ]
    changes = []
    for episode in reversed(changed):
        shared = max(
            (first_us for first_us, each in left.items() if _meet(each.episode, episode)), default=None
        )
        incident = None if shared is None else left.pop(shared)
        is_old = episode in before
        if is_old and incident is None:
            continue  # a stray met several, and goes on as the newest
        if not _would_raise(incident, episode) or not (is_old or (finding.said is Said.CALM and not why)):
            changes.append(_go_on(incident, episode, finding, why))
        elif incident is not None:
            changes.append(IncidentChange(incident, None))
    for each in left.values():
        reason = Reason.RULE_CHANGED if each in strays else Reason.WITHDRAWN
        changes.append(_withdraw(each, finding, reason))
    return changes[::-1] or [IncidentChange(each, each) for each in known if _is_in(finding, each.episode)]


def _strays(known: Sequence[NumberedEpisode], before: Sequence[Episode]) -> list[NumberedEpisode]:
    """Open incidents that are of no open episode: the policy was another one when they were raised."""
    over = IncidentState.RESOLVED
    begun = {episode.first_us for episode in before if episode.state is not over}
    return [each for each in known if each.state is not over and each.episode.first_us not in begun]


def _would_raise(incident: NumberedEpisode | None, episode: Episode) -> bool:
    """Whether nobody was told of it, and it is no longer pending. Where no window has changed, or the newest
    one is calm, it comes of a policy that was another one before: what that thinks of old windows is no news.
    """
    is_untold = incident is None or incident.state is IncidentState.PENDING
    return is_untold and not episode.is_pending


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
    if episode.flapping_us is not None and not is_over and not _flaps(incident):
        events.append(Transition(state, episode.state, episode.status, finding.start_us, why, flaps=True))
    return IncidentChange(incident, new, tuple(events))


def _flaps(incident: NumberedEpisode | None) -> bool:
    """Whether it did so before, as one that is open."""
    if incident is None or incident.state is IncidentState.RESOLVED:
        return False
    return incident.episode.flapping_us is not None


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
        return [*raised_steps(episode), *over]
    known = incident.episode
    if status > known.status:
        return [(IncidentState.ESCALATED, 2), *over]
    told = [(IncidentState.ESCALATED, 2)] if episode.detected and not known.detected else []
    return [*told, *([(IncidentState.EASED, 1)] if told or status < known.status else []), *over]


def raised_steps(episode: Episode) -> list[tuple[IncidentState, int]]:
    """What whoever was told of nothing, or that it is over, is told of one that is open."""
    if episode.state in (IncidentState.ESCALATED, IncidentState.EASED):
        escalated = episode.state is IncidentState.ESCALATED
        return [(IncidentState.RAISED, 1 if escalated else 2), (episode.state, episode.status)]
    return [(IncidentState.RAISED, episode.status)]


def _withdraw(incident: NumberedEpisode, finding: WindowFinding, reason: Reason) -> IncidentChange:
    if incident.state is IncidentState.PENDING:
        return IncidentChange(incident, None)
    over = IncidentState.RESOLVED
    new = replace(incident, state=over, reason=reason)
    event = Transition(incident.state, over, incident.episode.status, finding.start_us, reason.value)
    return IncidentChange(incident, new, (event,))


def _kept(watch: Watch, changes: Sequence[IncidentChange], policy: Policy) -> Watch:
    """The watch with its incidents as they are now, and without what is too old to be changed."""
    gone = [change.before for change in changes]
    stay = [each for each in watch.incidents if each not in gone]
    new = [change.after for change in changes if change.after and change.after.reason not in _NO_EPISODE]
    watch = replace(watch, incidents=(*stay, *new))
    runs = watch.course.runs
    if len(runs) <= MOST_RUNS:
        return watch
    old, kept = runs[: MOST_RUNS // 2], runs[MOST_RUNS // 2 :]
    said, standing = judge(policy, old, stands(watch))
    ended = episodes(said, watch.carried)
    carried = ended[-1] if ended and ended[-1].state is not IncidentState.RESOLVED else None
    return replace(
        watch, course=Course(kept), horizon_us=kept[0].first_us, carried=carried, standing=standing
    )
