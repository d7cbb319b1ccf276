"""Actions: what is started when a rule raises an incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ActionKind(StrEnum):
    """What is started, and how it is asked."""

    WEBHOOK = "webhook"
    GITHUB = "github"
    GITLAB = "gitlab"
    JENKINS = "jenkins"
    RETRAIN = "retrain"


@dataclass(frozen=True, slots=True)
class Action:
    """One action; which fields a kind has, `KEYS` says. `url`, `token`, `secret` and the headers' values may
    hold references to secrets.

    It is started at most once an incident, not again for an endpoint within `cooldown_us`, and `max_per_day`
    times in 24 hours (0: any number). `dry_run`: it is written down and not started. `auto_approve`: what a
    job logs is approved by itself where it is better.
    """

    name: str
    kind: ActionKind
    url: str = ""
    secret: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    user: str = ""
    repository: str = ""
    event: str = "modelmon"
    project: str = ""
    ref: str = "main"
    job: str = ""
    cooldown_us: int = 0
    max_per_day: int = 0
    dry_run: bool = False
    auto_approve: bool = False


ALL = ("kind", "cooldown", "max_per_day", "dry_run")
KEYS: Mapping[ActionKind, tuple[str, ...]] = {
    ActionKind.WEBHOOK: ("url", "secret", "headers"),
    ActionKind.GITHUB: ("repository", "token", "event", "url"),
    ActionKind.GITLAB: ("project", "token", "ref", "url"),
    ActionKind.JENKINS: ("url", "job", "user", "token"),
    ActionKind.RETRAIN: ("job", "url", "auto_approve"),
}
NEEDED: Mapping[ActionKind, tuple[str, ...]] = {
    ActionKind.WEBHOOK: ("url",),
    ActionKind.GITHUB: ("repository", "token"),
    ActionKind.GITLAB: ("project", "token"),
    ActionKind.JENKINS: ("url", "job"),
    ActionKind.RETRAIN: ("job",),
}
HOSTS = {ActionKind.GITHUB: "https://api.github.com", ActionKind.GITLAB: "https://gitlab.com"}
"""Where a kind is where nobody says another `url`."""
