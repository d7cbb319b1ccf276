"""How a function starts, waits for what is down, drains and ends."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import signal
import threading
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn, TypeVar

from modelmon.errors import ConfigError
from modelmon.extras import missing
from modelmon.nuclio.bridge import bridge_logging
from modelmon.nuclio.kept import kept
from modelmon.nuclio.pulse import TICKING, Pulse
from modelmon.nuclio.replies import told
from modelmon.nuclio.stream_progress import StreamProgress
from modelmon.settings import Settings
from modelmon.waiting import when_awaitable

logger = logging.getLogger(__name__)

T = TypeVar("T")

BUG, WRONG_CONFIGURATION = 70, 78  # exit codes, as in sysexits.h
FAILURES = (Exception, SystemExit)
"""What a stage, a model or an app may raise. Nuclio would turn either into an answer, and go on."""
LEAVE_SECONDS = 8.0  # for the last word: a worker that failed early has yet to load what opens the records
DIE_SECONDS = 15
"""After so long the kernel ends a process that can't say why it stops."""
INIT_SECONDS = 5.0  # how long a start waits for a dependency before it goes on without it


async def prepare(context: Any, make: Callable[[Settings], Awaitable[Any] | Any]) -> None:
    """Load the settings and start making the stage; handlers await `kept(context).stage()`.

    A wrong setting or a bug fails the start. A dependency that is down does not: the events wait.
    """
    bridge_logging(context.logger)
    ours = kept(context)
    settings = ours.settings = Settings.load()
    making = asyncio.ensure_future(when_awaitable(lambda: _made(make, settings), settings, "the start"))
    ours.making = making
    await asyncio.wait({making}, timeout=INIT_SECONDS)
    if making.done():
        making.result()


async def _made(make: Callable[[Settings], Awaitable[T] | T], settings: Settings) -> T:
    made = make(settings)
    return await made if inspect.isawaitable(made) else made


async def finish(context: Any, *steps: str) -> None:
    """Call these methods of the stage, those that it has, in order; their exceptions end the process."""
    ours = kept(context)
    making = ours.making
    if making is None or not making.done():
        return  # no stage yet, so nothing is held
    try:
        async with ours.turn:
            for step in steps:
                action = getattr(making.result(), step, None)
                if action is not None:
                    await action()
    except FAILURES as error:
        die(error, context)


async def watch(context: Any) -> None:
    """End the process when a task of the stage's own fails, even if no message ever comes again."""
    try:
        failed = getattr(await kept(context).stage(), "failed", None)
        if failed is not None:
            await failed()
    except FAILURES as error:
        die(error, context)


def die(error: BaseException, context: Any) -> NoReturn:
    """End this process at once; what was not acknowledged comes again.

    Nothing on the way out keeps it: no full disk, no memory or thread that is missing, no reader that hangs.
    """
    try:
        _end_soon()
        with suppress(BaseException):
            error = (missing(error) if isinstance(error, ModuleNotFoundError) else None) or error
        for step in (_free, partial(leave_word, context), _log, traceback.print_exception):
            with suppress(BaseException):
                step(error)
        with suppress(BaseException):
            logging.shutdown()
    finally:
        os._exit(WRONG_CONFIGURATION if isinstance(error, ConfigError) else BUG)


def _end_soon() -> None:
    """Have the kernel end us: it needs no thread and no memory of ours for that."""
    with suppress(ValueError):  # another thread than the main one: then it stays as it is
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(DIE_SECONDS)


def _free(error: BaseException) -> None:
    # What ran out of memory is held by the frames that the error knows.
    traceback.clear_frames(error.__traceback__)


def _log(error: BaseException) -> None:
    # Nuclio ends with us, and may not read the log any more that goes through it: stderr gets it too.
    if isinstance(error, ConfigError):
        logger.error("stopping: %s", error)
    else:
        logger.error("stopping with nothing of it acknowledged: %s", error, exc_info=error)


def leave_word(context: Any, error: BaseException) -> None:
    """Say in the function's health why this worker ends.

    Its word stands for a while, or until the next worker in its place gets on. Records that hang are left
    alone. Functions that answer requests for themselves have no heartbeat, so they leave no word.
    """
    ours, speaks_as = kept(context), _speaks_as(context)
    if ours.settings is None or speaks_as is None:
        return
    pulse = ours.pulse.pulse if ours.pulse else Pulse(context, StreamProgress(), speaks_as)
    writing = threading.Thread(target=pulse.leave_word, args=(_reason(error),), daemon=True)
    try:
        writing.start()
    except RuntimeError:  # no thread is to be had
        pulse.leave_word(_reason(error))
    else:
        writing.join(LEAVE_SECONDS)


def _speaks_as(context: Any) -> str | None:
    """Where the start did not come so far as to say it, by the trigger."""
    said = kept(context).speaks_as
    kind = getattr(context.trigger, "kind", "")
    return {"http": None, "cron": TICKING}.get(kind, "") if said is None else said


def _reason(error: BaseException) -> str:
    """What may be told to everybody: of a bug only its kind, its text may hold what a request held."""
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "modelmon":
        return f"it stops: {error}; its main.py is of another version of ModelMon: deploy the function again"
    if isinstance(error, ImportError):
        return f"it stops: {error}; add it to the function's requirements"
    if isinstance(error, MemoryError):
        return "it stops: there is no memory left; give the function more, or smaller messages"
    return f"it stops: {told(error)}"
