"""When two spellings of a name are one name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SEPARATORS = re.compile(r"[\W_]+")


def as_registered(registered: Sequence[str], own: Sequence[str]) -> list[str]:
    """Each own name as it is registered; one that differs from all in more than case and separators stays.

    A registered name has one own name: the same one, or else the first that is alike. Where several
    registered names are alike and none of them is meant exactly, the own name stays.

    >>> as_registered(("Sepal width", "a"), ("A", "sepal_width", "x"))
    ['a', 'Sepal width', 'x']
    """
    known = set(registered)
    if known.issuperset(own):
        return list(own)
    similar = _alone_in_their_spelling(known.difference(own))
    return [name if name in known else similar.pop(_plain(name), name) for name in own]


def _alone_in_their_spelling(names: Iterable[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_plain(name), []).append(name)
    return {plain: alike[0] for plain, alike in found.items() if len(alike) == 1}


def _plain(name: str) -> str:
    # A model's own code may have put a number for the name of a row's value.
    return _SEPARATORS.sub("_", str(name).casefold()).strip("_")
