"""Which name each position of a row has: registered, the event's own, or generated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

GENERATED = {"feature": "f", "label": "p"}
_SEPARATORS = re.compile(r"[\W_]+")


def row_names(registered: Sequence[str], own: Sequence[str] | None, width: int, kind: str) -> tuple[str, ...]:
    """The names of a row's `width` or more positions.

    The event's own names place its values, in any order; one that differs from a registered one in case and
    separators alone is that one, any other is a column of its own. Without own names the registered ones
    hold by position. What is longer than its names gets generated ones; more outputs than there are labels
    are something else than labels (probabilities, say), and all of them get generated names.

    >>> row_names(("a", "b"), ("B", "a"), 2, "feature"), row_names(("a", "b"), None, 3, "feature")
    (('b', 'a'), ('a', 'b', 'f2'))
    >>> row_names(("sepal width",), ("Sepal_Width",), 1, "feature"), row_names(("a",), ("x",), 1, "feature")
    (('sepal width',), ('x',))
    >>> row_names(("y",), None, 1, "label"), row_names(("y",), None, 2, "label")
    (('y',), ('p0', 'p1'))
    """
    if own:
        names = _as_registered(registered, own)
    else:
        names = [] if is_no_label(registered, width, kind) else list(registered)
    taken = {*names, *registered}
    number = len(names)
    while len(names) < width:
        name = f"{GENERATED[kind]}{number}"
        number += 1
        if name not in taken:
            taken.add(name)
            names.append(name)
    return tuple(names)


def is_no_label(registered: Sequence[str], width: int, kind: str) -> bool:
    """Whether a row of so many outputs without names is no row of the registered labels."""
    if kind != "label" or not registered or width <= len(registered):
        return False
    return any(name != f"{GENERATED[kind]}{number}" for number, name in enumerate(registered))


def _as_registered(registered: Sequence[str], own: Sequence[str]) -> list[str]:
    known = set(registered)
    if known.issuperset(own):
        return list(own)
    similar = _alone_in_their_spelling(known.difference(own))
    # The first of several that are alike is the registered one.
    return [name if name in known else similar.pop(_plain(name), name) for name in own]


def _alone_in_their_spelling(names: Iterable[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_plain(name), []).append(name)
    return {plain: alike[0] for plain, alike in found.items() if len(alike) == 1}


def _plain(name: str) -> str:
    return _SEPARATORS.sub("_", name.casefold()).strip("_")
