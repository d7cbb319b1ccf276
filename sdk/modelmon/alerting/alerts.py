"""What one version of `alerts.yaml` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelmon.alerting.actions import Action
from modelmon.alerting.channels import Channel
from modelmon.alerting.digest import Digest
from modelmon.alerting.heartbeat import Heartbeat
from modelmon.alerting.hours import Hours
from modelmon.alerting.rules import Rule

SECOND_US = 1_000_000
GROUPED_BY = ("kind", "application", "endpoint", "rule")
"""What messages may be gathered by."""


@dataclass(frozen=True, slots=True)
class Sending:
    """Who is told, and how news is gathered into messages. Times are microseconds.

    News of one group waits `group_wait_us` for more of it; the next message of the group comes
    `group_interval_us` after the last one, and what is still open is told again every `repeat_us`, with 0
    never. At `hours` nobody is told: what is open still at their end is told then. `channels` None: all but
    the fallback. `resolved`: that something is over is told, too.
    """

    channels: tuple[str, ...] | None = None
    fallback: str = ""
    group_by: tuple[str, ...] = ("kind", "application")
    group_wait_us: int = 30 * SECOND_US
    group_interval_us: int = 300 * SECOND_US
    repeat_us: int = 24 * 3600 * SECOND_US
    resolved: bool = True
    hours: Hours = field(default_factory=Hours)


@dataclass(frozen=True, slots=True)
class Alerts:
    """Channels by their names, how they are sent to, rules, and actions by their names; the dead man's
    switch, and the weekly digest."""

    channels: Mapping[str, Channel] = field(default_factory=dict)
    sending: Sending = field(default_factory=Sending)
    rules: tuple[Rule, ...] = ()
    actions: Mapping[str, Action] = field(default_factory=dict)
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    digest: Digest = field(default_factory=Digest)

    @property
    def told(self) -> tuple[str, ...]:
        """The channels that hear of everything that no rule sends elsewhere."""
        if self.sending.channels is not None:
            return self.sending.channels
        return tuple(name for name in self.channels if name != self.sending.fallback)

    def rule(self, name: str) -> Rule | None:
        """The rule of this name; None where it is a built-in one, or is gone."""
        return next((each for each in self.rules if each.name == name), None)

    def repeat_us(self, rule: str) -> int:
        """After how long it is told again what this rule has open; 0: never."""
        found = self.rule(rule)
        return self.sending.repeat_us if found is None or found.repeat_us is None else found.repeat_us

    def hours_of(self, rule: str) -> Hours:
        """When nobody is told of what this rule finds."""
        found = self.rule(rule)
        return self.sending.hours if found is None or found.hours is None else found.hours

    def told_of(self, rule: str) -> tuple[str, ...]:
        """The channels that hear of what this rule finds."""
        found = self.rule(rule)
        return self.told if found is None or found.channels is None else found.channels
