"""What every file of ours has: mappings with known keys, and words of a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import yaml

from modelmon.checked_yaml.document import Node, read_document
from modelmon.checked_yaml.findings import Finding, did_you_mean, error, missing, not_yaml
from modelmon.errors import ConfigError

LONGEST = 4 * 2**20
"""Characters of a file that people write: a contract of ten thousand columns has about two million."""


def document_of(text: str, what: str, found: list[Finding]) -> Node | None:
    """The document in a text that is to be `what`; None where there is none, and what is wrong is told."""
    try:
        if len(text) <= LONGEST:
            return read_document(text)
        found.append(_whole(f"has {len(text):,} characters", f"{what} has at most {LONGEST:,}"))
    except (yaml.YAMLError, ValueError) as problem:
        found.append(not_yaml(problem))
    except ConfigError as problem:
        found.append(_whole(str(problem), "write it out, with fewer levels"))
    return None


def _whole(problem: str, mend: str) -> Finding:
    return Finding(1, "", "", problem, mend)


def is_mapping(node: Node, found: list[Finding]) -> bool:
    """Whether a value is a mapping; told where it is not."""
    if isinstance(node.data, dict):
        return True
    mend = "indent what belongs to it by two more spaces below the key"
    found.append(error(node, "must be `key: value` lines", mend))
    return False


def known_keys(node: Node, names: Iterable[str], of: str, found: list[Finding]) -> None:
    """Keys of a mapping that are none of these, or stand there twice, are told."""
    repeated(node, found)
    for name, entry in node.entries.items():
        if name not in names:
            mend = did_you_mean(name, names, f"there are {', '.join(names)}")
            found.append(error(entry, f"is no key of {of} here", mend))


def repeated(node: Node, found: list[Finding]) -> None:
    """Keys that stand in a mapping more than once."""
    found.extend(error(entry, "stands there twice", "keep one of the two") for entry in node.repeated)


def one_of(node: Node, names: Sequence[str], found: list[Finding]) -> str | None:
    """One of these words."""
    if isinstance(node.data, str) and node.data in names:
        return node.data
    listed = f"write one of {', '.join(names)}"
    found.append(error(node, "is unknown", did_you_mean(str(node.data), names, listed)))
    return None


def of_format(document: Node, written: int, found: list[Finding]) -> None:
    """The key `format` at the top has the number that this version reads."""
    node = document.entries.get("format")
    if node is None or node.data is None:
        found.append(missing(document, "format", "is missing", f"write format: {written} at the top"))
    elif node.data != written or isinstance(node.data, bool):
        found.append(error(node, "is no format that this version reads", f"write format: {written}"))
