"""What the SDK says to who runs a script: what has happened, and what comes next."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from modelmon.function_spec.platforms import EMBEDDED
from modelmon.local.runner_state import read_report
from modelmon.settings import Settings

_quiet: ContextVar[bool] = ContextVar("modelmon_quiet", default=False)


def tell(text: str) -> None:
    """One line on stderr: what a script prints itself stays its own."""
    if not _quiet.get():
        print(text, file=sys.stderr, flush=True)


@contextmanager
def quietly() -> Iterator[None]:
    """Nothing is told meanwhile, for callers that tell it in their own words."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def tell_next(settings: Settings) -> None:
    """How what was deployed comes to run, where nothing runs it yet."""
    if settings.platform != EMBEDDED:
        return
    if read_report(Path(settings.project_dir)).pid is None:
        folder = shlex.quote(settings.project_dir)
        tell(f"Next, in a second terminal: modelmon up --project-dir {folder}")
    else:
        tell("`modelmon up` is running and takes it over.")
