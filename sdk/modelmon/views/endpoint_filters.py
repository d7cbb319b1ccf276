"""Which endpoints a list lets through: of each filter one of its values has to hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec

from modelmon.errors import no_such
from modelmon.model import ResultKindApp
from modelmon.views.endpoint_facts import Facts

KINDS: Mapping[str, int] = {kind.name: int(kind) for kind in ResultKindApp}
MODES = ("real_time", "batch")
SHOWN = 200
"""So many labels are offered to choose from."""


@dataclass(frozen=True, slots=True)
class EndpointChoices:
    """What the filters of a list can be set to: `labels` as name=value, the most frequent first."""

    apps: tuple[str, ...]
    functions: tuple[str, ...]
    labels: tuple[str, ...]
    kinds: tuple[str, ...] = tuple(KINDS)
    modes: tuple[str, ...] = MODES


def check_known(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises ConfigError for one that there is none of, with the nearest."""
    known = list(known)
    for each in given:
        if each not in known:
            raise no_such(f"{what}: there is no {each!r}", each, known)


def choices(known: Iterable[Facts], apps: Iterable[str]) -> EndpointChoices:
    """What there is to choose from."""
    functions, labels = set(), dict[str, int]()
    for facts in known:
        functions.add(facts.function_name)
        for label in _labels(facts):
            labels[label] = labels.get(label, 0) + 1
    frequent = sorted(labels, key=lambda label: (-labels[label], label))[:SHOWN]
    return EndpointChoices(tuple(apps), tuple(sorted(functions - {""})), tuple(frequent))


def let_through(
    known: Sequence[Facts],
    *,
    patterns: Collection[str],
    text: str,
    functions: Collection[str],
    labels: Collection[str],
    kinds: Collection[str],
    modes: Collection[str],
) -> list[Facts]:
    """The endpoints that every filter lets through. Raises ConfigError for a function that there is none of,
    and for a pattern that no endpoint matches."""
    check_known("function", functions, {facts.function_name for facts in known} - {""})
    wanted: list[Callable[[Facts], bool]] = []
    if text:
        wanted.append(lambda facts: _has_text(facts, text.casefold()))
    if functions:
        wanted.append(lambda facts: facts.function_name in functions)
    if labels:
        wanted.append(lambda facts: _has_label(facts, labels))
    if kinds:  # only those were read
        wanted.append(lambda facts: bool(facts.verdicts or facts.alarms))
    if modes:
        wanted.append(lambda facts: facts.mode in modes)
    found = [facts for facts in known if all(each(facts) for each in wanted)]
    return _matching(found, patterns) if patterns else found


def _matching(known: Sequence[Facts], patterns: Iterable[str]) -> list[Facts]:
    matching: dict[str, Facts] = {}
    for pattern in patterns:
        some = {facts.endpoint_id: facts for facts in known if _matches(facts, pattern)}
        if not some:
            names = (facts.endpoint_name for facts in known)
            raise no_such(f"endpoint: there is no {pattern!r}", pattern, names)
        matching |= some
    return [*matching.values()]


def _matches(facts: Facts, pattern: str) -> bool:
    return facts.endpoint_id == pattern or fnmatchcase(facts.endpoint_name, pattern)


def _has_text(facts: Facts, text: str) -> bool:
    places = (facts.endpoint_name, facts.endpoint_id, facts.function_name, facts.model_uri)
    return any(text in place.casefold() for place in places)


def _has_label(facts: Facts, wanted: Collection[str]) -> bool:
    there = _labels(facts)
    names = {label.partition("=")[0] for label in there}
    return any(each in there or each in names for each in wanted)


def _labels(facts: Facts) -> set[str]:
    if facts.labels == "{}":
        return set()
    return {f"{name}={value}" for name, value in msgspec.json.decode(facts.labels).items()}
