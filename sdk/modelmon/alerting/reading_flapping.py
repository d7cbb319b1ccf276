"""Reading what a rule says of trouble that comes and goes: `flapping: off`, or its own numbers."""

from __future__ import annotations

from modelmon.alerting import kinds
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, error
from modelmon.incidents import Flapping

MOST = 100
KEYS = {"changes": "changes", "windows": "among", "calm": "calm"}
_EXAMPLE = "write off, or for example {changes: 4, windows: 12, calm: 12}"


def flapping(node: Node, found: list[Finding]) -> Flapping | None:
    """When something flaps; None: never. `off` without quotes is a boolean to YAML."""
    if node.data is False or node.data == "off":
        return None
    if not isinstance(node.data, dict):
        found.append(error(node, "says not when it flaps", _EXAMPLE))
        return None
    before = len(found)
    if not kinds.known_keys(node, list(KEYS), found):
        return None
    given = {KEYS[key]: each for key, each in node.entries.items() if key in KEYS}
    wrong = [each for each in given.values() if not _is_number(each.data)]
    found.extend(error(each, "is no number", f"write a number from 1 to {MOST}") for each in wrong)
    if len(found) > before:
        return None
    numbers = Flapping(**{name: each.data for name, each in given.items()})
    if numbers.changes >= numbers.among:
        mend = f"write fewer changes than windows: of {numbers.among} windows each changes it once at most"
        found.append(kinds.unshown(node, f"is never so with {numbers.changes} changes", mend))
    return numbers


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST
