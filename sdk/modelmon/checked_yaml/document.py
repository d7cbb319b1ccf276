"""A YAML document that knows the line of each of its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from modelmon.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Node:
    """One value: as Python has it (`data`), the line of its key, and `key`, the way to it from the top.

    A mapping has `entries`, a list `items`; `repeated` are the entries whose key stood there before.
    """

    data: Any
    line: int
    key: str
    entries: Mapping[str, Node] = field(default_factory=dict)
    items: tuple[Node, ...] = ()
    repeated: tuple[Node, ...] = ()

    def at(self, *names: str) -> Node | None:
        """The value under these keys, one inside the other; None where one is not there or is empty."""
        found: Node | None = self
        for name in names:
            found = found.entries.get(name) if found is not None else None
        return None if found is None or found.data is None else found

    def get(self, *names: str) -> Any:
        """The data of `at`, None when it is not there."""
        found = self.at(*names)
        return None if found is None else found.data

    def walk(self) -> Iterator[Node]:
        """This value and every one inside it."""
        yield self
        for inner in (*self.entries.values(), *self.items, *self.repeated):
            yield from inner.walk()


def read_document(text: str) -> Node:
    """The document in `text`. Raises yaml.YAMLError, ValueError for a date or a number that is none,
    ConfigError for one that holds itself or is nested too deeply.
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        return Node(None, 1, "") if root is None else _node(loader, root, 1, "", ())
    except RecursionError:
        raise ConfigError("the document is nested too deeply to be read") from None
    finally:
        loader.dispose()


class _NoValueError(ValueError):
    """A date or a number that is none, with its place."""

    def __init__(self, problem: Exception, mark: yaml.Mark) -> None:
        super().__init__(str(problem))
        self.problem_mark = mark


def _value(loader: yaml.SafeLoader, found: yaml.Node) -> Any:
    try:
        return loader.construct_object(found, deep=True)
    except (ValueError, OverflowError) as problem:
        raise _NoValueError(problem, found.start_mark) from problem


def _node(loader: yaml.SafeLoader, found: yaml.Node, line: int, key: str, above: tuple[int, ...]) -> Node:
    if id(found) in above:
        raise ConfigError(f"{key}: the document holds itself, by an alias in line {line}")
    above = (*above, id(found))
    if isinstance(found, yaml.MappingNode):
        return _mapping(loader, found, line, key, above)
    if isinstance(found, yaml.SequenceNode):
        items = tuple(
            _node(loader, item, item.start_mark.line + 1, f"{key}[{index}]", above)
            for index, item in enumerate(found.value)
        )
        return Node([item.data for item in items], line, key, items=items)
    return Node(_value(loader, found), line, key)


def _mapping(
    loader: yaml.SafeLoader, found: yaml.MappingNode, line: int, key: str, above: tuple[int, ...]
) -> Node:
    entries: dict[str, Node] = {}
    repeated = []
    own = {id(name) for name, _ in found.value}
    loader.flatten_mapping(found)  # `<<` brings the entries of another mapping, which own ones may replace
    seen = set()
    for name_node, value in found.value:
        name = str(_value(loader, name_node))
        inner = _node(loader, value, name_node.start_mark.line + 1, f"{key}.{name}".lstrip("."), above)
        if name in seen:
            repeated.append(inner)
        if id(name_node) in own:
            seen.add(name)
        entries[name] = inner
    data = {name: inner.data for name, inner in entries.items()}
    return Node(data, line, key, entries=entries, repeated=tuple(repeated))
