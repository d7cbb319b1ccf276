"""Where values stand in a JSON document, and documents with another value there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


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
