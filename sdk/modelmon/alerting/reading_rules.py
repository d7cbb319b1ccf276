"""Reading the rules of `alerts.yaml`: what they say, or what is wrong, by line, with the mend."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from modelmon.alerting import kinds, reading_flapping, reading_hours, reading_inhibition
from modelmon.alerting.measures import ENDPOINT, FUNCTION, MEASURES, PROJECT, SILENCES
from modelmon.alerting.rules import (
    COMPARED,
    DETECTED,
    KINDS,
    SEVERITIES,
    SUSPECTED,
    Comparison,
    Condition,
    FailedCondition,
    Match,
    Rule,
    StatusCondition,
    TimedCondition,
    ValueCondition,
)
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, error, missing
from modelmon.checked_yaml.kinds import one_of
from modelmon.incidents import Policy

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
MOST_RULES, MOST_WINDOWS = 500, 100
MOST_SILENT = 6 * 86_400
"""Who is silent for a week is taken to be gone."""
KEYS = (
    "name", "when", "match", "for", "clear", "severity", "reset", "cooldown", "channels", "repeat",
    "escalate", "action", "runbook", "summary", "called", "description", "enabled", "hours",
    "inhibited_by", "flapping",
)  # fmt: skip
MATCH = ("endpoints", "endpoint_ids", "functions", "apps", "results", "kinds", "labels")
STATUS, VALUE, FAILED, OVER = "status", "value", "failed", "over"
WHEN = (STATUS, VALUE, FAILED, *MEASURES)
_FOR = re.compile(r"(\d{1,3})(?: of (\d{1,3}))?")
_COMPARISON = re.compile(r"(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(%|ms|s|m|h|d)?")


def rules(
    node: Node | None, channels: tuple[str, ...], actions: tuple[str, ...], found: list[Finding]
) -> tuple[Rule, ...]:
    """The rules that are right, in their order."""
    if node is None:
        return ()
    if not isinstance(node.data, list):
        found.append(kinds.unshown(node, "must be a list", "begin each rule with `- name: …`"))
        return ()
    if len(node.items) > MOST_RULES:
        found.append(kinds.unshown(node, f"has {len(node.items):,} rules", f"{MOST_RULES} at most are read"))
        return ()
    read: dict[str, Rule] = {}
    nodes: dict[str, Node] = {}
    for item in node.items:
        rule = _rule(item, channels, actions, found)
        if rule is not None and rule.name in read:
            found.append(error(item.entries["name"], "is the name of two rules", "give each its own"))
        elif rule is not None:
            read[rule.name], nodes[rule.name] = rule, item
    reading_inhibition.check(nodes, read, found)
    return tuple(read.values())


def _rule(
    node: Node, channels: tuple[str, ...], actions: tuple[str, ...], found: list[Finding]
) -> Rule | None:
    before = len(found)
    if not kinds.known_keys(node, KEYS, found):
        return None
    name = node.at("name")
    if name is None:
        found.append(missing(node, "name", "is missing", "give each rule a name: `- name: churn-drifts`"))
        return None
    if not isinstance(name.data, str) or not NAME.fullmatch(name.data):
        found.append(error(name, "is no name of a rule", "use up to 32 of a-z, 0-9 and -"))
        return None
    values: dict[str, Any] = {"name": name.data, "when": _when(node, found), "policy": _policy(node, found)}
    if (match := node.at("match")) is not None:
        values["match"] = _match(match, found)
    if (told := node.at("channels")) is not None:
        values["channels"] = () if told.data == [] else kinds.names(told, channels, "channel", found)
    if (action := node.at("action")) is not None:
        values["action"] = "".join(kinds.names(action, actions, "action", found)[:1])
    if (escalate := node.at("escalate")) is not None:
        values |= _escalation(escalate, channels, found)
    for key, read in _SIMPLE.items():
        if (each := node.at(key)) is not None:
            values[_FIELDS.get(key, key)] = read(each, found)
    _check_match(node.at("match"), values["when"], found)
    return Rule(**values) if len(found) == before else None


_NOT_OF: Mapping[str, Collection[str]] = {
    ENDPOINT: ("apps", "results", "kinds"),
    FUNCTION: ("endpoints", "endpoint_ids", "labels", "apps", "results", "kinds"),
}  # fmt: skip
"""What can't be matched where it is of these; of the project nothing can."""


