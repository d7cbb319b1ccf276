"""What a rule found of the windows of its subject, in the order of the windows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Said(IntEnum):
    """What one window says. PARTLY: suspected, on a part of the window, where no more may be found.
    FAILING: it went wrong, and is tried again. FLAPPING: no window says so; what is open flaps from there on.
    """

    SILENT = -1
    CALM = 0
    SUSPECTED = 1
    DETECTED = 2
    PARTLY = 3
    FAILING = 4
    FLAPPING = 5

    @property
    def is_bad(self) -> bool:
        return self in (Said.SUSPECTED, Said.DETECTED, Said.PARTLY)

    @property
    def is_evidence(self) -> bool:
        """Whether it is bad, or may become so."""
        return self.is_bad or self is Said.FAILING


@dataclass(frozen=True, slots=True)
class WindowFinding:
    """What a rule found in one window, at this revision of its contents."""

    start_us: int
    end_us: int
    said: Said
    revision: int = 1


class Run(NamedTuple):
    """So many windows, one after the other without a gap, that say the same."""

    first_us: int
    length_us: int
    windows: int
    said: Said
    revision: int

    @property
    def end_us(self) -> int:
        return self.first_us + self.windows * self.length_us

    @property
    def last_us(self) -> int:
        """The start of the last window."""
        return self.end_us - self.length_us


@dataclass(frozen=True, slots=True)
class Course:
    """Every window that was found something of, in order; a calm year is one run.

    >>> course = Course().note(WindowFinding(0, 10, Said.CALM)).note(WindowFinding(10, 20, Said.CALM))
    >>> [(run.first_us, run.windows) for run in course.runs]
    [(0, 2)]
    """

    runs: tuple[Run, ...] = ()

    def at(self, start_us: int) -> Run | None:
        """The run that the window of this start is in."""
        place = self.place(start_us)
        run = self.runs[place] if place >= 0 else None
        is_in = run is not None and start_us < run.end_us and not (start_us - run.first_us) % run.length_us
        return run if is_in else None

    def place(self, start_us: int) -> int:
        """The index of the last run that begins there or before; -1: none does."""
        return bisect_right(self.runs, start_us, key=lambda run: run.first_us) - 1

    def note(self, finding: WindowFinding) -> Course:
        """The course with this finding: the same one when it says nothing new, or is of a lower revision."""
        known = self.at(finding.start_us)
        if known is not None and not _replaces(finding, known):
            return self
        new = Run(finding.start_us, finding.end_us - finding.start_us, 1, finding.said, finding.revision)
        place = self.place(new.first_us)
        if place < 0:
            return Course((*_joined([new, *self.runs[:1]]), *self.runs[1:]))
        left, right = _split(self.runs[place], new.first_us)
        around = [
            *self.runs[max(0, place - 1) : place],
            *left,
            new,
            *right,
            *self.runs[place + 1 : place + 2],
        ]
        return Course((*self.runs[: max(0, place - 1)], *_joined(around), *self.runs[place + 2 :]))


def _replaces(finding: WindowFinding, known: Run) -> bool:
    if finding.said is Said.FAILING:  # what was found stands until the last try
        return finding.revision > known.revision and not known.said.is_bad
    if finding.revision != known.revision:
        return finding.revision > known.revision
    return finding.said is not known.said


def _split(run: Run, start_us: int) -> tuple[list[Run], list[Run]]:
    """The windows of the run that begin before this, and those that begin after it."""
    before = min(run.windows, -(-(start_us - run.first_us) // run.length_us))
    is_in = before < run.windows and run.first_us + before * run.length_us == start_us
    after = run.windows - before - is_in
    left = [run._replace(windows=before)] if before else []
    right = [run._replace(first_us=run.end_us - after * run.length_us, windows=after)] if after else []
    return left, right


def _joined(runs: Sequence[Run]) -> list[Run]:
    found: list[Run] = []
    for run in runs:
        if found and _continues(found[-1], run):
            found[-1] = found[-1]._replace(windows=found[-1].windows + run.windows)
        else:
            found.append(run)
    return found


def _continues(run: Run, following: Run) -> bool:
    return (run.end_us, run.length_us, run.said, run.revision) == (
        following.first_us, following.length_us, following.said, following.revision,
    )  # fmt: skip
