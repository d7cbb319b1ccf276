"""Reading a contract that people wrote: what it says, and what is wrong with it, by line, with the mend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import (
    ERROR,
    Finding,
    did_you_mean,
    error,
    missing,
    refuse_errors,
    warning,
)
from modelmon.checked_yaml.kinds import document_of, is_mapping, known_keys, of_format, one_of, repeated
from modelmon.contracts.contract import TYPES, ColumnRules, Contract
from modelmon.contracts.kinds import flag, importances, limits, share, texts
from modelmon.contracts.writing import FORMAT

TOP = ("format", "importance", "rows", "columns")
ROWS = ("new_columns", "duplicates")
COLUMN: Mapping[str, Callable[[Node, list[Finding]], Any]] = {
    "type": lambda node, found: one_of(node, TYPES, found),
    "mistyped": share, "present": flag, "missing": share, "range": limits, "outside": share,
    "values": texts, "unseen": share, "most_frequent": share, "unique": flag, "importance": importances,
}  # fmt: skip
GOES_WITH = {"mistyped": "type", "outside": "range", "unseen": "values"}
MOST_COLUMNS = 10_000


@dataclass(frozen=True, slots=True)
class Read:
    """A contract, None where a mistake leaves none, and what was found, in the order of its lines."""

    contract: Contract | None
    findings: tuple[Finding, ...] = field(default=())


def read_contract(text: str) -> Contract:
    """The contract in a text. Raises ConfigError that tells every mistake with its line and its mend."""
    found = check_contract(text)
    refuse_errors(found.findings)
    assert found.contract is not None
    return found.contract


def check_contract(text: str, columns: Iterable[str] | None = None) -> Read:
    """The contract in a text, and everything that is wrong with it; `columns` are those that the model has,
    where that is known."""
    findings: list[Finding] = []
    document = document_of(text, "a contract", findings)
    if document is None:
        return Read(None, tuple(findings))
    contract = _contract(document, findings)
    if columns is not None:
        findings += _compared(document, tuple(columns))
    findings.sort(key=lambda finding: (finding.line, finding.level, finding.key))
    is_right = all(finding.level != ERROR for finding in findings)
    return Read(contract if is_right else None, tuple(findings))


def _contract(document: Node, found: list[Finding]) -> Contract:
    if not isinstance(document.data, dict):
        found.append(Finding(1, "", "", "is no contract", "`modelmon contract suggest` writes one"))
        return Contract()
    known_keys(document, TOP, "a contract", found)
    of_format(document, FORMAT, found)
    rows = document.at("rows") or Node({}, 1, "rows")
    if is_mapping(rows, found):
        known_keys(rows, ROWS, "a contract", found)
    new, duplicates = rows.at("new_columns"), rows.at("duplicates")
    importance = document.at("importance")
    return Contract(
        columns=_columns(document, found),
        duplicates=None if duplicates is None else share(duplicates, found),
        new_columns=new is not None and one_of(new, ("allowed", "refused"), found) == "allowed",
        importance={} if importance is None else importances(importance, found),
    )


def _columns(document: Node, found: list[Finding]) -> dict[str, ColumnRules]:
    columns = document.at("columns")
    if columns is None:
        found.append(
            missing(document, "columns", "is missing", "list the columns that have rules, or write {}")
        )
        return {}
    if not is_mapping(columns, found):
        return {}
    repeated(columns, found)
    if len(columns.entries) > MOST_COLUMNS:
        mend = f"a contract has at most {MOST_COLUMNS:,}"
        found.append(error(columns, f"has {len(columns.entries):,} columns", mend))
    return {name: _column(node, found) for name, node in columns.entries.items()}


def _column(node: Node, found: list[Finding]) -> ColumnRules:
    if node.data is None or not is_mapping(node, found):
        return ColumnRules()
    known_keys(node, COLUMN, "a contract", found)
    read = {name: reader(node.entries[name], found) for name, reader in COLUMN.items() if node.at(name)}
    found += _together(node)
    return ColumnRules(**{name: value for name, value in read.items() if value is not None})


def _together(node: Node) -> Iterator[Finding]:
    """Rules that go with others, or against them."""
    for name, other in GOES_WITH.items():
        entry = node.at(name)
        if entry is not None and node.at(other) is None:
            yield error(entry, f"goes together with {other}", f"write {other} too, or leave it out")
    ranged, kind = node.at("range"), node.get("type")
    if ranged is not None and kind in ("text", "boolean"):
        yield error(
            ranged, f"is for numbers, and the column's type is {kind}", "write type: number, or no range"
        )
    if node.get("unique") is True and node.at("most_frequent") is not None:
        yield warning(node.entries["unique"], "says more than most_frequent", "leave most_frequent out")
    if not any(node.at(name) for name in COLUMN):
        yield warning(node, "has no rule but to be there", "say its type, or leave the column out")


def _compared(document: Node, columns: tuple[str, ...]) -> Iterator[Finding]:
    listed = document.at("columns")
    entries = listed.entries if listed is not None else {}
    for name, node in entries.items():
        if name not in columns:
            otherwise = f"it has {', '.join(columns[:12])}" + (" …" if len(columns) > 12 else "")
            yield error(node, "is no column of the model", did_you_mean(name, columns, otherwise))
    left = [name for name in columns if name not in entries]
    if left and listed is not None:
        more = " …" if len(left) > 12 else ""
        told = f"leaves out {', '.join(left[:12])}{more}: nothing is asked of them"
        yield replace(warning(listed, told, "meant so? else suggest it again and copy them"), value="")
