"""What of a drift file stands behind a result, in words: its version, weights, floors and segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelmon.counting import count

SHOWN = 5


def chosen_words(detail: Mapping[str, Any]) -> tuple[str, ...]:
    """From the extra data of a result, without private columns; nothing where nothing was chosen.

    >>> chosen_words({"choices": {"version": 3, "ignored": ["id"], "weights": {"amount": 3.0}}})
    ('version 3 of the drift file', 'not judged: `id`', 'weight: `amount` 3')
    """
    return (*_choices(_mapping(detail.get("choices"))), *_segments(_mapping(detail.get("segments"))))


def _choices(said: Mapping[str, Any]) -> Iterator[str]:
    if said.get("version"):
        yield f"version {said['version']} of the drift file"
    ignored = [f"`{name}`" for name in said.get("ignored") or () if isinstance(name, str)]
    if ignored:
        yield f"not judged: {_listed(ignored, said.get('ignored_features'))}"
    weights = [f"`{name}` {weight:g}" for name, weight in _mapping(said.get("weights")).items()]
    floors = [f"`{name}` {floor}" for name, floor in _mapping(said.get("floors")).items()]
    yield from (f"{what}: {_listed(each)}" for what, each in (("weight", weights), ("floor", floors)) if each)
    yield from _told(said)


def _segments(said: Mapping[str, Any]) -> Iterator[str]:
    number, silent = said.get("number"), said.get("silent")
    if isinstance(number, int) and number:
        few = f", {silent} of them with too few rows" if silent else ""
        yield f"{count(number, 'segment')} judged apart{few}"
    for column, values in _mapping(said.get("worst")).items():
        for value, found in list(_mapping(values).items())[:SHOWN]:
            ratio, rows = (_mapping(found).get(name) for name in ("ratio", "rows"))
            if isinstance(ratio, float) and isinstance(rows, int):
                yield f"`{column}` {value!r}: {ratio:.2f} of its threshold, {count(rows, 'row')}"
    for column, new in _mapping(said.get("unseen")).items():
        values = ", ".join(repr(value) for value in _mapping(new).get("values") or ())
        rows = _mapping(new).get("rows")
        told = count(rows, "row") if isinstance(rows, int) else "rows"
        yield f"`{column}`: {told} of values that training has not ({values})"
    yield from _told(said)


def _told(said: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"`{name}`: {words}" for name, words in list(_mapping(said.get("told")).items())[:SHOWN])


def _listed(words: list[str], number: object = None) -> str:
    whole = number if isinstance(number, int) else len(words)
    more = f" and {whole - SHOWN} more" if whole > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
