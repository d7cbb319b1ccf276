"""What a result stands on, as its app says it: found, causes, threshold, budget, power, what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelmon.counting import count
from modelmon.views.chosen_words import chosen_words

MOST = 5
"""Of what was found, and of what would have been seen."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """In words, each "" or empty where the app says nothing. `causes` and slices, which are where a model is
    worst; `examples` are a few rows, column to value; `state` is why there is no verdict; `blind` is what
    such a comparison can't see; `chosen` what of a drift file it follows."""

    found: tuple[str, ...] = ()
    compared: str = ""
    why: str = ""
    power: tuple[str, ...] = ()
    budget: str = ""
    calibration: str = ""
    next: str = ""
    examples: tuple[Mapping[str, str], ...] = ()
    causes: tuple[str, ...] = ()
    state: str = ""
    blind: str = ""
    chosen: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.found or self.why or self.next)


def evidence_of(detail: Mapping[str, Any]) -> Evidence:
    """From the extra data of a result, which names no private column any more.

    >>> found = evidence_of({"found": "7 of 50 rows", "budget": {"words": "1 a month", "probability": 0.001}})
    >>> found.found, found.budget
    (('7 of 50 rows',), '1 a month: 1 of 1,000 windows may alarm falsely')
    """
    return Evidence(
        tuple(dict.fromkeys(_found(detail)))[:MOST],
        _text(detail.get("compared")),
        _text(detail.get("why")),
        tuple(_power(detail))[:MOST],
        _budget(detail.get("budget")),
        _calibration(detail.get("calibration")),
        _text(detail.get("next")),
        tuple(_examples(detail))[:MOST],
        _causes(detail),
        _text(detail.get("state")),
        _text(detail.get("blind")),
        chosen_words(detail),
    )


def _found(detail: Mapping[str, Any]) -> Iterator[str]:
    yield from filter(None, [_text(detail.get("found")), _text(detail.get("finding"))])
    for each in _mappings(detail.get("broken")):
        yield from filter(None, [_text(each.get("found"))])
    findings = detail.get("findings")
    for words in (findings, *_mapping(findings).values()):
        yield from (word for word in words if isinstance(word, str)) if isinstance(words, list) else ()


def _causes(detail: Mapping[str, Any]) -> tuple[str, ...]:
    """What made the model worse, then where it is worst; what moved without harm is named together, last."""
    slices = [each for some in _mapping(detail.get("slices")).values() for each in _mappings(some)]
    moved = {name: _mapping(each) for name, each in _mapping(detail.get("causes")).items()}
    harmless = [f"`{name}`" for name, each in moved.items() if each.get("harmful") is False]
    told = [each for each in moved.values() if each.get("harmful") is not False] + slices
    words = [text for each in told if (text := _text(each.get("words")))][:MOST]
    more = f" and {len(harmless) - MOST} more" if len(harmless) > MOST else ""
    calm = [f"moved without harm that could be seen: {', '.join(harmless[:MOST])}{more}"] if harmless else []
    return (*words, *calm)


def _power(detail: Mapping[str, Any]) -> Iterator[str]:
    yield from filter(None, [_text(detail.get("power"))])
    for change in _mapping(detail.get("least_changes")).values():
        yield from filter(None, [_text(_mapping(change).get("words"))])


def _budget(budget: object) -> str:
    known = _mapping(budget)
    words, probability, share = (known.get(name) for name in ("words", "probability", "share"))
    if not isinstance(probability, float) or not 0 < probability <= 1:
        return _text(words)
    whose = _text(words)
    if isinstance(share, float) and share < 1:
        whose = f"{100 * share:.3g} % of '{whose}'"
    return f"{whose}: 1 of {1 / probability:,.0f} windows may alarm falsely"


def _calibration(calibration: object) -> str:
    known = _mapping(calibration)
    how, stretches = _text(known.get("how")), known.get("stretches")
    return (
        f"{how}, {count(stretches, 'stretch')}" if how and isinstance(stretches, int) and stretches else how
    )


def _examples(detail: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    for each in _mappings(detail.get("broken")):
        for row in _mappings(each.get("examples")):
            yield {name: "–" if value is None else str(value) for name, value in row.items()}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    return (each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else iter(())


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
