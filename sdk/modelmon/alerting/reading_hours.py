"""Reading mute times of `alerts.yaml`."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from modelmon.alerting import kinds
from modelmon.alerting.hours import Hours, read_span
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, error

KEYS = ("mute", "zone")
_EXAMPLE = "write for example '22:00-07:00', 'sat-sun' or 'mon-fri 18:00-08:00'"


def hours(node: Node, found: list[Finding]) -> Hours:
    """`{mute: ['22:00-07:00', sat-sun], zone: Europe/Berlin}`; without a zone it is UTC."""
    if not kinds.known_keys(node, KEYS, found):
        return Hours()
    mute, zone = node.at("mute"), node.at("zone")
    if mute is None:
        found.append(kinds.unshown(node, "mutes nothing", f"{_EXAMPLE} at mute, [] for never"))
        return Hours()
    items = mute.items if isinstance(mute.data, list) else (mute,)
    spans = [(item, read_span(item.data)) for item in items]
    found.extend(error(item, "is no time to be quiet at", _EXAMPLE) for item, span in spans if span is None)
    named = "UTC" if zone is None else _zone(zone, found)
    read = Hours(tuple(span for _, span in spans if span is not None), named)
    if read.is_always:
        found.append(error(node, "leaves no time at which anybody is told", "leave a time out, or the rule"))
    return read


def _zone(node: Node, found: list[Finding]) -> str:
    try:
        return ZoneInfo(node.data).key
    except (KeyError, OSError, ValueError, TypeError, AttributeError):
        found.append(
            error(node, "is no time zone that this machine knows", "write for example Europe/Berlin")
        )
        return "UTC"
