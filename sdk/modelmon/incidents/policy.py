"""When bad windows are trouble, and when calm ones end it: n of m, hysteresis, rest, flapping.

A policy changes what windows say before episodes are made of them: a bad window that is not yet enough says
that it may become so, a calm one that is not yet enough says nothing. So the episodes of a policy are those
of the windows in their order, as all episodes are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelmon.incidents.course import Course, Run, Said


@dataclass(frozen=True, slots=True)
class Flapping:
    """What was raised or resolved more often than `changes` times in the last `among` judged windows flaps:
    it is held open until `calm` calm windows in a row."""

    changes: int = 4
    among: int = 12
    calm: int = 12


@dataclass(frozen=True, slots=True)
class Policy:
    """Raised once `enough` of the last `among` judged windows were bad; over after `clear` calm ones in a
    row. For `cooldown_us` from the calm window on that ended it, no window is trouble. Windows that say
    nothing (no data, too few rows, failed) count as none of either. `flapping` None: it may come and go as
    often as it does.
    """

    enough: int = 1
    among: int = 1
    clear: int = 1
    cooldown_us: int = 0
    flapping: Flapping | None = None

    @property
    def is_plain(self) -> bool:
        """Whether every bad window is trouble, and every calm one its end, unless they flap."""
        return self.enough == 1 and self.clear == 1 and not self.cooldown_us


def settled(policy: Policy, runs: Sequence[Run], before_us: int) -> int:
    """The place of the last run, over by then, that is calm for so long that what came before it counts no
    more: no change, no bad window, no rest. 0: none is.

    >>> bad, calm = Run(0, 10, 1, Said.DETECTED, 1), Run(10, 10, 9, Said.CALM, 1)
    >>> runs = [bad, calm, bad._replace(first_us=100)]
    >>> settled(Policy(), runs, 110), settled(Policy(clear=10), runs, 110)
    (1, 0)
    """
    flapping = policy.flapping
    counted = max(policy.among, policy.clear)
    if flapping is not None:
        counted = max(counted, flapping.among, flapping.calm)
    for place in range(len(runs) - 1, 0, -1):
        run = runs[place]
        if run.end_us > before_us or run.said is not Said.CALM or run.windows < counted:
            continue
        if (run.windows - counted) * run.length_us >= policy.cooldown_us:
            return place
    return 0


def is_calm_for_good(policy: Policy, course: Course) -> bool:
    """Whether one more calm window changes nothing, now or later, where nothing is open.

    >>> calm = Course((Run(0, 10, 2, Said.CALM, 1),))
    >>> is_calm_for_good(Policy(), calm), is_calm_for_good(Policy(2, 3), calm)
    (True, False)
    """
    last = course.runs[-1] if course.runs else None
    if last is None or last.said is not Said.CALM:
        return False
    counted = 1 if policy.is_plain else policy.among
    return last.windows >= max(counted, policy.flapping.among if policy.flapping else 1)
