"""MLRun's notifications of alerts as channels of `alerts.yaml`, and back. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from modelmon.alerting.channels import Channel, ChannelKind
from modelmon.alerting.reading_channels import NAME
from modelmon.alerting.secret_references import HOW, has_reference
from modelmon.errors import ConfigError

KINDS = ("slack", "webhook", "mail")
_NOT_HERE = {
    "git": "comments on issues are not there; a rule's action starts a pipeline of GitHub or GitLab",
    "console": "it is for runs of MLRun alone",
    "ipython": "it is for runs of MLRun alone",
}
_PARAMS: Mapping[str, tuple[str, ...]] = {
    "slack": ("webhook",),
    "webhook": ("url", "method", "headers", "verify_ssl", "override_body"),
    "mail": ("server_host", "server_port", "use_tls", "start_tls", "username", "password", "sender_address",
             "email_addresses", "subject", "body"),
}  # fmt: skip
_FIXED = {"method": "post", "verify_ssl": True}
"""What can be said of a webhook in one way alone."""


class Told(msgspec.Struct, frozen=True):
    """A notification. What it says of runs (when, condition) and of words means nothing for alerts."""

    kind: str
    name: str
    params: dict[str, Any] | None = None
    secret_params: dict[str, Any] | None = None


class GivenNotification(msgspec.Struct, frozen=True):
    """A notification of an alert."""

    notification: Told
    cooldown_period: str | None = None


def channel_of(given: GivenNotification) -> tuple[str, dict[str, Any] | None]:
    """The channel's name, and the channel with its keys; None where it is meant by its name alone.

    Raises ConfigError for a kind or a parameter that is not there, and for a secret that is no reference.
    """
    told = given.notification
    if told.kind not in KINDS:
        reason = _NOT_HERE.get(told.kind, f"there are {', '.join(KINDS)}")
        raise ConfigError(f"notifications: a notification of kind {told.kind!r} is not there: {reason}")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", told.name).strip("-._") or told.kind
    if not NAME.fullmatch(name):
        raise ConfigError(f"notifications: {told.name!r} is no name of a channel; 64 letters at most")
    params = {**(told.params or {}), **(told.secret_params or {})}
    params = {key: each for key, each in params.items() if each not in (None, "", {}, [])}
    if not params:
        return name, None
    for key in params:
        if key not in _PARAMS[told.kind]:
            raise ConfigError(f"notifications: {key!r} is no parameter of {told.kind} here")
    _check_secrets(name, told.secret_params or {})
    return name, _CHANNELS[told.kind](name, params)


def notification_of(channel: Channel) -> dict[str, Any]:
    """A channel as a notification, named by the name alone: addresses may be secret."""
    kind = channel.kind if channel.kind in (ChannelKind.SLACK, ChannelKind.WEBHOOK) else ChannelKind.WEBHOOK
    return {
        "kind": kind.value,
        "name": channel.name,
        "message": "",
        "severity": "info",
        "when": ["completed"],
    }


def _check_secrets(name: str, secret: Mapping[str, Any]) -> None:
    texts = [
        each for value in secret.values() for each in (value.values() if isinstance(value, dict) else [value])
    ]
    if any(isinstance(text, str) and not has_reference(text) for text in texts):
        raise ConfigError(
            f"notifications: {name}: a secret stands there itself, where it would be kept and read; {HOW}, "
            "or set the channel in alerts.yaml and give its name alone"
        )


def _slack(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    url = params.get("webhook")
    if not isinstance(url, str) or not has_reference(url):
        raise ConfigError(
            f"notifications: {name}: the webhook is a secret: {HOW}, or set the channel in alerts.yaml and "
            "give its name alone"
        )
    return {"kind": "slack", "url": url}


def _webhook(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    for key, fixed in _FIXED.items():
        given = params.get(key, fixed)
        if (given.lower() if isinstance(given, str) else given) != fixed:
            raise ConfigError(f"notifications: {name}: {key} is {fixed!r} here, got {given!r}")
    if "override_body" in params:
        raise ConfigError(f"notifications: {name}: the body is the one of 'Messages' in the docs")
    channel = {"kind": "webhook", "url": params.get("url"), "headers": params.get("headers")}
    return {key: each for key, each in channel.items() if each is not None}


def _mail(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    host, to = params.get("server_host"), params.get("email_addresses")
    for key in ("subject", "body"):
        if key in params:
            raise ConfigError(f"notifications: {name}: the {key} is written here, and can't be given")
    if not host or not to or not params.get("sender_address"):
        raise ConfigError(f"notifications: {name}: needs server_host, sender_address and email_addresses")
    start, tls = params.get("start_tls", False), params.get("use_tls", True)
    scheme = "smtp+starttls" if start else "smtps" if tls else "smtp"
    port = params.get("server_port") or {"smtps": 465, "smtp+starttls": 587, "smtp": 25}[scheme]
    channel = {
        "kind": "mail", "server": f"{scheme}://{host}:{port}", "user": params.get("username"),
        "password": params.get("password"), "sender": params["sender_address"],
        "to": [each.strip() for each in to.split(",")] if isinstance(to, str) else to,
    }  # fmt: skip
    return {key: each for key, each in channel.items() if each is not None}


_CHANNELS = {"slack": _slack, "webhook": _webhook, "mail": _mail}
