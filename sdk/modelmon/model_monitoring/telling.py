"""What the SDK says to who runs a script, and where that goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


_told: ContextVar[Callable[[str], None]] = ContextVar("modelmon_told", default=_print)


def tell(text: str) -> None:
    """One line on stderr: what a script prints itself stays its own."""
    _told.get()(text)


@contextmanager
def telling(told: Callable[[str], None]) -> Iterator[None]:
    """What would be on stderr goes there meanwhile."""
    token = _told.set(told)
    try:
        yield
    finally:
        _told.reset(token)


def quietly() -> AbstractContextManager[None]:
    """Nothing is told meanwhile, for callers that tell it in their own words."""
    return telling(lambda text: None)
