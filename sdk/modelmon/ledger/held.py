"""What was made of records and is asked for again and again: made once, the ones asked for last are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Held(Generic[T]):
    """At most so many things by their keys; of more the ones asked for last.

    >>> held: Held[int] = Held(2)
    >>> held.get("a", lambda: 1), held.get("a", lambda: 2), held.get("b", lambda: None)
    (1, 1, None)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T | None]) -> T | None:
        """The thing of this key, made where it is not held; None is not held, for it may come to be."""
        if key not in self._held:
            made = make()
            if made is None:
                return None
            self._held[key] = made
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return self._held[key]

    def forget(self, key: Hashable) -> None:
        """Have the thing of this key made anew when it is asked for; nothing where it is not held."""
        self._held.pop(key, None)
