"""The pairs `init_context, handler`, one kind a way of being called."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nuclio_sdk import QualifiedOffset, Response

from modelmon.errors import ConfigError
from modelmon.model import Message, wall_clock_us
from modelmon.nuclio.asgi import Application, Lifespan, answer
from modelmon.nuclio.bridge import bridge_logging
from modelmon.nuclio.health import answer_health, asks_health, health_reply, is_http
from modelmon.nuclio.heartbeat import StreamPulse, TickPulse
from modelmon.nuclio.kept import kept
from modelmon.nuclio.lifecycle import FAILURES, die, finish, leave_word, prepare, watch
from modelmon.nuclio.protocols import HttpStage, MessageStage, TickStage
from modelmon.nuclio.pulse import TICKING
from modelmon.nuclio.replies import body_bytes, failure, reply, told
from modelmon.nuclio.stream_progress import StreamProgress
from modelmon.settings import Settings
from modelmon.streams.base import Acknowledge

TAKES_POLLS = "take"
"""Attribute of a handler: what takes (context, topic, messages of one poll) in place of single events."""
InitContext = Callable[[Any], Awaitable[None]]
Handler = Callable[[Any, Any], Awaitable[Response]]


def message_handlers(
    make: Callable[[Settings, Acknowledge], Awaitable[MessageStage] | MessageStage],
    *,
    takes_polls: bool = True,
) -> tuple[InitContext, Handler]:
    """A function that reads a stream trigger in mode `explicitOnly`.

    Nuclio hands it one message at a time. The embedded runner hands over all messages of one poll at once
    (`takes_polls`), except where each message is long work that a stop should not wait for.

    An exception of the stage ends the process with nothing acknowledged: under `explicitOnly` a message
    that merely failed would be passed over by the next acknowledgement. A worker of an HTTP trigger has no
    stage: it answers GET with the health of the function.
    """

    async def init_context(context: Any) -> None:
        if is_http(context):
            bridge_logging(context.logger)
            return
        ours = kept(context)
        acknowledge = ours.acknowledge = _Acknowledgements(context.platform)
        await _start(context, lambda settings: make(settings, acknowledge), speaks_as="")
        pulse = ours.pulse = StreamPulse(context, acknowledge.progress)
        await pulse.begin()
        context.platform.set_drain_callback(lambda: finish(context, "drain"))
        context.platform.set_termination_callback(lambda: _end(context, "drain", "close"))
        ours.watching = asyncio.ensure_future(watch(context))

    async def handler(context: Any, event: Any) -> Response:
        partition = event.shard_id
        if is_http(context) or partition is None or partition < 0:
            if event.method in ("GET", "HEAD"):
                return await answer_health(event)
            return reply(400, {"error": "this function reads a stream: publish the message there"})
        try:
            message = Message(partition, event.offset, "", body_bytes(event))
        except FAILURES as error:
            die(error, context)
        await _take(context, event.topic or event.path, (message,))
        return Response(body="")

    if takes_polls:
        setattr(handler, TAKES_POLLS, _take)
    return _of_the_caller(init_context, handler)


async def _take(context: Any, topic: str, messages: Sequence[Message]) -> None:
    ours = kept(context)
    try:
        ours.acknowledge.see(topic, messages)
        stage = await ours.stage()
        async with ours.turn:  # the platform may drain while a message waits
            await stage.accept(*messages)
    except FAILURES as error:
        die(error, context)


def app_handlers(app_class: Callable[..., Any], **arguments: Any) -> tuple[InitContext, Handler]:
    """A monitoring app: `app_class(**arguments)` judges each window that comes on the app's stream."""

    def make(settings: Settings, acknowledge: Acknowledge) -> MessageStage:
        # Only apps pay for what apps import.
        from modelmon.apps.stage import AppStage

        return AppStage(app_class(**arguments), settings, acknowledge)

    return message_handlers(make, takes_polls=False)


def tick_handlers(
    make: Callable[[Settings], Awaitable[TickStage] | TickStage],
) -> tuple[InitContext, Handler]:
    """A function that works on every event, be it a cron tick, an HTTP request or a CronJob's request.

    The time is the clock's: a cron event carries 1970. A tick that fails is logged and answered with its
    error; the next one tries again. `GET /health` is no tick, it is answered with the function's health.
    """

    async def init_context(context: Any) -> None:
        await _start(context, make, speaks_as=TICKING)
        pulse = kept(context).pulse = TickPulse(context)
        await pulse.begin()
        context.platform.set_termination_callback(lambda: _end(context, "close"))

    async def handler(context: Any, event: Any) -> Response:
        if asks_health(event):
            return await answer_health(event)
        try:
            stage = await kept(context).stage()
            done = await stage.tick(wall_clock_us())
        except FAILURES as error:
            await _ticked(context, {"the tick": told(error)})
            return failure(event, error)
        if "unavailable" in done:
            await _ticked(context, done["unavailable"], done.get("progress"))
        return reply(200, done)

    return _of_the_caller(init_context, handler)


