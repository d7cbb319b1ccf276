"""Writing rules into the text of an `alerts.yaml`: one is set or taken out, and every other line of the file
stays as somebody wrote it, comments too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from modelmon.alerting.reading import FORMAT

EMPTY = f"format: {FORMAT}\n"


def with_rule(text: str, rule: Mapping[str, Any]) -> str:
    """The text with this rule, in the place of the one of its name, else as the last one.

    >>> print(with_rule("format: 1\\nrules:\\n  - name: a  # ours\\n", {"name": "b", "for": 2}), end="")
    format: 1
    rules:
      - name: a  # ours
      - name: b
        for: 2
    """
    rule, text = _plain(rule), text or EMPTY
    data = _data(text)
    rules = [each for each in data.get("rules") or [] if each["name"] != rule["name"]]
    place = _place(data, rule["name"])
    if place is None:
        return _checked(_added(text, rule), {**data, "rules": [*rules, rule]})
    rules.insert(place, rule)
    return _checked(_replaced(text, place, rule), {**data, "rules": rules})


def without_rule(text: str, name: str) -> str:
    """The text without the rule of this name; as it is, where there is none."""
    data = _data(text)
    place = _place(data, name)
    if place is None:
        return text
    rules = [each for each in data["rules"] if each["name"] != name]
    return _checked(_replaced(text, place, None), {**data, "rules": rules})


def with_channel(text: str, name: str, channel: Mapping[str, Any]) -> str:
    """The text with this channel, as the last one."""
    text = text or EMPTY
    data = _data(text)
    channels = {**(data.get("channels") or {}), name: _plain(channel)}
    return _checked(_with_entry(text, "channels", {name: _plain(channel)}), {**data, "channels": channels})


def rules_of(text: str) -> list[dict[str, Any]]:
    """The rules as the file has them, of a text without mistakes."""
    found: list[dict[str, Any]] = _data(text).get("rules") or []
    return found


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in value.items() if each is not None}


def _data(text: str) -> dict[str, Any]:
    return yaml.safe_load(text) or {} if text else {}


def _place(data: Mapping[str, Any], name: str) -> int | None:
    names = [each["name"] for each in data.get("rules") or []]
    return names.index(name) if name in names else None


def _checked(text: str | None, wanted: Mapping[str, Any]) -> str:
    """The text where it says what is wanted; else everything written anew: better than a wrong line."""
    try:
        if text is not None and _without_none(yaml.safe_load(text)) == _without_none(wanted):
            return text
    except yaml.YAMLError:
        pass
    return _dumped(dict(wanted))


def _without_none(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in data.items() if each}


def _dumped(value: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100))


def _node(text: str, key: str) -> yaml.Node | None:
    root = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        return None
    return next((value for name, value in root.value if name.value == key), None)


def _added(text: str, rule: Mapping[str, Any]) -> str | None:
    return _with_entry(text, "rules", [rule])


def _with_entry(text: str, key: str, entry: Any) -> str | None:
    """The text with more below this key, which is made where it is not there; None where that is no matter
    of lines."""
    node = _node(text, key)
    if node is None:
        body = "".join(f"  {line}\n" for line in _dumped(entry).splitlines())
        return f"{text.rstrip()}\n{key}:\n{body}"
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return None
    end = _end_of_line(text, _last_mark(node))
    indent = " " * node.start_mark.column
    lines = "".join(f"{indent}{line}\n" for line in _dumped(entry).splitlines())
    before = text[:end] if text[:end].endswith("\n") else f"{text[:end]}\n"
    return before + lines + text[end:]


def _replaced(text: str, place: int, rule: Mapping[str, Any] | None) -> str | None:
    """The text with this rule, or none, in the place of another; None where the rules are no lines."""
    node = _node(text, "rules")
    if not isinstance(node, yaml.SequenceNode) or node.flow_style:
        return None
    item = node.value[place]
    column = node.start_mark.column
    start = text.rfind("\n", 0, item.start_mark.index) + 1
    if text[start:].lstrip(" ")[:1] != "-":
        return None
    end = _end_of_line(text, _last_mark(item))
    dumped = "" if rule is None else _dumped([rule])
    return text[:start] + "".join(f"{' ' * column}{line}\n" for line in dumped.splitlines()) + text[end:]


def _last_mark(node: yaml.Node) -> int:
    """Where what is written of it ends, before blank lines and comments."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def _end_of_line(text: str, place: int) -> int:
    if place and text[place - 1] == "\n":
        return place
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1
