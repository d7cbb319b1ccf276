"""How a function starts, waits for what is down, drains and ends."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import threading
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NoReturn, TypeVar

from modelmon.errors import ConfigError
from modelmon.model import WorkerState
from modelmon.nuclio.bridge import bridge_logging
from modelmon.nuclio.progress import Progress
from modelmon.nuclio.pulse import Pulse
from modelmon.nuclio.replies import told
from modelmon.settings import Settings
from modelmon.waiting import when_awaitable

logger = logging.getLogger(__name__)

T = TypeVar("T")

BUG, WRONG_CONFIGURATION = 70, 78  # exit codes, as in sysexits.h
FAILURES = (Exception, SystemExit)
"""What a stage, a model or an app may raise. Nuclio would turn either into an answer, and go on."""
LEAVE_SECONDS = 2.0
WORD_SECONDS = 60.0
"""How long the last word of a worker stands; the platform starts another one before."""
INIT_SECONDS = 5.0  # how long a start waits for a dependency before it goes on without it


async def prepare(context: Any, make: Callable[[Settings], Awaitable[T] | T]) -> None:
    """Load the settings and start making the stage; handlers await `context.user_data.making`.

    A wrong setting or a bug fails the start. A dependency that is down does not: the events wait.
    """
    bridge_logging(context.logger)
    settings = context.user_data.settings = Settings.load()
    making = asyncio.ensure_future(when_awaitable(lambda: _made(make, settings), settings, "the start"))
    context.user_data.making = making
    await asyncio.wait({making}, timeout=INIT_SECONDS)
    if making.done():
        making.result()


async def _made(make: Callable[[Settings], Awaitable[T] | T], settings: Settings) -> T:
    made = make(settings)
    return await made if inspect.isawaitable(made) else made


async def finish(context: Any, *steps: str) -> None:
    """Call these methods of the stage, those that it has, in order; their exceptions end the process."""
    making = context.user_data.making
    if not making.done():
        return  # no stage yet, so nothing is held
    try:
        async with getattr(context.user_data, "turn", None) or asyncio.Lock():
            for step in steps:
                action = getattr(making.result(), step, None)
                if action is not None:
                    await action()
    except FAILURES as error:
        die(error, context)


async def watch(context: Any) -> None:
    """End the process when a task of the stage's own fails, even if no message ever comes again."""
    try:
        failed = getattr(await context.user_data.making, "failed", None)
        if failed is not None:
            await failed()
    except FAILURES as error:
        die(error, context)


def die(error: BaseException, context: Any) -> NoReturn:
    """End this process at once; what was not acknowledged comes again."""
    if isinstance(error, ConfigError):
        logger.error("stopping: %s", error)
    else:
        logger.error("stopping with nothing of it acknowledged: %s", error, exc_info=error)
    # Nuclio ends with us, and may not read the log any more that goes through it.
    traceback.print_exception(error)
    leave_word(context, error)
    logging.shutdown()
    os._exit(WRONG_CONFIGURATION if isinstance(error, ConfigError) else BUG)


def leave_word(context: Any, error: BaseException) -> None:
    """Say in the function's health why this worker ends; not for long, records that hang are left alone."""
    settings = getattr(context.user_data, "settings", None)
    if settings is not None:
        beat = partial(
            Pulse(context, Progress()).beat, WorkerState.FAILED, f"it stops: {told(error)}", WORD_SECONDS
        )
        writing = threading.Thread(target=beat, daemon=True)
        writing.start()
        writing.join(LEAVE_SECONDS)
