"""Models and servers that the tests of serving and tracking share."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from modelmon import wire
from modelmon.model import Message
from modelmon.serving import (
    Clock,
    ModelServing,
    ModelSpec,
    ServingSpec,
    Tracking,
    V2ModelServer,
    create_server,
    tracking_of,
)
from modelmon.settings import Settings
from modelmon.streams import open_stream

NOON_US = 1_738_324_800_000_000
PATIENCE_SECONDS = 20.0


class Sum(V2ModelServer):
    """Answers the sum of each row."""

    def predict(self, request: dict[str, Any]) -> Any:
        return [sum(row) if isinstance(row, list) else row for row in request["inputs"]]

    def explain(self, request: dict[str, Any]) -> Any:
        return [[1.0] for _ in request["inputs"]]


class Failing(V2ModelServer):
    def predict(self, request: dict[str, Any]) -> Any:
        raise KeyError("no such column")


def fixed_clock(latency_us: int = 1500) -> Clock:
    """Noon, a timer on which each request takes `latency_us`, and ids that count."""
    ticks, ids = itertools.count(0, latency_us), itertools.count(1)
    return Clock(lambda: NOON_US, lambda: next(ticks), lambda: f"id-{next(ids)}")


def any_stream() -> str:
    return f"memory://{uuid4().hex}"


def serve(
    model: type[V2ModelServer] = Sum,
    tracking: Tracking | None = None,
    *,
    clock: Clock | None = None,
    draw: Callable[[], float] | None = None,
    spec: dict[str, Any] | None = None,
    **settings: Any,
) -> ModelServing:
    """A server of one model named "m"; not tracked unless `tracking` says how."""
    document = ServingSpec(
        project="p",
        function_name="f",
        models=[ModelSpec(key="m", class_name="Model", **(spec or {}))],
        tracking=tracking or Tracking(enabled=False),
    )
    options: dict[str, Any] = {"draw": draw} if draw else {}
    return create_server(
        document,
        Settings.load(project="p", environ={}, **settings),
        classes={"Model": model},
        clock=clock or fixed_clock(),
        **options,
    )


def messages_on(url: str) -> list[Message]:
    """All messages of a memory stream, in order."""
    stream = open_stream(url)
    consumer = stream.consumer("test")
    count = sum(stream.end_offsets().values())
    found: list[Message] = []
    while len(found) < count:
        found += consumer.poll(count, PATIENCE_SECONDS)
    consumer.close()
    return found


def events_on(url: str) -> list[Any]:
    """All items on a memory stream, read as our stream function reads them."""
    return [item for message in messages_on(url) for item in wire.read_message(message.body)]


def logged(model: type[V2ModelServer], bodies: list[Any], **arguments: Any) -> list[Any]:
    """The events of these requests to one model; a failing request is sent like any other."""
    url = any_stream()
    names = ("batch", "sample", "tracking_policy", "sampling_percentage")
    tracking = tracking_of(url, **{name: arguments.pop(name) for name in names if name in arguments})
    path = arguments.pop("path", "/v2/models/m/infer")
    server = serve(model, tracking, **arguments)
    for body in bodies:
        server.handle("POST", path, {}, body)
    server.close_now()
    return events_on(url)


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
