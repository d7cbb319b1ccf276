"""A contract as people read and edit it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from modelmon.contracts.contract import DEFAULTS, ColumnRules, Contract, Importance, Rule

FORMAT = 1
WIDTH = 110
_ONE_LINE = float("inf")
_SAID = {
    Rule.PRESENT: "a column has some value",
    Rule.NEW_COLUMNS: "no column comes that is not listed",
    Rule.TYPE: "a value is of its type",
    Rule.MISSING: "so many rows at most have no value",
    Rule.OUTSIDE: "so many rows at most lie outside the range",
    Rule.UNSEEN: "so many rows at most have a value that is not listed",
    Rule.MOST_FREQUENT: "so many rows at most have one and the same value: else a column is stuck",
    Rule.UNIQUE: "no value comes twice",
    Rule.DUPLICATES: "so many rows at most are like one before them in all columns",
}


def write_contract(contract: Contract, head: str = "") -> str:
    """The contract as YAML, each rule of it once explained; `head` is told at its top.

    What `read_contract` reads of it is the same contract.
    """
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    lines += [f"format: {FORMAT}", "", "# info: shown alone. warning: suspected at most. critical: detected."]
    lines.append("importance:")
    for rule in Rule:
        level = contract.importance.get(rule) or DEFAULTS[rule]
        lines.append(f"  {f'{rule}: {level}':<26}# {_SAID[rule]}")
    lines += ["", "rows:", f"  new_columns: {'allowed' if contract.new_columns else 'refused'}"]
    if contract.duplicates is not None:
        lines.append(f"  duplicates: {percent(contract.duplicates)}")
    lines += ["", "columns:" if contract.columns else "columns: {}"]
    for name, rules in contract.columns.items():
        lines += [f"  {_scalar(name)}:", *(f"    {line}" for line in _column(rules))]
    return "\n".join(lines) + "\n"


def percent(share: float) -> str:
    """A share in per cent, whole.

    >>> percent(0.013), percent(0.00234), percent(1.0), percent(0.0), percent(1e-7)
    ('1.3 %', '0.234 %', '100 %', '0 %', '0.00001 %')
    """
    text = f"{100 * share:.10f}".rstrip("0").rstrip(".")
    return f"{text} %"


def _column(rules: ColumnRules) -> Iterator[str]:
    if rules.type is not None:
        yield f"type: {rules.type}"
        if rules.mistyped:
            yield f"mistyped: {percent(rules.mistyped)}"
    if not rules.present:
        yield "present: false"
    if rules.missing is not None:
        yield f"missing: {percent(rules.missing)}"
    if rules.range is not None:
        low, high = (_scalar(limit) for limit in rules.range)
        yield f"range: [{low}, {high}]"
        yield f"outside: {percent(rules.outside)}"
    if rules.values is not None:
        yield from f"values: {_flow(list(rules.values))}".splitlines()
        yield f"unseen: {percent(rules.unseen)}"
    if rules.most_frequent is not None:
        yield f"most_frequent: {percent(rules.most_frequent)}"
    if rules.unique:
        yield "unique: true"
    if rules.importance:
        yield f"importance: {_flow(_levels(rules.importance))}"


def _levels(importance: Mapping[Rule, Importance]) -> dict[str, str]:
    return {str(rule): str(level) for rule, level in importance.items()}


def _scalar(value: str | float | None) -> str:
    return _flow(value, width=_ONE_LINE).removesuffix("\n...")


def _flow(value: Any, width: float = WIDTH) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=width, sort_keys=False)
    return str(text).rstrip("\n")
