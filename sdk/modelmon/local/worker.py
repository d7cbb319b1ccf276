"""One worker process: `python -m modelmon.local.worker SPEC`, started by the supervisor.

It loads the function's module, builds a real nuclio_sdk Context, runs `init_context` and then its trigger,
all in one event loop, as Nuclio's own Python wrapper does. It ends when the supervisor does.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import select
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from nuclio_sdk import Context, Platform, TriggerInfo

from modelmon.errors import ConfigError
from modelmon.extras import HOW_TO_BRING
from modelmon.function_spec.triggers import CronTrigger, HttpTrigger, StreamTrigger, Trigger
from modelmon.local.handler_output import check_output, failed, traceback_of
from modelmon.local.logs import LogFile
from modelmon.local.worker_reports import Reporter, make_logger
from modelmon.model import Message
from modelmon.nuclio import TAKES_POLLS
from modelmon.nuclio.kept import kept
from modelmon.nuclio.lifecycle import die
from modelmon.settings import Settings

ORPHANED = 71  # exit code of a worker whose supervisor is gone
LOG_SECONDS = 1.0  # between two looks at the length of the log


class WorkerSpec(msgspec.Struct, frozen=True):
    """What the supervisor tells a worker, with file descriptors it inherits.

    `last_exit` says how the worker ended that it is started in the place of.
    """

    function: str
    folder: str
    handler: str
    trigger: Trigger
    worker: int
    lifeline: int
    reports: int
    listening: int | None = None
    last_exit: str = ""
    log: str = ""
    log_max_bytes: int = 0


class Worker:
    """The function inside this process; triggers call `deliver` with one event at a time.

    Where it `takes_polls` a stream trigger may call `deliver_poll` instead.
    """

    def __init__(self, spec: WorkerSpec, reporter: Reporter) -> None:
        self.spec = spec
        self.settings = Settings.load()
        self.stopping = asyncio.Event()
        self.acknowledged: Callable[[str, int, int], None] = lambda topic, partition, offset: None
        self.platform = Platform("local", on_control_callback=self._on_control)
        self.context = Context(
            logger=make_logger(reporter),
            platform=self.platform,
            worker_id=str(spec.worker),
            trigger=TriggerInfo(spec.trigger.kind, spec.trigger.name),
        )
        ours = kept(self.context)
        ours.last_exit = spec.last_exit
        ours.settings = self.settings  # so that a failed import leaves word, too
        self._handler: Callable[[Any, Any], Any] = lambda context, event: None

    async def start(self) -> None:
        """Load the module and run its `init_context`."""
        module_name, _, function = self.spec.handler.partition(":")
        module = import_module(module_name)
        handler = getattr(module, function, None)
        if handler is None:
            raise ConfigError(f"spec.handler: {module.__file__} has no {function!r}")
        self._handler = handler
        # As Nuclio looks for it: not in main.py, when the handler was imported from elsewhere.
        init_context = getattr(sys.modules.get(handler.__module__), "init_context", None)
        if init_context is not None:
            started = init_context(self.context)
            if inspect.iscoroutinefunction(init_context):
                await started

    async def deliver(self, event: Any) -> Any:
        """The handler's output for one event. What it raises becomes a 500, as under Nuclio."""
        try:
            output = self._handler(self.context, event)
            if inspect.iscoroutine(output):
                output = await output
            check_output(output)
        except BaseException as error:
            self.context.logger.error("the handler raised: %s", traceback_of(error))
            return failed(error)
        return output

    @property
    def takes_polls(self) -> bool:
        """Whether the function takes all messages of one poll at once."""
        return hasattr(self._handler, TAKES_POLLS)

    async def deliver_poll(self, topic: str, messages: Sequence[Message]) -> None:
        """Hand over the messages of one poll. A function that takes them ends its process when it fails."""
        await getattr(self._handler, TAKES_POLLS)(self.context, topic, messages)

    async def drain(self) -> None:
        """Partitions are taken away: let the function acknowledge what it holds."""
        await _resolved(self.platform._on_signal("drain"))

    async def stop(self) -> None:
        """The end: the function acknowledges what it holds and releases what it has open."""
        await _resolved(self.platform._on_signal("termination"))

    async def _on_control(self, message: dict[str, Any]) -> None:
        attributes = message["attributes"]
        self.acknowledged(attributes["topic"], attributes["partition"], attributes["offset"])


async def _resolved(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def main(argument: str) -> None:
    """Run until SIGTERM; exits with 70 after a bug and 78 after a wrong configuration."""
    spec = msgspec.json.decode(argument, type=WorkerSpec)
    context = Context(trigger=TriggerInfo(spec.trigger.kind, spec.trigger.name))
    try:
        threading.Thread(target=_look_around, args=(spec,), daemon=True).start()
        reporter = Reporter(spec.reports, spec.function, spec.trigger.name, spec.worker)
        sys.path.insert(0, spec.folder)
        asyncio.run(_run(spec, reporter))
    except BaseException as error:
        die(error, context)


async def _run(spec: WorkerSpec, reporter: Reporter) -> None:
    worker = Worker(spec, reporter)
    try:
        await _work(worker, reporter)
    except BaseException as error:
        # Here and not further out: the end of the event loop would wait for threads that hang.
        with suppress(BaseException):
            reporter.warn("error", _told(error), is_last=True)
        die(error, worker.context)


def _told(error: BaseException) -> str:
    if isinstance(error, ConfigError):
        return str(error)
    mend = f"; {HOW_TO_BRING}" if isinstance(error, ModuleNotFoundError) else ""
    return f"{type(error).__name__}: {error}{mend}"


async def _work(worker: Worker, reporter: Reporter) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, worker.stopping.set)
    starting = asyncio.ensure_future(worker.start())
    stop = asyncio.ensure_future(worker.stopping.wait())
    await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        _exit(0)  # nothing was delivered yet, so there is nothing to wait for
    starting.result()
    reporter.ready()
    await _trigger(worker.spec)(worker)
    # Threads of a library or of user code do not keep a stopped worker alive.
    _exit(0)


def _trigger(spec: WorkerSpec) -> Callable[[Worker], Awaitable[None]]:
    # Only what this worker's own trigger needs is imported.
    match spec.trigger:
        case StreamTrigger():
            from modelmon.local.stream_trigger import run
        case CronTrigger():
            from modelmon.local.cron_trigger import run
        case HttpTrigger():
            from modelmon.local.http_trigger import run
    return run


def _look_around(spec: WorkerSpec) -> None:
    """End with the supervisor, and keep the log short until then."""
    log = LogFile(Path(spec.log), spec.log_max_bytes)
    while not select.select([spec.lifeline], [], [], LOG_SECONDS)[0] or os.read(spec.lifeline, 1):
        log.follow()
    os._exit(ORPHANED)


def _exit(code: int) -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
