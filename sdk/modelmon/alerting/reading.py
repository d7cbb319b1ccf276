"""Reading `alerts.yaml`: what it says, and everything that is wrong with it, by line, with the mend."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from modelmon.alerting import kinds
from modelmon.alerting.alerts import GROUPED_BY, Alerts, Sending
from modelmon.alerting.reading_actions import actions
from modelmon.alerting.reading_channels import channels
from modelmon.alerting.reading_digest import digest, heartbeat
from modelmon.alerting.reading_hours import hours
from modelmon.alerting.reading_rules import rules
from modelmon.alerting.unencrypted import unencrypted
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import (
    ERROR,
    Finding,
    refuse_errors,
)
from modelmon.checked_yaml.kinds import document_of, of_format

FORMAT = 1
TOP = ("format", "channels", "send", "rules", "actions", "heartbeat", "digest")
SEND = ("channels", "fallback", "group_by", "group_wait", "group_interval", "repeat", "resolved", "hours")


@dataclass(frozen=True, slots=True)
class Read:
    """What a file says, None where a mistake leaves nothing, and what was found, by lines."""

    alerts: Alerts | None
    findings: tuple[Finding, ...] = field(default=())


def read_alerts(text: str) -> Alerts:
    """What the text says. Raises ConfigError that tells every mistake with its line and its mend."""
    found = check_alerts(text)
    refuse_errors(found.findings)
    assert found.alerts is not None
    return found.alerts


def check_alerts(text: str) -> Read:
    """What the text says, and everything that is wrong with it."""
    findings: list[Finding] = []
    document = document_of(text, "an alerts.yaml", findings)
    if document is None:
        return Read(None, tuple(findings))
    alerts = _alerts(document, findings)
    findings += unencrypted(document)
    findings.sort(key=lambda finding: (finding.line, finding.level, finding.key))
    is_right = all(finding.level != ERROR for finding in findings)
    return Read(alerts if is_right else None, tuple(findings))


def _alerts(document: Node, found: list[Finding]) -> Alerts:
    if document.data is None:
        found.append(_whole("is empty", f"begin with format: {FORMAT}"))
        return Alerts()
    if not kinds.known_keys(document, TOP, found):
        return Alerts()
    of_format(document, FORMAT, found)
    named = document.at("channels")
    read = channels(named, found)
    names = tuple(named.entries) if named is not None else ()
    sending = _sending(document.at("send"), names, found)
    listed = document.at("actions")
    may_start = tuple(listed.entries) if listed is not None else ()
    told = rules(document.at("rules"), names, may_start, found)
    switch, weekly = heartbeat(document.at("heartbeat"), found), digest(document.at("digest"), names, found)
    return Alerts(read, sending, told, actions(listed, found), switch, weekly)


def _sending(node: Node | None, names: tuple[str, ...], found: list[Finding]) -> Sending:
    if node is None or not kinds.known_keys(node, SEND, found):
        return Sending()
    values: dict[str, Any] = {}
    for key, each in ((key, node.at(key)) for key in SEND):
        if each is None:
            continue
        if key == "channels":
            values[key] = kinds.names(each, names, "channel", found)
        elif key == "fallback":
            values[key] = "".join(kinds.names(each, names, "channel", found)[:1])
        elif key == "group_by":
            values[key] = kinds.names(each, GROUPED_BY, "thing to group by", found)
        elif key == "resolved":
            values[key] = kinds.flag(each, found)
        elif key == "hours":
            values[key] = hours(each, found)
        else:
            values[f"{key}_us"] = kinds.duration(each, found)
    return Sending(**values)


def _whole(problem: str, mend: str) -> Finding:
    return Finding(1, "", "", problem, mend)
