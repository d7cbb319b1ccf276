"""Reading the channels of `alerts.yaml`: what they say, or what is wrong, by line, with the mend."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from modelmon.alerting.channels import (
    EVERY,
    KEYS,
    NEEDED,
    REPORTS,
    SECRET,
    Channel,
    ChannelKind,
)
from modelmon.alerting.kinds import unshown
from modelmon.alerting.places import (
    MAIL,
    WEB,
    check_address,
    check_mail,
    headers,
    mail_addresses,
    referring_text,
)
from modelmon.alerting.secret_references import HOW, REFERENCE, has_reference
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, did_you_mean, error, missing

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SERVICE = re.compile(r"[a-z][a-z0-9+.-]*://\S")
SECRET_URLS = (ChannelKind.SLACK, ChannelKind.APPRISE)
MOST_CHANNELS = 100


def channels(node: Node | None, found: list[Finding]) -> dict[str, Channel]:
    """Name to channel, of those that are right."""
    if node is None:
        return {}
    if not isinstance(node.data, dict):
        found.append(unshown(node, "must be names, each with its channel below", "indent by two more blanks"))
        return {}
    if len(node.entries) > MOST_CHANNELS:
        found.append(error(node, f"has {len(node.entries)} channels", f"there are {MOST_CHANNELS} at most"))
        return {}
    found.extend(error(each, "stands there twice", "keep one of the two") for each in node.repeated)
    read = {name: _channel(name, each, found) for name, each in node.entries.items()}
    return {name: channel for name, channel in read.items() if channel is not None}


def _channel(name: str, node: Node, found: list[Finding]) -> Channel | None:
    if not NAME.fullmatch(name):
        found.append(error(node, "has a name that a command can't take", "use letters, digits and . _ -"))
        return None
    if not isinstance(node.data, dict):
        found.append(unshown(node, "must be `key: value` lines", "write kind: slack, and url: below it"))
        return None
    kind = _kind(node, found)
    if kind is None:
        return None
    before = len(found)
    values = {key: _value(key, each, kind, found) for key, each in _known(node, kind, found) if key != "kind"}
    url = node.at("url")
    if kind in SECRET_URLS and url is not None and not has_reference(str(url.data)):
        found.append(unshown(url, "is a secret: whoever knows it can write there", HOW))
    lacks = [key for key in NEEDED[kind] if node.at(key) is None]
    found.extend(missing(node, key, "is missing", f"a {kind} channel needs its {key}") for key in lacks)
    return Channel(name, kind, **values) if len(found) == before else None


def _kind(node: Node, found: list[Finding]) -> ChannelKind | None:
    kind = node.at("kind")
    listed = f"there are {', '.join(ChannelKind)}"
    if kind is None:
        found.append(missing(node, "kind", "is missing", listed))
        return None
    if kind.data not in set(ChannelKind):
        found.append(
            error(kind, "is no kind of channel", did_you_mean(str(kind.data), list(ChannelKind), listed))
        )
        return None
    return ChannelKind(kind.data)


def _known(node: Node, kind: ChannelKind, found: list[Finding]) -> Iterable[tuple[str, Node]]:
    keys = (*EVERY, *KEYS[kind])
    found.extend(unshown(each, "stands there twice", "keep one of the two") for each in node.repeated)
    for key, each in node.entries.items():
        if key in keys:
            if each.data is not None:
                yield key, each
        else:
            mend = did_you_mean(key, keys, f"it has {', '.join(keys)}")
            found.append(unshown(each, f"is no key of a {kind} channel", mend))


def _value(key: str, node: Node, kind: ChannelKind, found: list[Finding]) -> Any:
    if key == "to":
        return mail_addresses(node, found)
    if key == "headers":
        return headers(node, found)
    if key == "per_second":
        return _rate(node, found)
    text = referring_text(node, found)
    if key == "report" and text not in REPORTS:
        found.append(error(node, "is unknown", f"write one of {', '.join(REPORTS)}"))
    if key == "sender":
        check_mail(node, text, found)
    if key in SECRET and not REFERENCE.fullmatch(text):
        found.append(unshown(node, "stands there itself, where everybody reads it", HOW))
    if kind is ChannelKind.APPRISE and key == "url":
        _check_service(node, text, found)
    elif key in ("url", "server"):
        check_address(node, text, WEB if key == "url" else MAIL, found)
    return text


def _check_service(node: Node, text: str, found: list[Finding]) -> None:
    """Which services there are apprise knows, and says when a message is sent."""
    if not REFERENCE.fullmatch(text) and not SERVICE.match(text):
        found.append(unshown(node, "is no address of a service", "write for example tgram://${env:TOKEN}/42"))


def _rate(node: Node, found: list[Finding]) -> float:
    value = node.data
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1000:
        return float(value)
    found.append(error(node, "is no number of messages a second", "write a number above 0, to 1000"))
    return 1.0
