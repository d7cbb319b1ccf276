"""Keys in another letter case, which Nuclio reads all the same: Go's JSON reader does not tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from modelmon.checked_yaml.document import Node
from modelmon.deploying.checking.kinds import ANYTHING, Keys, Kind, ListOf, MapOf
from modelmon.deploying.checking.known_keys import DOCUMENT
from modelmon.deploying.checking.known_trigger_keys import ATTRIBUTES, TRIGGER


def spelled(document: Node) -> Node:
    """The document with every key as Nuclio's own types call it. Labels, annotations and names of triggers
    are names of their owner's, and stay."""
    spelled_out = _spelled(document, DOCUMENT)
    triggers = spelled_out.at("spec", "triggers")
    if triggers is None:
        return spelled_out
    entries = {name: _trigger(trigger) for name, trigger in triggers.entries.items()}
    spec = spelled_out.entries["spec"]
    spec = _with(spec, {**spec.entries, "triggers": _with(triggers, entries)})
    return _with(spelled_out, {**spelled_out.entries, "spec": spec})


def spelled_otherwise(document: Node) -> Iterator[tuple[str, Node]]:
    """Of a document that `spelled` has gone over: each key that was written otherwise, by its right name."""
    for name, entry in document.entries.items():
        written = entry.key[-len(name) :]
        if written != name and written.lower() == name.lower():
            yield name, entry
        yield from spelled_otherwise(entry)
    for item in document.items:
        yield from spelled_otherwise(item)


def _trigger(trigger: Node) -> Node:
    found = _spelled(trigger, Keys({**TRIGGER, "attributes": ANYTHING}))
    attributes = found.at("attributes")
    if attributes is None:
        return found
    kind = ATTRIBUTES.get(str(found.get("kind")), ANYTHING)
    return _with(found, {**found.entries, "attributes": _spelled(attributes, kind)})


def _spelled(node: Node, kind: Kind) -> Node:
    if isinstance(kind, Keys) and node.entries:
        return _keys(node, kind)
    if isinstance(kind, MapOf) and node.entries:
        return _with(node, {name: _spelled(entry, kind.of) for name, entry in node.entries.items()})
    if isinstance(kind, ListOf) and node.items:
        items = tuple(_spelled(item, kind.of) for item in node.items)
        return replace(node, items=items, data=[item.data for item in items])
    return node


def _keys(node: Node, kind: Keys) -> Node:
    names = {name.lower(): name for name in kind.of if name not in kind.exact}
    entries: dict[str, Node] = {}
    repeated = list(node.repeated)
    for written, entry in node.entries.items():
        name = written if written in kind.of else names.get(written.lower(), written)
        if name in entries:
            repeated.append(entry)
        entries[name] = _spelled(entry, kind.of.get(name, ANYTHING))
    return replace(_with(node, entries), repeated=tuple(repeated))


def _with(node: Node, entries: Mapping[str, Node]) -> Node:
    return replace(node, entries=entries, data={name: entry.data for name, entry in entries.items()})
