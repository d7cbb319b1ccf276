"""In what two endpoints differ: class, model, function, reference, columns, labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelmon.ledger.deployments import reference_identity
from modelmon.model import Endpoint
from modelmon.private_columns import is_private
from modelmon.settings import Settings

NONE = "–"


@dataclass(frozen=True, slots=True)
class ComparedFact:
    """One in which they differ, as a person reads it; "–" where one has none."""

    name: str
    first: str
    second: str


FACTS: dict[str, Callable[[Endpoint], str]] = {
    "Model": lambda each: each.model_uri,
    "Version": lambda each: each.version,
    "Class": lambda each: each.model_class,
    "Function": lambda each: each.function_uri or each.function_name,
    "Mode": lambda each: str(each.mode).replace("_", " "),
    "Reference": reference_identity,
    "Registered": lambda each: f"{each.created:%Y-%m-%d %H:%M}" if each.created else "",
    "Changed": lambda each: f"{each.updated:%Y-%m-%d %H:%M}" if each.updated else "",
    "Labels": lambda each: ", ".join(f"{name}={value}" for name, value in sorted(each.labels.items())),
}


def differing(
    settings: Settings, first: Endpoint | None, second: Endpoint | None
) -> tuple[ComparedFact, ...]:
    """Those that differ, in the order of FACTS, then the columns that only one has; no private ones."""
    found = [(name, _said(fact, first), _said(fact, second)) for name, fact in FACTS.items()]
    for name, of in (("Features", "feature_names"), ("Predictions", "label_names")):
        mine, others = (
            [each for each in (getattr(one, of) if one else ()) if not is_private(settings, each)]
            for one in (first, second)
        )
        found.append((f"{name} of one alone", _only(mine, others), _only(others, mine)))
    return tuple(ComparedFact(*each) for each in found if each[1] != each[2])


def _said(fact: Callable[[Endpoint], str], endpoint: Endpoint | None) -> str:
    return (fact(endpoint) if endpoint else "not registered") or NONE


def _only(mine: list[str], others: list[str]) -> str:
    return ", ".join(sorted({*mine} - {*others})) or NONE
