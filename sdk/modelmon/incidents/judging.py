"""A policy looks at a course, window by window: what each says under it, and how it stands after the last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from modelmon.incidents.course import Run, Said
from modelmon.incidents.episodes import Episode
from modelmon.incidents.policy import Policy


class Phase(Enum):
    """Whether there is trouble, by what was judged so far."""

    CALM = 0
    PENDING = 1
    RAISED = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """How a policy stands after some windows: all that it knows of them. `last`: which of those that `for`
    counts were bad; `calm`: how many in a row; `changes`: how many judged windows ago it was raised or
    resolved, each time."""

    phase: Phase = Phase.CALM
    last: tuple[bool, ...] = ()
    calm: int = 0
    rests_until_us: int = 0
    changes: tuple[int, ...] = ()
    flaps: bool = False

    @classmethod
    def of(cls, carried: Episode | None) -> Standing:
        """Where nothing is known but the episode that is open."""
        if carried is None:
            return cls()
        phase = Phase.PENDING if carried.is_pending else Phase.RAISED
        return cls(phase, flaps=carried.flapping_us is not None)


def under(policy: Policy, runs: Iterable[Run], standing: Standing | None = None) -> list[Run]:
    """What the windows say under a policy that stands so where they begin. A run of no window says that what
    is open flaps from there on.

    >>> bad = Run(0, 10, 3, Said.DETECTED, 1)
    >>> [(run.first_us, run.windows, run.said.name) for run in under(Policy(2, 3), [bad])]
    [(0, 1, 'FAILING'), (10, 1, 'DETECTED'), (20, 1, 'DETECTED')]
    """
    runs = list(runs)
    may_flap = policy.flapping is not None and (standing is not None or len(runs) > policy.flapping.changes)
    return judge(policy, runs, standing)[0] if may_flap or not policy.is_plain else runs


def judge(
    policy: Policy, runs: Iterable[Run], standing: Standing | None = None
) -> tuple[list[Run], Standing]:
    """As `under`, with how the policy stands after the last window."""
    machine = _Machine(policy, standing or Standing())
    return [each for run in runs for each in _told(machine, run)], machine.standing


class _Machine:
    """What a policy knows while it goes through the windows."""

    def __init__(self, policy: Policy, standing: Standing) -> None:
        self.policy = policy
        self.phase, self.calm, self.flaps = standing.phase, standing.calm, standing.flaps
        self.rests_until_us, self.changes = standing.rests_until_us, [*standing.changes]
        self.last = [*standing.last]

    @property
    def standing(self) -> Standing:
        return Standing(
            self.phase, tuple(self.last), self.calm, self.rests_until_us, tuple(self.changes), self.flaps
        )

    def judged(self, said: Said, start_us: int) -> Said:
        """What a judged window says under the policy."""
        self.pass_by(1)
        self.last = [*self.last, said.is_bad][-self.policy.among :]
        if self.phase is Phase.RAISED:
            if not said.is_bad:
                return self._calmed(start_us)
            self.calm = 0
            return said
        if sum(self.last) >= self.policy.enough and said.is_bad:
            self.phase, self.calm = Phase.RAISED, 0
            self.flaps = self._changes_too_often()
            return said
        self.phase = Phase.PENDING if any(self.last) else Phase.CALM
        if self.phase is Phase.CALM:
            return Said.CALM
        return Said.FAILING if said.is_bad else Said.SILENT

    def pass_by(self, windows: int) -> None:
        """So many windows more were judged."""
        among = self.policy.flapping.among if self.policy.flapping else 0
        self.changes = [age + windows for age in self.changes if age + windows < among]

    def is_settled(self, said: Said) -> bool:
        """Whether any number of further windows that say this say the same under the policy."""
        if not (said is Said.CALM or said.is_bad):
            return True
        if said is Said.CALM:
            return self.phase is Phase.CALM and not any(self.last)
        return self.phase is Phase.RAISED

    def waits_for_more(self, said: Said, windows: int) -> bool:
        """Whether so many calm windows don't end what is raised, nor have it flap."""
        return self.phase is Phase.RAISED and said is Said.CALM and self.calm + windows < self._clear

    @property
    def _clear(self) -> int:
        flapping = self.policy.flapping
        return max(self.policy.clear, flapping.calm) if self.flaps and flapping else self.policy.clear

    def _calmed(self, start_us: int) -> Said:
        self.calm += 1
        if self.calm < self._clear:
            return Said.SILENT
        if not self.flaps:
            self.flaps = self._changes_too_often()
            if self.calm < self._clear:
                return Said.SILENT
        if self.flaps:
            self.changes.clear()
        self.phase, self.flaps = Phase.CALM, False
        self.last.clear()
        self.rests_until_us = start_us + self.policy.cooldown_us
        return Said.CALM

    def _changes_too_often(self) -> bool:
        """That it is raised, or resolved, is one change more."""
        self.changes.append(0)
        flapping = self.policy.flapping
        return flapping is not None and len(self.changes) > flapping.changes


def _told(machine: _Machine, run: Run) -> Iterator[Run]:
    """The run in parts that say the same; of a long one only its beginning is looked at window by window."""
    is_judged = run.said is Said.CALM or run.said.is_bad
    done = _resting(machine, run)
    if done:
        machine.pass_by(done * is_judged)
        yield run._replace(windows=done, said=run.said if run.said is Said.CALM else Said.SILENT)
    while done < run.windows:
        start_us, left = run.first_us + done * run.length_us, run.windows - done
        if machine.is_settled(run.said):
            machine.pass_by(left * is_judged)
            yield run._replace(first_us=start_us, windows=left)
            machine.calm = 0 if run.said.is_bad else machine.calm
            return
        if machine.waits_for_more(run.said, left):
            machine.calm += left
            machine.pass_by(left)
            yield run._replace(first_us=start_us, windows=left, said=Said.SILENT)
            return
        before = machine.flaps
        one = run._replace(first_us=start_us, windows=1, said=machine.judged(run.said, start_us))
        yield one
        if machine.flaps and not before:
            yield one._replace(windows=0, said=Said.FLAPPING)
        done += 1


def _resting(machine: _Machine, run: Run) -> int:
    """How many windows of the run, from its first on, lie in the rest after trouble."""
    left_us = machine.rests_until_us - run.first_us
    if left_us <= 0 or machine.phase is not Phase.CALM:
        return 0
    return min(run.windows, -(-left_us // run.length_us))
