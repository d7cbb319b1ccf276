"""Where values stand in a JSON document, and documents with another value there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
DATA = {"by_state", "apps", "status", "reference", "sample", "labels"}
"""Below these the keys are names out of the data, not of ours."""


def paths(value: Any) -> Iterator[tuple[Any, ...]]:
    """Where each value of a JSON document stands, the document itself first."""
    yield ()
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from ((key, *path) for path in paths(each))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The document with another value at this place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def unexplained(document: Any) -> set[str]:
    """The keys of what a command prints that the pages on JSON and on incidents don't name."""
    pages = "".join((REFERENCE / name).read_text(encoding="utf-8") for name in ("json.md", "incidents.md"))
    return {key for key in keys(document) if f"`{key}`" not in pages and f"`{key}[]`" not in pages}


def keys(document: Any) -> set[str]:
    """The names that we chose, wherever they stand in a document."""
    return {
        path[-1]
        for path in paths(document)
        if path and isinstance(path[-1], str) and not DATA & set(path[:-1]) and path[-2:-1] != ("windows",)
    }
