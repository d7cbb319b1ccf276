"""Rules: what of whom is an incident, how bad it is, who is told, what follows."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import translate
from functools import cache

from modelmon.alerting.hours import Hours
from modelmon.alerting.measures import MEASURES
from modelmon.incidents import Flapping, Policy

COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
SEVERITIES = ("high", "medium", "low")
SUSPECTED, DETECTED = 1, 2
NOT_RUNNING, MONITOR_BEHIND = "not-running", "monitor-behind"
"""Rules by the clock that are built in."""
NEVER = 2**62
"""So many calm windows never come."""
KINDS = ("data-drift", "concept-drift", "model-performance", "system-performance", "mm-app-anomaly")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule may look at; "" where there is no app, or no one result."""

    endpoint: str
    labels: Mapping[str, str] = field(default_factory=dict)
    function: str = ""
    application: str = ""
    result: str = ""
    kind: str = ""
    endpoint_id: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """Patterns with `*` and `?`, any of which fits; with () everything fits. So what comes later is covered.

    A label fits by its name and a pattern of its value.
    """

    endpoints: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    endpoint_ids: tuple[str, ...] = ()

    def fits(self, subject: Subject) -> bool:
        """
        >>> Match(endpoints=("churn-*",)).fits(Subject("churn-7")), Match(apps=("a",)).fits(Subject("x"))
        (True, False)
        """
        return (
            any_fits(self.endpoints, subject.endpoint)
            and any_fits(self.endpoint_ids, subject.endpoint_id)
            and any_fits(self.functions, subject.function)
            and any_fits(self.apps, subject.application)
            and any_fits(self.results, subject.result)
            and any_fits(self.kinds, subject.kind)
            and all(
                name in subject.labels and any_fits((pattern,), subject.labels[name])
                for name, pattern in self.labels.items()
            )
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """A limit: `> 0.8`."""

    sign: str
    limit: float

    def holds(self, value: float) -> bool:
        return COMPARED[self.sign](value, self.limit)

    def __str__(self) -> str:
        return f"{self.sign} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class StatusCondition:
    """A result is at least suspected, or at least detected, by its own thresholds."""

    least: int = SUSPECTED


@dataclass(frozen=True, slots=True)
class ValueCondition:
    """A result's value is beyond a limit, whatever its own thresholds say."""

    value: Comparison


@dataclass(frozen=True, slots=True)
class FailedCondition:
    """An app failed over a window for good."""


@dataclass(frozen=True, slots=True)
class TimedCondition:
    """Something that time brings about, looked at with every tick of the notifier: `measure` is one of
    `MEASURES`, over the last `over_us`."""

    measure: str
    value: Comparison
    over_us: int = 0

    @property
    def words(self) -> str:
        """As people say it.

        >>> TimedCondition("error_share", Comparison(">", 0.05), 900_000_000).words
        'more than 5 % of requests failed in 15 min'
        """
        measure = MEASURES[self.measure]
        return measure.words(self.value.limit, self.over_us, _SAID[self.value.sign])


_SAID = {">": "more than {}", "<": "less than {}", ">=": "{} or more", "<=": "at most {}"}

Condition = StatusCondition | ValueCondition | FailedCondition | TimedCondition


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `called` is a longer name, as alerts of MLRun's have, `description` for who reads the file.
    `channels`, `repeat_us` and `hours` None: those of the file. `escalate_to` are told where nobody has
    acknowledged for `escalate_us`; `action` is started when it raises one. What it finds is not told while
    one of `inhibited_by` has something open of the same endpoint; None: while the app itself fails. By
    `flapping` what comes and goes is held open; None: nothing is. Times are microseconds, 0 for none."""

    name: str
    when: Condition = field(default_factory=StatusCondition)
    match: Match = field(default_factory=Match)
    policy: Policy = field(default_factory=Policy)
    flapping: Flapping | None = field(default_factory=Flapping)
    enabled: bool = True
    severity: str = ""
    manual: bool = False
    cooldown_us: int = 0
    channels: tuple[str, ...] | None = None
    repeat_us: int | None = None
    escalate_us: int = 0
    escalate_to: tuple[str, ...] = ()
    action: str = ""
    runbook: str = ""
    summary: str = ""
    called: str = ""
    description: str = ""
    hours: Hours | None = None
    inhibited_by: tuple[str, ...] | None = None

    @property
    def in_effect(self) -> Policy:
        """Its policy; one that a person ends is ended by no calm window."""
        clear = NEVER if self.manual else self.policy.clear
        return replace(self.policy, clear=clear, cooldown_us=self.cooldown_us, flapping=self.flapping)

    def looks_at(self, kind: type[Condition], subject: Subject) -> bool:
        """Whether it is of this kind of condition, and of this subject."""
        return self.enabled and isinstance(self.when, kind) and self.match.fits(subject)


def any_fits(patterns: Iterable[str], text: str) -> bool:
    """Whether there is no pattern, or one fits all of the text."""
    patterns = tuple(patterns)
    return not patterns or any(_compiled(each).match(text) is not None for each in patterns)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