def http_handlers(
    make: Callable[[Settings], Awaitable[HttpStage] | HttpStage],
) -> tuple[InitContext, Handler]:
    """A function that answers HTTP requests; `GET /health` with what the stage says of itself."""

    async def init_context(context: Any) -> None:
        await prepare(context, make)
        context.platform.set_termination_callback(lambda: finish(context, "close"))

    async def handler(context: Any, event: Any) -> Response:
        try:
            stage = await kept(context).stage()
            if asks_health(event):
                return health_reply(stage.health())
            headers = {name.lower(): value for name, value in event.headers.items()}
            body = b"" if event.body is None else event.body  # of a request that tells no length
            answer = stage.handle(event.method, event.path, headers, body)
            status, body, content_type = await answer if inspect.isawaitable(answer) else answer
            return Response(body=body, content_type=content_type, status_code=status)
        except FAILURES as error:
            return failure(event, error)

    return _of_the_caller(init_context, handler)


def job_handlers(code: Callable[[Any], Any]) -> tuple[InitContext, Handler]:
    """A job: `code(context)`, at the top of its file, is run in a process of its own for each run that was
    asked for, one after the other. A POST with a run's id says that there is one."""

    def make(settings: Settings) -> HttpStage:
        from modelmon.stages.job import JobStage

        return JobStage.open(settings, code)

    return http_handlers(make)


def asgi_handlers(make: Callable[[Settings], Application]) -> tuple[InitContext, Handler]:
    """A function that answers HTTP requests with an ASGI application, which has a `/health` of its own."""

    async def open_stage(settings: Settings) -> _Served:
        application = make(settings)
        lifespan = Lifespan(application)
        await lifespan.start()
        return _Served(application, lifespan)

    async def init_context(context: Any) -> None:
        await prepare(context, open_stage)
        context.platform.set_termination_callback(lambda: finish(context, "close"))

    async def handler(context: Any, event: Any) -> Response:
        try:
            stage = await kept(context).stage()
            return await answer(stage.application, stage.lifespan.state, event)
        except FAILURES as error:
            return failure(event, error)

    return _of_the_caller(init_context, handler)


@dataclass(frozen=True, slots=True)
class _Served:
    application: Application
    lifespan: Lifespan

    async def close(self) -> None:
        await self.lifespan.end()


def _of_the_caller(init_context: InitContext, handler: Handler) -> tuple[InitContext, Handler]:
    """The pair as if it were written in the main.py that asks for it.

    Nuclio calls the `init_context` of the module that the handler says it is from, and no other.
    """
    frame = sys._getframe(1)
    while frame.f_globals["__name__"] == __name__ and frame.f_back is not None:
        frame = frame.f_back
    for each in (init_context, handler):
        each.__module__ = frame.f_globals["__name__"]
    return init_context, handler


async def _start(context: Any, make: Callable[[Settings], Any], *, speaks_as: str) -> None:
    """`prepare`, and a start that fails is in the function's health, as said by the worker of this name."""
    kept(context).speaks_as = speaks_as
    try:
        await prepare(context, make)
    except FAILURES as error:
        leave_word(context, error)
        raise


async def _end(context: Any, *steps: str) -> None:
    await finish(context, *steps)
    pulse = kept(context).pulse
    if pulse is not None:
        await pulse.end()


async def _ticked(
    context: Any, unavailable: Mapping[str, str], progress: Sequence[int] | None = None
) -> None:
    pulse = kept(context).pulse
    if isinstance(pulse, TickPulse):
        await pulse.ticked(unavailable, progress)


class _Acknowledgements:
    """Acknowledges stream positions; they go by the topic that the events came from."""

    def __init__(self, platform: Any) -> None:
        self._platform = platform
        self._topic = ""
        self.progress = StreamProgress()

    def see(self, topic: str, messages: Sequence[Message]) -> None:
        """Messages were delivered."""
        if topic != self._topic and self._topic:
            raise ConfigError(f"one trigger reads one topic, this one reads {self._topic!r} and {topic!r}")
        self._topic = topic
        for partition, offset in {message.partition: message.offset for message in messages}.items():
            self.progress.deliver(partition, offset)

    async def __call__(self, partition: int, offset: int) -> None:
        await self._platform.explicit_ack(QualifiedOffset(self._topic, partition, offset))
        self.progress.acknowledge(partition, offset)
