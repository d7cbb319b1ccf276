"""Waiting for a dependency that is down: never skip it, never give up, say so in the log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from modelmon.errors import UnavailableError
from modelmon.settings import Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")

REMIND_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Outage:
    """A dependency that this process waits for, and what it last said."""

    what: str
    reason: str


_outages: dict[int, Outage] = {}
_absences: dict[str, tuple[float, float]] = {}
"""What is away: since when, and when the log last heard of it."""


def outages() -> Sequence[Outage]:
    """What this process waits for now, each dependency once."""
    return tuple({outage.what: outage for outage in list(_outages.values())}.values())


async def when_available(action: Callable[[], T], settings: Settings, what: str) -> T:
    """The result of the blocking `action`, run in a thread and tried again while it is unavailable.

    `what` names the dependency in the log ("the records"). Every other exception of `action` is raised.
    """
    return await when_awaitable(lambda: asyncio.to_thread(action), settings, what)


async def when_awaitable(action: Callable[[], Awaitable[T]], settings: Settings, what: str) -> T:
    """As `when_available`, for an `action` that is asynchronous itself."""
    with _Wait(settings, what) as wait:
        while True:
            try:
                return await action()
            except UnavailableError as error:
                await asyncio.sleep(wait.next(error))


def away(what: str, reason: object, asked: float | None = None) -> None:
    """`what` did not answer: the log hears it when that begins, then once a minute, whoever notices.

    `asked` is the monotonic time of the call that got no answer: it may have waited for long itself, and the
    outage counts from there.
    """
    now = time.monotonic()
    began, told = _absences.get(what, (now, -REMIND_SECONDS))
    began = min(began, now if asked is None else asked)
    if what not in _absences:
        logger.warning("waiting for %s: %s", what, reason)
    elif now - told < REMIND_SECONDS:
        _absences[what] = began, told  # somebody else may have asked earlier
        return
    else:
        logger.warning("still waiting for %s after %.0f s: %s", what, now - began, reason)
    _absences[what] = began, now


def back(what: str) -> None:
    """`what` has answered: the log hears it if it was away."""
    began, _ = _absences.pop(what, (None, None))
    if began is not None:
        logger.warning("%s: back after %.1f s", what, time.monotonic() - began)


class _Wait:
    """How long to wait next; it ends with the `with`."""

    def __init__(self, settings: Settings, what: str) -> None:
        self._waits = _doubling(
            settings.unavailable_first_wait_seconds, settings.unavailable_max_wait_seconds
        )
        self._what = what
        self._waited = False
        self._asked = time.monotonic()

    def __enter__(self) -> _Wait:
        return self

    def next(self, error: UnavailableError) -> float:
        """Seconds until the next try."""
        _outages[id(self)] = Outage(self._what, str(error))
        self._waited = True
        away(self._what, error, self._asked)
        return next(self._waits)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _outages.pop(id(self), None)
        if self._waited and kind is None:
            back(self._what)


def _doubling(first: float, longest: float) -> Iterator[float]:
    wait = first
    while True:
        yield min(wait, longest)
        wait = min(wait * 2, longest)
