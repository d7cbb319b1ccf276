"""What a person says of an incident: it is over, it was a false alarm, or after all it was none."""

from __future__ import annotations

from dataclasses import replace

from modelmon.incidents.episodes import IncidentState, episodes
from modelmon.incidents.following import (
    IncidentChange,
    NumberedEpisode,
    Reason,
    Transition,
    Watch,
    raised_steps,
)
from modelmon.incidents.judging import Standing, under
from modelmon.incidents.policy import Policy

TAKEN_BACK = "no false alarm after all"
_OVER = IncidentState.RESOLVED


def end(watch: Watch, incident: NumberedEpisode, reason: Reason) -> tuple[Watch, IncidentChange]:
    """Resolve what is open: what was found so far is done with, a window that comes after raises a new one.

    Windows before then may be judged again: they change nothing any more.
    """
    runs = watch.course.runs
    done_with = Watch(horizon_us=runs[-1].end_us if runs else watch.horizon_us)
    episode = incident.episode
    event = Transition(incident.state, _OVER, episode.status, episode.last_us, reason.value)
    ended = replace(incident, state=_OVER, reason=reason)
    return done_with, IncidentChange(incident, ended, (event,))


def take_back(
    watch: Watch | None, incident: NumberedEpisode, before: IncidentState, policy: Policy, *, followed: bool
) -> tuple[Watch | None, IncidentChange]:
    """What `end` resolved goes on as if it had not, from the state that it was in `before`: open, or over
    since the first calm window that came after. Where a newer incident of the subject has `followed`, or
    nobody watches it any more (`watch` None), it stays over, as one that a person reset."""
    if watch is None or followed or watch.carried is not None or watch.standing is not None:
        kept = replace(incident, state=_OVER, reason=Reason.RESET)
        return watch, IncidentChange(incident, kept)
    carried = replace(incident.episode, state=before, ended_us=None)
    episode = episodes(under(policy, watch.course.runs, Standing.of(carried)), carried)[0]
    calm = Reason.CALM if episode.state is _OVER else None
    after = NumberedEpisode(incident.number, episode, episode.state, calm)
    return replace(watch, carried=carried), IncidentChange(incident, after, _told_again(after))


def _told_again(after: NumberedEpisode) -> tuple[Transition, ...]:
    """Nothing where it is over still."""
    if after.state is _OVER:
        return ()
    state, events = _OVER, []
    for step, status in raised_steps(after.episode):
        events.append(Transition(state, step, status, after.episode.last_us, TAKEN_BACK))
        state = step
    if after.episode.flapping_us is not None:
        newest = after.episode
        events.append(Transition(state, newest.state, newest.status, newest.last_us, TAKEN_BACK, flaps=True))
    return tuple(events)
