"""Which name each position of a row has: registered, the event's own, or generated."""

from __future__ import annotations

from collections.abc import Sequence

GENERATED = {"feature": "f", "label": "p"}


def row_names(registered: Sequence[str], own: Sequence[str] | None, width: int, kind: str) -> tuple[str, ...]:
    """The names of a row's `width` or more positions.

    The event's own names place its values, so their order is free; where they share none with as many
    registered ones, the registered ones hold (a server that spells them its own way). Without own names
    the registered ones hold by position. What is longer than its names gets generated ones.

    >>> row_names(("a", "b"), ("b", "a"), 2, "feature"), row_names(("a", "b"), None, 3, "feature")
    (('b', 'a'), ('a', 'b', 'f2'))
    >>> row_names(("sepal width",), ("sepal_width",), 1, "feature"), row_names((), None, 2, "label")
    (('sepal width',), ('p0', 'p1'))
    """
    if own and (not registered or len(own) != len(registered) or not set(own).isdisjoint(registered)):
        names = list(own)
    else:
        names = list(registered)
    taken = {*names, *registered}
    number = len(names)
    while len(names) < width:
        name = f"{GENERATED[kind]}{number}"
        number += 1
        if name not in taken:
            taken.add(name)
            names.append(name)
    return tuple(names)