def _check_match(node: Node | None, when: Condition, found: list[Finding]) -> None:
    """What is measured by the clock is of no app and no result, and some of it of no endpoint."""
    if node is None or not isinstance(when, TimedCondition):
        return
    of = MEASURES[when.measure].of
    for key, each in node.entries.items():
        if key in _NOT_OF.get(of, node.entries):
            whose = {PROJECT: "the project as a whole", FUNCTION: "a function"}.get(of, "an endpoint")
            found.append(error(each, f"is of no use: {when.measure} is measured of {whose}", "leave it out"))


_SIMPLE: Mapping[str, Callable[[Node, list[Finding]], Any]] = {
    "severity": lambda node, found: one_of(node, SEVERITIES, found) or "",
    "reset": lambda node, found: one_of(node, ("auto", "manual"), found) == "manual",
    "cooldown": kinds.duration, "repeat": kinds.duration, "runbook": kinds.link, "summary": kinds.text,
    "called": kinds.text, "description": kinds.text, "enabled": kinds.flag,
    "hours": reading_hours.hours, "inhibited_by": reading_inhibition.names,
    "flapping": reading_flapping.flapping,
}  # fmt: skip
_FIELDS = {"reset": "manual", "cooldown": "cooldown_us", "repeat": "repeat_us"}


def _escalation(node: Node, channels: tuple[str, ...], found: list[Finding]) -> dict[str, Any]:
    if not kinds.known_keys(node, ("after", "channels"), found):
        return {}
    after, told = node.at("after"), node.at("channels")
    if after is None or told is None:
        found.append(kinds.unshown(node, "needs after and channels", "write {after: 2h, channels: [boss]}"))
        return {}
    names = kinds.names(told, channels, "channel", found)
    if told.data == []:
        found.append(error(told, "is nobody", "name who is told where nobody has acknowledged"))
    return {"escalate_us": kinds.duration(after, found), "escalate_to": names}


def _policy(node: Node, found: list[Finding]) -> Policy:
    enough = among = clear = 1
    wanted = node.at("for")
    if wanted is not None:
        match = _FOR.fullmatch(str(wanted.data)) if not isinstance(wanted.data, bool) else None
        enough = int(match[1]) if match else 0
        among = int(match[2] or match[1]) if match else 0
        if not 1 <= enough <= among <= MOST_WINDOWS:
            found.append(
                error(wanted, "is no number of windows", f"write for example 2 of 3; {MOST_WINDOWS} at most")
            )
            enough = among = 1
    calm = node.at("clear")
    if calm is not None:
        is_number = isinstance(calm.data, int) and not isinstance(calm.data, bool)
        if not is_number or not 1 <= calm.data <= MOST_WINDOWS:
            found.append(
                error(calm, "is no number of calm windows", f"write a number from 1 to {MOST_WINDOWS}")
            )
        else:
            clear = calm.data
    return Policy(enough, among, clear)


def _match(node: Node, found: list[Finding]) -> Match:
    if not kinds.known_keys(node, MATCH, found):
        return Match()
    values: dict[str, Any] = {}
    for key in MATCH:
        each = node.at(key)
        if each is None:
            continue
        if key == "labels":
            values[key] = _labels(each, found)
        elif key == "kinds":
            values[key] = kinds.names(each, KINDS, "kind of result", found)
        else:
            values[key] = kinds.patterns(each, found)
    return Match(**values)


def _labels(node: Node, found: list[Finding]) -> dict[str, str]:
    if not isinstance(node.data, dict):
        found.append(error(node, "must be `label: pattern` lines", "write for example team: ads"))
        return {}
    wrong = [each for each in node.entries.values() if not isinstance(each.data, str)]
    found.extend(error(each, "is no pattern", "write it in quotes, '*' for any") for each in wrong)
    return {name: str(each.data) for name, each in node.entries.items()}


