"""Reading the dead man's switch and the weekly digest of `alerts.yaml`."""

from __future__ import annotations

import re
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from modelmon.alerting.digest import DAYS, Digest
from modelmon.alerting.heartbeat import Heartbeat
from modelmon.alerting.kinds import known_keys, names, unshown
from modelmon.alerting.places import WEB, check_address, referring_text
from modelmon.alerting.secret_references import HOW, REFERENCE, has_reference
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, error, missing
from modelmon.checked_yaml.kinds import one_of

SWITCH = ("url", "fail_url")
KEYS = ("channels", "day", "at", "time_zone")
_AT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def heartbeat(node: Node | None, found: list[Finding]) -> Heartbeat:
    """What the file says of it."""
    if node is None or not known_keys(node, SWITCH, found):
        return Heartbeat()
    if node.at("url") is None:
        found.append(missing(node, "url", "is missing", "write url: ${env:HEARTBEAT_URL}"))
    values: dict[str, Any] = {}
    for key in SWITCH:
        each = node.at(key)
        if each is None:
            continue
        values[key] = referring_text(each, found)
        if not REFERENCE.match(values[key]):  # what a reference begins is known when it is looked up
            check_address(each, values[key], WEB, found)
        if not has_reference(values[key]):
            found.append(unshown(each, "is a secret: whoever knows it can say that all is well", HOW))
    return Heartbeat(**values)


def digest(node: Node | None, channels: tuple[str, ...], found: list[Finding]) -> Digest:
    """What the file says of it."""
    if node is None or not known_keys(node, KEYS, found):
        return Digest()
    if node.at("channels") is None:
        found.append(unshown(node, "goes nowhere", "write channels: [team]"))
    values: dict[str, Any] = {}
    if (told := node.at("channels")) is not None:
        values["channels"] = names(told, channels, "channel", found)
    if (day := node.at("day")) is not None:
        values["day"] = one_of(day, DAYS, found) or DAYS[0]
    if (at := node.at("at")) is not None:
        values["at"] = _time(at, found)
    if (zone := node.at("time_zone")) is not None:
        values["time_zone"] = _zone(zone, found)
    return Digest(**values)


def _time(node: Node, found: list[Finding]) -> time:
    match = _AT.fullmatch(node.data) if isinstance(node.data, str) else None
    if match is None:  # 08:00 without quotes is a text to YAML, 18:00 a number
        found.append(error(node, "is no time of the day", "write it in quotes, '08:00'"))
        return time(8)
    return time(int(match[1]), int(match[2]))


def _zone(node: Node, found: list[Finding]) -> str:
    try:
        return ZoneInfo(node.data).key if isinstance(node.data, str) else _no_zone(node, found)
    except (ValueError, OSError, KeyError):  # not known, a path, a folder
        return _no_zone(node, found)


def _no_zone(node: Node, found: list[Finding]) -> str:
    found.append(error(node, "is no time zone", "write for example Europe/Berlin, or UTC"))
    return "UTC"
