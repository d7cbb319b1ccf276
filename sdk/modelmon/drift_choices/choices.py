"""What was chosen for one endpoint, and the file that says it for all endpoints of a project: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from modelmon.alarm_budget import AlarmBudget

REFERENCES = ("training", "season", "recent")


@dataclass(frozen=True, slots=True)
class OwnFloor:
    """A change that is no alarm, as an amount in the feature's own unit: `1.5 °C`."""

    amount: float
    unit: str

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


Floor: TypeAlias = float | OwnFloor
"""A number is in sigma."""


@dataclass(frozen=True, slots=True)
class DriftChoices:
    """What counts for one endpoint; None or empty where nothing was chosen.

    `weights` say how much of the budget a feature has beside the others, 1 unless it is named. One of
    `ignore` is not judged. `floors` are those of single features, `floor` is that of all others. The values
    of the columns of `segments` are judged apart, each from `segment_rows` rows of a window on. `version`
    is that of the file, 0: no file was set.
    """

    alarm_budget: AlarmBudget | None = None
    floor: float | None = None
    reference: str | None = None
    ignore: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    floors: Mapping[str, Floor] = field(default_factory=dict)
    segments: tuple[str, ...] = ()
    segment_rows: int | None = None
    version: int = 0

    @property
    def each_weight(self) -> dict[str, float]:
        """Of the features that are named: 0 is not judged."""
        return {**self.weights, **dict.fromkeys(self.ignore, 0.0)}

    @property
    def named(self) -> tuple[str, ...]:
        """Every feature that something is said of, in the order of the file."""
        return tuple(dict.fromkeys((*self.ignore, *self.weights, *self.floors, *self.segments)))


@dataclass(frozen=True, slots=True)
class Section:
    """What is chosen for the endpoints whose name fits `pattern`; `chosen` has fields of DriftChoices."""

    pattern: str
    chosen: Mapping[str, Any]

    def fits(self, endpoint_name: str) -> bool:
        return fnmatchcase(endpoint_name, self.pattern)


@dataclass(frozen=True, slots=True)
class DriftFile:
    """The sections of a file, in its order."""

    sections: tuple[Section, ...] = ()

    def choices(self, endpoint_name: str, version: int = 0) -> DriftChoices:
        """What counts for an endpoint: of all sections that fit, each key as the last one has it.

        >>> file = DriftFile((Section("*", {"floor": 0.2}), Section("fraud-*", {"ignore": ("id",)})))
        >>> file.choices("fraud-eu").floor, file.choices("fraud-eu").ignore, file.choices("churn").ignore
        (0.2, ('id',), ())
        """
        made = DriftChoices(version=version)
        for section in self.sections:
            if section.fits(endpoint_name):
                made = replace(made, **section.chosen)
        return made

    @property
    def segments(self) -> tuple[str, ...]:
        """Every column that some section wants segments of."""
        return tuple(
            dict.fromkeys(name for each in self.sections for name in each.chosen.get("segments", ()))
        )
