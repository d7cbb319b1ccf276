"""Numbers of things, as they are said."""

from __future__ import annotations


def count(number: float, one: str) -> str:
    """So many of what `one` is called.

    >>> count(1, "window"), count(2_000, "window"), count(0, "stretch"), count(0.5, "day")
    ('1 window', '2,000 windows', '0 stretches', '0.5 days')
    """
    said = f"{number:,}" if isinstance(number, int) else f"{number:,g}"
    return f"{said} {named(number, one)}"


def named(number: float, one: str) -> str:
    """What so many of `one` are called.

    >>> named(1, "stretch"), named(2, "stretch")
    ('stretch', 'stretches')
    """
    return one if number == 1 else f"{one}es" if one.endswith(("ch", "s", "x")) else f"{one}s"


def are(number: float) -> str:
    """The verb of so many.

    >>> are(1), are(2)
    ('is', 'are')
    """
    return "is" if number == 1 else "are"


def were(number: float) -> str:
    """The same of what is past.

    >>> were(1), were(0)
    ('was', 'were')
    """
    return "was" if number == 1 else "were"
