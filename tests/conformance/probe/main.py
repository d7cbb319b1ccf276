"""Tells what the platform does: writes down every event, and answers as its body asks."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import nuclio_sdk

ATTRIBUTES = (
    "body", "content_type", "fields", "headers", "id", "method", "path", "size", "timestamp", "url",
    "shard_id", "num_shards", "offset", "topic",
)  # fmt: skip


def note(**values):
    with Path(os.environ["PROBE_FILE"]).open("a") as file:
        file.write(json.dumps({"pid": os.getpid(), "at": time.monotonic()} | values) + "\n")


async def init_context(context):
    note(what="init", worker=context.worker_id, trigger=[context.trigger.kind, context.trigger.name])
    context.user_data.background = asyncio.get_running_loop().create_task(live())
    context.user_data.held = []
    context.platform.set_drain_callback(lambda: end(context, "drain"))
    context.platform.set_termination_callback(lambda: end(context, "termination"))


async def live():
    while True:
        await asyncio.sleep(0.05)
        note(what="alive")


async def end(context, what):
    held, context.user_data.held = context.user_data.held, []
    for offset in held:
        await context.platform.explicit_ack(offset)
    note(what=what, acknowledged=len(held))


async def handler(context, event):
    seen = {name: [type(getattr(event, name)).__name__, repr(getattr(event, name))] for name in ATTRIBUTES}
    note(what="event", trigger=[event.trigger.kind, event.trigger.name], **seen)
    asked = event.body if isinstance(event.body, dict) else parsed(event.body)
    answer = await ANSWERS[asked.get("answer", "none")](context, event, asked)
    note(what="answered", offset=event.offset)
    return answer


def parsed(body):
    try:
        found = json.loads(body)
    except (TypeError, ValueError):  # no body at all
        return {}
    return found if isinstance(found, dict) else {}


async def acknowledge(context, event, asked):
    await context.platform.explicit_ack(nuclio_sdk.QualifiedOffset.from_event(event))


async def hold(context, event, asked):
    """Acknowledged when the platform takes the partition away or ends."""
    context.user_data.held.append(nuclio_sdk.QualifiedOffset.from_event(event))


async def fail(context, event, asked):
    raise ValueError("as asked")


async def leave(context, event, asked):
    sys.exit(3)


async def wait(context, event, asked):
    await asyncio.sleep(asked["seconds"])
    return "waited"


async def block(context, event, asked):
    """As most models do: nothing else runs in this process meanwhile."""
    time.sleep(asked["seconds"])
    return "waited"


def give(value):
    async def answer(context, event, asked):
        return value

    return answer


ANSWERS = {
    "none": give(None),
    "text": give("text"),
    "dict": give({"nan": float("nan"), "one": 1}),
    "tuple": give((202, {"a": 1})),
    "bytes": give(b"\xff\x00"),
    "list": give([{"a": 1}]),
    "empty list": give([]),
    "response": give(nuclio_sdk.Response({"X-Own": "yes"}, '{"a":1}', "application/json", 418)),
    "odd headers": give(nuclio_sdk.Response({"X-Text": "7", "X-Number": 7, "X-Bool": True}, "")),
    "status 0": give(nuclio_sdk.Response({}, "text", "text/plain", 0)),
    "one header twice": give(nuclio_sdk.Response({"X-Twice": "a", "x-twice": "b"}, "", "text/plain")),
    "no ack": give(nuclio_sdk.Response({"X-Nuclio-Stream-No-Ack": True}, "")),
    "acknowledge": acknowledge,
    "hold": hold,
    "fail": fail,
    "leave": leave,
    "wait": wait,
    "block": block,
}
