"""The kinds of value that function.yaml has, and whether a value is of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, did_you_mean, error, warning
from modelmon.function_spec.schedule import seconds_of


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value; `example` is how one is written."""

    name: str
    accepts: Callable[[Any], bool]
    example: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these texts; in `any_case` where Nuclio lowers what it reads."""

    names: tuple[str, ...]
    any_case: bool = False

    def accepts(self, value: Any) -> bool:
        return value in self.names or (self.any_case and str(value).lower() in map(str.lower, self.names))


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one kind."""

    of: Kind


@dataclass(frozen=True, slots=True)
class MapOf:
    """Any keys, with values of one kind."""

    of: Kind


@dataclass(frozen=True, slots=True)
class Keys:
    """These keys and no others, in any letter case but those that Nuclio looks up in a map (`exact`)."""

    of: Mapping[str, Kind]
    exact: frozenset[str] = frozenset()


Kind = Scalar | Choice | ListOf | MapOf | Keys


def _is_duration(value: Any) -> bool:
    try:
        return isinstance(value, str) and (value == "0" or seconds_of(value) >= 0)
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


QUANTITY_TEXT = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|Mi?|Gi?|Ti?|Pi?|Ei?|e[0-9]+)?")
TEXT = Scalar("text", lambda value: isinstance(value, str), 'write it in quotes, "like this"')
FLAG = Scalar("true or false", lambda value: isinstance(value, bool), "write true or false, without quotes")
WHOLE = Scalar("a whole number", _is_whole, "write for example 1, without quotes")
COUNT = Scalar(
    "a whole number of at least 0",
    lambda value: _is_whole(value) and value >= 0,
    "write for example 1, without quotes",
)
DURATION = Scalar("a Go duration in quotes or plain", _is_duration, "write for example 10s, 5m or 1h30m")
QUANTITY = Scalar(
    "an amount as Kubernetes writes it",
    lambda value: _is_number(value) or (isinstance(value, str) and bool(QUANTITY_TEXT.fullmatch(value))),
    "write for example 512Mi of memory or 500m of a CPU",
)
ANYTHING = Scalar("anything", lambda value: True, "")

DEPRECATED = {"maxWorkers": ("is deprecated, and gone from Nuclio 1.15 on", "write numWorkers")}
# What Nuclio's own pages or older versions call it: key as written, what to write.
KNOWN_MISTAKES = {
    "meta": "write metadata",
    "avatar": "Nuclio has no such key, leave it out",
    "minVersion": "write minimumVersion",
    "topic": "write topics, a list",
    "broker": "write brokers, a list",
}


def check_kind(node: Node, kind: Kind, elsewhere: Mapping[str, str]) -> Iterator[Finding]:
    """What of `node` is not of this kind. `elsewhere`: key to the place where it would belong."""
    if node.data is None:
        return  # as if it were not there, to Nuclio too
    if isinstance(kind, Keys):
        yield from _check_keys(node, kind, elsewhere)
    elif isinstance(kind, MapOf):
        yield from _check_is(node, dict, "`key: value` lines")
        for entry in node.entries.values():
            yield from check_kind(entry, kind.of, elsewhere)
    elif isinstance(kind, ListOf):
        yield from _check_is(node, list, "a list")
        for item in node.items:
            yield from check_kind(item, kind.of, elsewhere)
    elif isinstance(kind, Choice):
        if not kind.accepts(node.data):
            listed = f"write one of {', '.join(kind.names)}"
            yield error(node, "is unknown", did_you_mean(str(node.data), kind.names, listed))
    elif not kind.accepts(node.data):
        yield error(node, f"must be {kind.name}", kind.example)


def _check_keys(node: Node, kind: Keys, elsewhere: Mapping[str, str]) -> Iterator[Finding]:
    yield from _check_is(node, dict, "`key: value` lines")
    for name, entry in node.entries.items():
        if name in kind.of:
            yield from check_kind(entry, kind.of[name], elsewhere)
        elif name in DEPRECATED:
            yield warning(entry, *DEPRECATED[name])
        else:
            yield error(
                entry, "is no key that Nuclio knows here: it is ignored", _mend(name, kind, elsewhere)
            )


def _mend(name: str, kind: Keys, elsewhere: Mapping[str, str]) -> str:
    if name in KNOWN_MISTAKES:
        return KNOWN_MISTAKES[name]
    if name in elsewhere:
        return f"it belongs in {elsewhere[name]}"
    return did_you_mean(name, kind.of, f"there are {', '.join(sorted(kind.of))}")


def _check_is(node: Node, wanted: type, said: str) -> Iterator[Finding]:
    if not isinstance(node.data, wanted):
        yield error(node, f"must be {said}", "indent what belongs to it by two more spaces below the key")
