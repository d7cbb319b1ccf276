"""Reading which rules keep which from being told."""

from __future__ import annotations

from collections.abc import Mapping

from modelmon.alerting.rules import MONITOR_BEHIND, NOT_RUNNING, Rule
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, did_you_mean, error
from modelmon.incidents import APP_FAILED, RESULT_STATUS


def names(node: Node, found: list[Finding]) -> tuple[str, ...]:
    """Names of rules, or one; [] is none."""
    items = node.items if isinstance(node.data, list) else (node,)
    wrong = [item for item in items if not isinstance(item.data, str) or not item.data]
    found.extend(error(item, "is no name of a rule", "write the name of one") for item in wrong)
    return tuple(dict.fromkeys(str(item.data) for item in items if item not in wrong))


def check(nodes: Mapping[str, Node], rules: Mapping[str, Rule], found: list[Finding]) -> None:
    """Every rule that is named is there, and none keeps itself from being told; `nodes` by rule."""
    known = [*dict.fromkeys([*rules, RESULT_STATUS, APP_FAILED, NOT_RUNNING, MONITOR_BEHIND])]
    for name, rule in rules.items():
        for each in rule.inhibited_by or ():
            node = nodes[name].entries["inhibited_by"]
            if each not in known:
                mend = did_you_mean(each, known, f"there are {', '.join(known)}")
                found.append(error(node, f"names {each!r}, which is no rule", mend))
            elif _reaches(rules, each, name):
                found.append(error(node, "keeps this rule itself from being told", f"leave {each!r} out"))


def _reaches(rules: Mapping[str, Rule], start: str, end: str) -> bool:
    """Whether `start` is `end`, or is inhibited by it, however many rules lie between."""
    seen, left = set[str](), [start]
    while left:
        name = left.pop()
        if name == end:
            return True
        if name not in seen and (rule := rules.get(name)) is not None:
            left += rule.inhibited_by or ()
        seen.add(name)
    return False
