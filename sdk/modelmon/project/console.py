"""What the SDK says to who runs a script: what has happened, and what comes next."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path

from modelmon.function_spec.platforms import EMBEDDED
from modelmon.local.runner_state import read_report
from modelmon.settings import Settings


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


def tell_next(settings: Settings) -> None:
    """How what was deployed comes to run, where nothing runs it yet."""
    if settings.platform != EMBEDDED:
        return
    if read_report(Path(settings.project_dir)).pid is None:
        folder = shlex.quote(settings.project_dir)
        tell(f"Next, in a second terminal: modelmon up --project-dir {folder}")
    else:
        tell("`modelmon up` is running and takes it over.")
