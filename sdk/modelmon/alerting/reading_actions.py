"""Reading the actions of `alerts.yaml`: what they say, or what is wrong, by line, with the mend."""

from __future__ import annotations

import re
from typing import Any

from modelmon.alerting import kinds
from modelmon.alerting.actions import ALL, KEYS, NEEDED, Action, ActionKind
from modelmon.alerting.places import WEB, check_address, headers, referring_text
from modelmon.alerting.reading_channels import NAME
from modelmon.alerting.secret_references import HOW, REFERENCE
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, did_you_mean, error, missing

MOST_ACTIONS, MOST_A_DAY = 100, 10_000
_PATTERNS = {
    "repository": (re.compile(r"[\w.-]+/[\w.-]+"), "acme/models"),
    "project": (re.compile(r"\d+|[\w.-]+(/[\w.-]+)+"), "4711 or group/project"),
    "ref": (re.compile(r"[\w./-]+"), "main"),
    "job": (re.compile(r"[\w. -]+(/[\w. -]+)*"), "retrain or folder/retrain"),
    "event": (re.compile(r"[\w.-]{1,100}"), "modelmon"),
}


def actions(node: Node | None, found: list[Finding]) -> dict[str, Action]:
    """Name to action, of those that are right."""
    if node is None:
        return {}
    if not isinstance(node.data, dict):
        mend = "indent by two more blanks"
        found.append(kinds.unshown(node, "must be names, each with its action below", mend))
        return {}
    if len(node.entries) > MOST_ACTIONS:
        found.append(kinds.unshown(node, f"has {len(node.entries)} actions", f"{MOST_ACTIONS} at most"))
        return {}
    found.extend(kinds.unshown(each, "stands there twice", "keep one of the two") for each in node.repeated)
    read = {name: _action(name, each, found) for name, each in node.entries.items()}
    return {name: action for name, action in read.items() if action is not None}


def _action(name: str, node: Node, found: list[Finding]) -> Action | None:
    before = len(found)
    if not NAME.fullmatch(name):
        found.append(error(node, "has a name that a command can't take", "use letters, digits and . _ -"))
    given = node.at("kind") if isinstance(node.data, dict) else None
    known = list(ActionKind)
    if given is None:
        found.append(missing(node, "kind", "is missing", f"there are {', '.join(known)}"))
        return None
    if given.data not in known:
        mend = did_you_mean(str(given.data), known, f"there are {', '.join(known)}")
        found.append(error(given, "is no kind of action", mend))
        return None
    kind = ActionKind(given.data)
    if not kinds.known_keys(node, (*ALL, *KEYS[kind]), found):
        return None
    lacks = [key for key in NEEDED[kind] if node.at(key) is None]
    found.extend(missing(node, key, "is missing", f"{kind} needs its {key}") for key in lacks)
    values: dict[str, Any] = {}
    for key, each in node.entries.items():
        if key != "kind" and each.data is not None:
            values["cooldown_us" if key == "cooldown" else key] = _value(key, each, found)
    return Action(name, kind, **values) if len(found) == before else None


def _value(key: str, node: Node, found: list[Finding]) -> Any:
    if key == "cooldown":
        return kinds.duration(node, found)
    if key in ("dry_run", "auto_approve"):
        return kinds.flag(node, found)
    if key == "max_per_day":
        return _number(node, found)
    if key == "headers":
        return headers(node, found)
    if key == "project" and isinstance(node.data, int) and not isinstance(node.data, bool):
        return str(node.data)
    text = referring_text(node, found)
    if key in ("token", "secret") and not REFERENCE.fullmatch(text):
        found.append(kinds.unshown(node, "stands there itself, where everybody reads it", HOW))
    if key == "url":
        check_address(node, text, WEB, found)
    if key in _PATTERNS and not _PATTERNS[key][0].fullmatch(text):
        found.append(error(node, f"is no {key}", f"write for example {_PATTERNS[key][1]}"))
    return text


def _number(node: Node, found: list[Finding]) -> int:
    value = node.data
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_A_DAY:
        return value
    found.append(error(node, "is no number of times", f"write a number from 1 to {MOST_A_DAY}; 0 is any"))
    return 0
