"""Which name each position of a row has: registered, the event's own, or generated."""

from __future__ import annotations

from collections.abc import Sequence

from modelmon.wire.naming import as_registered

GENERATED = {"feature": "f", "label": "p"}


def row_names(registered: Sequence[str], own: Sequence[str] | None, width: int, kind: str) -> tuple[str, ...]:
    """The names of a row's `width` or more positions.

    The event's own names place its values, in any order; one that differs from a registered one in case and
    separators alone is that one, any other is a column of its own. Without own names the registered ones
    hold by position. What is longer than its names gets generated ones; more outputs than there are names
    are something else than labels (probabilities, say), and all of them get generated names.

    >>> row_names(("a", "b"), ("B", "a"), 2, "feature"), row_names(("a", "b"), None, 3, "feature")
    (('b', 'a'), ('a', 'b', 'f2'))
    >>> row_names(("sepal width",), ("Sepal_Width",), 1, "feature"), row_names(("a",), ("x",), 1, "feature")
    (('sepal width',), ('x',))
    >>> row_names(("y",), None, 1, "label"), row_names(("y",), None, 2, "label")
    (('y',), ('p0', 'p1'))
    >>> row_names(("y",), ("y",), 2, "label"), row_names(("y",), ("y", "z"), 2, "label")
    (('p0', 'p1'), ('y', 'z'))
    """
    if is_no_label(own or registered, width, kind):
        names = []
    else:
        names = as_registered(registered, own) if own else list(registered)
    taken = {*names, *registered}
    number = len(names)
    while len(names) < width:
        name = f"{GENERATED[kind]}{number}"
        number += 1
        if name not in taken:
            taken.add(name)
            names.append(name)
    return tuple(names)


def is_no_label(names: Sequence[str], width: int, kind: str) -> bool:
    """Whether a row of so many outputs is no row of these labels, its own or the registered ones."""
    if kind != "label" or not names or width <= len(names):
        return False
    return any(name != f"{GENERATED[kind]}{number}" for number, name in enumerate(names))
