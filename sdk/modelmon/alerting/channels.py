"""Channels: where messages go. What of them is secret is a reference, and stays one until it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ChannelKind(StrEnum):
    """How a message gets there."""

    SLACK = "slack"
    MAIL = "mail"
    WEBHOOK = "webhook"
    APPRISE = "apprise"


@dataclass(frozen=True, slots=True)
class Channel:
    """One place that messages go to; which fields a kind has, `KEYS` says. `server`, `user`, `password`,
    `url`, `secret` and the headers' values may hold references to secrets.

    `per_second`: it takes so many messages at most.
    """

    name: str
    kind: ChannelKind
    url: str = ""
    secret: str = ""
    secret_before: str = ""
    headers: Mapping[str, str] | None = None
    server: str = ""
    user: str = ""
    password: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    report: str = "link"
    per_second: float = 1.0


KEYS: Mapping[ChannelKind, tuple[str, ...]] = {
    ChannelKind.SLACK: ("url",),
    ChannelKind.MAIL: ("server", "user", "password", "sender", "to", "report"),
    ChannelKind.WEBHOOK: ("url", "secret", "secret_before", "headers"),
    ChannelKind.APPRISE: ("url",),
}
NEEDED: Mapping[ChannelKind, tuple[str, ...]] = {
    ChannelKind.SLACK: ("url",),
    ChannelKind.MAIL: ("server", "sender", "to"),
    ChannelKind.WEBHOOK: ("url",),
    ChannelKind.APPRISE: ("url",),
}
EVERY = ("kind", "per_second")
SECRET = ("password", "secret", "secret_before")
"""Fields whose value is nothing but a secret, which has to be a reference."""
REPORTS = ("link", "attach", "none")
