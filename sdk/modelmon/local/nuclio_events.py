"""Events as a handler sees them under Nuclio: the same attributes, of the same types."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from nuclio_sdk import Event, TriggerInfo

from modelmon.function_spec.triggers import CronTrigger, HttpTrigger, StreamTrigger
from modelmon.model import Message

NO_SHARD = -1
CRON_TIME = datetime(1970, 1, 1)  # noqa: DTZ001 - Nuclio's times are naive UTC


def now() -> datetime:
    """The time as events carry it: naive UTC, whole seconds."""
    return datetime.fromtimestamp(int(time.time()), UTC).replace(tzinfo=None)


def stream_event(trigger: StreamTrigger, topic: str, message: Message, timestamp: datetime) -> Any:
    """One message; like Nuclio it does not tell the key."""
    return Event(
        body=message.body,
        content_type="",
        trigger=TriggerInfo(trigger.kind, trigger.name),
        _id=str(uuid4()),
        method="",
        path="/" if trigger.kind == "v3ioStream" else topic,
        size=len(message.body),
        timestamp=timestamp,
        url="",
        shard_id=message.partition,
        num_shards=0,
        offset=message.offset,
        topic=topic,
    )


def cron_event(trigger: CronTrigger) -> Any:
    """One tick."""
    body = trigger.body.encode()
    return Event(
        body=body,
        content_type="",
        trigger=TriggerInfo(trigger.kind, trigger.name),
        headers=dict(trigger.headers),
        _id=str(uuid4()),
        method=trigger.method,
        path=trigger.path or "/",
        size=len(body),
        timestamp=CRON_TIME,
        url="",
        shard_id=NO_SHARD,
        num_shards=0,
        topic="",
    )


def http_event(trigger: HttpTrigger, scope: Mapping[str, Any], body: bytes) -> Any:
    """One request, from its ASGI scope: of a key or header that comes twice the last, and no URL."""
    headers = {_canonical(name): value.decode("latin-1") for name, value in scope["headers"]}
    content_type = headers.get("Content-Type", "")
    query = scope["query_string"].decode("latin-1")
    return Event(
        body=_body(headers, body),
        content_type=content_type,
        trigger=TriggerInfo(trigger.kind, trigger.name),
        fields=dict(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        _id=str(uuid4()),
        method=scope["method"],
        path=_straight(scope["path"]),
        size=len(body),
        timestamp=now(),
        url="",
        shard_id=NO_SHARD,
        num_shards=0,
        topic="",
    )


def _canonical(name: bytes) -> str:
    """`content-type` as Go servers hand it on: `Content-Type`."""
    return "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))


def _straight(path: str) -> str:
    """Without empty, `.` and `..` parts, as Go servers hand it on."""
    kept: list[str] = []
    parts = path.split("/")[1:]
    for part in parts[:-1]:
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    last = parts[-1] if parts else ""
    if last == "..":
        del kept[-1:]
    return "/" + "".join(f"{part}/" for part in kept) + ("" if last in (".", "..") else last)


def _body(headers: Mapping[str, str], body: bytes) -> Any:
    if not {"Content-Length", "Transfer-Encoding"} & headers.keys():
        return None
    return _parsed(body) if headers.get("Content-Type") == "application/json" else body


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        sys.stderr.write(f"the body is not JSON, though its content type says so: {error}\n")
        return body
