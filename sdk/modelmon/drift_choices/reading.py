"""Reading a drift file that people wrote: what it says, and what is wrong with it, by line, with the mend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import ERROR, Finding, error, missing, refuse_errors
from modelmon.checked_yaml.kinds import document_of, is_mapping, known_keys, of_format, one_of, repeated
from modelmon.drift_choices.choices import REFERENCES, DriftFile, Section
from modelmon.drift_choices.kinds import budget, columns, floor, floors, segments, weights, whole_number

FORMAT = 1
MOST_SECTIONS = 1_000
WHAT = "a drift file"
KEYS: Mapping[str, Callable[[Node, list[Finding]], Any]] = {
    "alarm_budget": budget, "floor": floor,
    "reference": lambda node, found: one_of(node, REFERENCES, found),
    "ignore": columns, "weights": weights, "floors": floors, "segments": segments,
    "segment_rows": lambda node, found: whole_number(node, 1_000_000, found),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Read:
    """A drift file, None where a mistake leaves none, what was found in the order of its lines, and the
    document for what is compared with it later."""

    file: DriftFile | None
    findings: tuple[Finding, ...] = ()
    document: Node | None = None


def read_drift_file(text: str) -> DriftFile:
    """The file in a text. Raises ConfigError that tells every mistake with its line and its mend."""
    found = check_drift_file(text)
    refuse_errors(found.findings)
    assert found.file is not None
    return found.file


def check_drift_file(text: str) -> Read:
    """The file in a text, and everything that is wrong with it by itself."""
    findings: list[Finding] = []
    document = document_of(text, WHAT, findings)
    if document is None:
        return Read(None, tuple(findings))
    file = _file(document, findings)
    ordered = in_order(findings)
    return Read(file if is_right(ordered) else None, ordered, document)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: (finding.line, finding.level, finding.key)))


def is_right(findings: Iterable[Finding]) -> bool:
    return all(finding.level != ERROR for finding in findings)


def _file(document: Node, found: list[Finding]) -> DriftFile:
    if not isinstance(document.data, dict):
        found.append(Finding(1, "", "", "is no drift file", "`modelmon drift suggest` writes one"))
        return DriftFile()
    known_keys(document, ("format", "endpoints"), WHAT, found)
    of_format(document, FORMAT, found)
    listed = document.at("endpoints")
    if listed is None:
        mend = "list endpoints by their names, or '*' for all of them"
        found.append(missing(document, "endpoints", "is missing", mend))
        return DriftFile()
    if not is_mapping(listed, found):
        return DriftFile()
    repeated(listed, found)
    if len(listed.entries) > MOST_SECTIONS:
        mend = f"{WHAT} has at most {MOST_SECTIONS:,}; let patterns like fraud-* fit several"
        found.append(error(listed, f"has {len(listed.entries):,} endpoints", mend))
    return DriftFile(tuple(Section(name, _chosen(node, found)) for name, node in listed.entries.items()))


def _chosen(node: Node, found: list[Finding]) -> dict[str, Any]:
    if node.data is None or not is_mapping(node, found):
        return {}
    known_keys(node, KEYS, WHAT, found)
    read = {name: reader(node.entries[name], found) for name, reader in KEYS.items() if node.at(name)}
    found += _against_each_other(node)
    return {name: value for name, value in read.items() if value is not None}


def _against_each_other(node: Node) -> Iterator[Finding]:
    """What is ignored has no weight and no floor."""
    ignored = node.get("ignore")
    if not isinstance(ignored, list):
        return
    for key in ("weights", "floors"):
        for name, entry in (node.entries[key].entries if node.at(key) else {}).items():
            if name in ignored:
                yield error(entry, "is ignored in the same section", "leave it out here, or below ignore")
