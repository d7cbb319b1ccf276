"""Numbers of things, as they are said."""

from __future__ import annotations


def count(number: int, one: str) -> str:
    """So many of what `one` is called.

    >>> count(1, "window"), count(2_000, "window"), count(0, "window")
    ('1 window', '2,000 windows', '0 windows')
    """
    return f"{number:,} {one}{'' if number == 1 else 's'}"
