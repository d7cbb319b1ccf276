"""The shape of a function.yaml: keys, kinds of values, keys that stand there twice."""

from __future__ import annotations

from collections.abc import Iterator

from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, did_you_mean, error, missing
from modelmon.deploying.checking.kinds import ANYTHING, Keys, MapOf, check_kind
from modelmon.deploying.checking.known_keys import BUILD, DOCUMENT, METADATA, SPEC
from modelmon.deploying.checking.known_trigger_keys import ANNOTATIONS, ATTRIBUTES, TRIGGER, UNCHECKED_KINDS

_PLACES = {
    "metadata": METADATA.of,
    "spec": SPEC.of,
    "spec.build": BUILD.of,
    "the trigger": TRIGGER,
    "the trigger's attributes": {
        name: kind for keys in ATTRIBUTES.values() for name, kind in keys.of.items()
    },
}
ELSEWHERE = {name: place for place, keys in reversed(_PLACES.items()) for name in keys}
"""Key to the place where it is known; the outermost, where there are several."""


def check_shape(document: Node) -> Iterator[Finding]:
    """Unknown keys, values of another kind, keys that stand twice, parts that are not there."""
    yield from _repeated(document)
    if not isinstance(document.data, dict):
        yield error(
            document, "is no function.yaml", "it has metadata: and spec:, `key: value` lines below each"
        )
        return
    yield from check_kind(document, DOCUMENT, ELSEWHERE)
    for name in ("metadata", "spec"):
        if document.at(name) is None:
            yield missing(document, name, "is missing", f"begin with {name}: and what belongs to it")
    for name, entry in _entries(document, "metadata", "annotations"):
        if name.startswith("nuclio.io/kafka-") and name not in ANNOTATIONS:
            yield error(
                entry, "is no annotation that Nuclio knows", did_you_mean(name, ANNOTATIONS, "leave it out")
            )
    for _, trigger in _entries(document, "spec", "triggers"):
        yield from _check_trigger(trigger)


def _check_trigger(trigger: Node) -> Iterator[Finding]:
    if not isinstance(trigger.data, dict):
        yield error(trigger, "must be `key: value` lines", "give it kind: and numWorkers:")
        return
    kind = trigger.get("kind")
    known = [*ATTRIBUTES, *UNCHECKED_KINDS]
    if kind is None:
        yield missing(trigger, "kind", "is missing", f"write one of {', '.join(ATTRIBUTES)}")
    elif kind not in known:
        entry = trigger.entries["kind"]
        yield error(
            entry, "is no kind of trigger", did_you_mean(str(kind), known, f"there are {', '.join(known)}")
        )
    attributes = ATTRIBUTES.get(str(kind), MapOf(ANYTHING))
    yield from check_kind(trigger, Keys({**TRIGGER, "attributes": attributes}), ELSEWHERE)


def _repeated(document: Node) -> Iterator[Finding]:
    for node in document.walk():
        for entry in node.repeated:
            yield error(entry, "stands there twice: only the last one counts", "keep one of them")


def _entries(document: Node, *names: str) -> list[tuple[str, Node]]:
    found = document.at(*names)
    return list(found.entries.items()) if found is not None else []