def _when(node: Node, found: list[Finding]) -> Condition:
    when = node.at("when")
    if when is None:
        return StatusCondition()
    if not kinds.known_keys(when, (*WHEN, OVER), found):
        return StatusCondition()
    chosen = [key for key in WHEN if when.at(key) is not None]
    if len(chosen) != 1:
        told = f"has {len(chosen)} conditions" if chosen else "has no condition"
        found.append(kinds.unshown(when, told, f"write one of {', '.join(WHEN)}"))
        return StatusCondition()
    (key,) = chosen
    over = when.at(OVER)
    if over is not None and (key not in MEASURES or not MEASURES[key].over_us):
        found.append(error(over, f"is of no use to {key}", "leave it out"))
    return _condition(key, when.entries[key], over, found)


def _condition(key: str, node: Node, over: Node | None, found: list[Finding]) -> Condition:
    if key == STATUS:
        said = one_of(node, ("suspected", "detected"), found)
        return StatusCondition(DETECTED if said == "detected" else SUSPECTED)
    if key == FAILED:
        if not kinds.flag(node, found):
            found.append(error(node, "looks at nothing", "write failed: true"))
        return FailedCondition()
    if key == VALUE:
        return ValueCondition(_comparison(node, "count", found))
    measure = MEASURES[key]
    over_us = kinds.duration(over, found) if over is not None else measure.over_us
    limit = _comparison(node, measure.unit, found)
    if key in SILENCES and limit.limit > MOST_SILENT:
        found.append(error(node, "is longer than anybody waits for an endpoint", "write 6d at most"))
    _check_reach(key, node, limit, found)
    return TimedCondition(key, limit, over_us)


def _check_reach(key: str, node: Node, limit: Comparison, found: list[Finding]) -> None:
    """Nothing that is measured is below 0, and of a whole there is no larger share than all of it."""
    most = 1.0 if MEASURES[key].unit == "share" and key != "requests_of_usual" else math.inf
    is_above, is_equal = limit.sign.startswith(">"), limit.sign.endswith("=")
    end = most if is_above else 0.0
    beyond = limit.limit > end if is_above else limit.limit < end
    if beyond or (limit.limit == end and not is_equal):
        found.append(error(node, "is never so", f"there is nothing beyond {'100 %' if is_above else '0'}"))
    elif is_above and (limit.limit < 0 or (limit.limit == 0 and is_equal)):
        found.append(error(node, "is always so", "write a limit above 0"))


def _comparison(node: Node, unit: str, found: list[Finding]) -> Comparison:
    """`> 0.8`, `> 1 %`, `> 300 ms`; in seconds a length of time alone is one that is passed: `2h`."""
    given = node.data
    if unit == "seconds" and isinstance(given, str) and kinds.duration_us(given) is not None:
        given = f">= {given}"
    match = _COMPARISON.fullmatch(given.strip()) if isinstance(given, str) else None
    limit = None if match is None else _limit(float(match[2]), match[3], unit)
    if match is None or limit is None or not math.isfinite(limit):
        if unit == "seconds" and kinds.is_too_long(given):
            found.append(error(node, "is too long", "write 366d at most"))
            return Comparison(">", 0.0)
        example = {"share": "'> 1 %'", "seconds": "'> 300 ms' or '2h'"}.get(unit, "'> 0.8'")
        listed = f"write {example}, with one of {' '.join(COMPARED)}"
        found.append(error(node, "is no limit that it can be compared with", listed))
        return Comparison(">", 0.0)
    return Comparison(match[1], limit)


def _limit(number: float, unit: str | None, wanted: str) -> float | None:
    """The limit in the measure's own unit; None where the unit is another one's."""
    if wanted == "share":
        return number / 100 if unit == "%" else number if unit is None and 0 <= number <= 1 else None
    if wanted == "seconds":
        length = (
            kinds.duration_us(f"{number:f}".rstrip("0").rstrip(".") + unit)
            if unit not in (None, "%") and unit
            else None
        )
        return None if length is None else length / 1e6
    return number if unit is None else None
