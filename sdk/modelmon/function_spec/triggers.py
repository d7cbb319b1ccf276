"""What calls a function: the triggers of a function.yaml, checked by Nuclio's rules.

These are msgspec Structs and not dataclasses, because they travel to the worker process as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from modelmon.errors import ConfigError
from modelmon.function_spec.nuclio_rules import (
    ACK_MODES,
    KAFKA_KINDS,
    V3IO_KINDS,
    are_topics,
    goes_by_key,
    needs_static_workers,
    one_clock,
)
from modelmon.function_spec.schedule import Schedule, seconds_of

MAX_BODY_BYTES, MAX_HEAD_BYTES = 4 * 2**20, 16 * 2**10  # Nuclio's defaults


class StreamTrigger(msgspec.Struct, frozen=True, tag="stream"):
    """Messages of streams, one after the other. `kind` is as written: kafka-cluster or v3ioStream."""

    name: str
    kind: str
    workers: int
    topics: tuple[str, ...]
    group: str
    ack_mode: str = "disable"


class CronTrigger(msgspec.Struct, frozen=True, tag="cron"):
    """Ticks, `interval_seconds` after the end of the last one or at the times of `schedule`."""

    name: str
    interval_seconds: float | None = None
    schedule: str | None = None
    body: str = ""
    path: str = ""
    method: str = ""
    headers: Mapping[str, str] = {}
    kind: str = "cron"
    workers: int = 1  # ticks never overlap, so one worker does


class HttpTrigger(msgspec.Struct, frozen=True, tag="http"):
    """HTTP requests; `port` 0 leaves the choice to the project's settings."""

    name: str
    workers: int
    port: int = 0
    max_body_bytes: int = MAX_BODY_BYTES
    max_head_bytes: int = MAX_HEAD_BYTES
    worker_wait_seconds: float = 10.0
    kind: str = "http"


Trigger = StreamTrigger | CronTrigger | HttpTrigger


def read_trigger(name: str, value: Mapping[str, Any]) -> Trigger:
    """One trigger of a function.yaml. Raises ConfigError naming the key that is wrong."""
    key = f"spec.triggers.{name}"
    kind = value.get("kind")
    if kind not in READERS:
        raise ConfigError(f"{key}.kind: {kind!r} is not one of {', '.join(READERS)}")
    if not goes_by_key(name, value.get("name")):
        raise ConfigError(f"{key}.name: {value['name']!r} must be {name!r}, or be left out")
    attributes = value.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise ConfigError(f"{key}.attributes: must be `key: value` lines, got {attributes!r}")
    return READERS[kind](name, key, value, attributes)


def _kafka(name: str, key: str, value: Mapping[str, Any], attributes: Mapping[str, Any]) -> StreamTrigger:
    topics = attributes.get("topics")
    if not are_topics(topics):
        raise ConfigError(f"{key}.attributes.topics: must be a list of names, got {topics!r}")
    return _stream(name, key, value, attributes, tuple(topics), attributes.get("consumerGroup"))


def _v3io(name: str, key: str, value: Mapping[str, Any], attributes: Mapping[str, Any]) -> StreamTrigger:
    path, _, group = str(value.get("url", "")).rpartition("@")
    path, group = attributes.get("streamPath") or path, attributes.get("consumerGroup") or group
    if not path:
        raise ConfigError(f"{key}.url: must be http://host/container/path@group, got {value.get('url')!r}")
    return _stream(name, key, value, attributes, (str(path).rstrip("/").rpartition("/")[2],), group)


def _stream(
    name: str,
    key: str,
    value: Mapping[str, Any],
    attributes: Mapping[str, Any],
    topics: tuple[str, ...],
    group: Any,
) -> StreamTrigger:
    if not group or not isinstance(group, str):
        raise ConfigError(f"{key}.attributes.consumerGroup: must be a name, got {group!r}")
    mode = value.get("explicitAckMode", "disable")
    if mode not in ACK_MODES:
        raise ConfigError(f"{key}.explicitAckMode: {mode!r} is not one of {', '.join(ACK_MODES)}")
    if needs_static_workers(mode) and attributes.get("workerAllocationMode") != "static":
        raise ConfigError(
            f"{key}.attributes.workerAllocationMode: must be static with explicitAckMode {mode}, "
            f"got {attributes.get('workerAllocationMode')!r}"
        )
    return StreamTrigger(name, str(value["kind"]), _workers(key, value), topics, group, mode)


def _cron(name: str, key: str, value: Mapping[str, Any], attributes: Mapping[str, Any]) -> CronTrigger:
    interval, schedule = attributes.get("interval"), attributes.get("schedule")
    if not one_clock(interval, schedule):
        raise ConfigError(f"{key}.attributes: needs either interval (10m) or schedule (0 * * * *)")
    event = attributes.get("event") or {}
    try:
        seconds = seconds_of(str(interval)) if interval else None
        if schedule:
            Schedule(str(schedule))
    except ValueError as error:
        raise ConfigError(f"{key}.attributes.{'interval' if interval else 'schedule'}: {error}") from error
    return CronTrigger(
        name=name,
        interval_seconds=seconds,
        schedule=str(schedule) if schedule else None,
        body=str(event.get("body") or ""),
        path=str(event.get("path") or ""),
        method=str(event.get("method") or ""),
        headers={str(header): str(text) for header, text in (event.get("headers") or {}).items()},
    )


def _http(name: str, key: str, value: Mapping[str, Any], attributes: Mapping[str, Any]) -> HttpTrigger:
    return HttpTrigger(
        name=name,
        workers=_workers(key, value),
        port=_whole(attributes.get("port", 0), f"{key}.attributes.port", 0, 65_535),
        max_body_bytes=_whole(
            attributes.get("maxRequestBodySize", MAX_BODY_BYTES), f"{key}.attributes.maxRequestBodySize", 1
        ),
        max_head_bytes=_whole(
            attributes.get("readBufferSize", MAX_HEAD_BYTES), f"{key}.attributes.readBufferSize", 1
        ),
        worker_wait_seconds=_whole(
            value.get("workerAvailabilityTimeoutMilliseconds", 10_000),
            f"{key}.workerAvailabilityTimeoutMilliseconds",
            0,
        )
        / 1000,
    )


def _workers(key: str, value: Mapping[str, Any]) -> int:
    return _whole(value.get("numWorkers", value.get("maxWorkers", 1)), f"{key}.numWorkers", 1)


def _whole(value: Any, key: str, least: int, most: int | None = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{key}: must be a whole number of at least {least}, got {value!r}")
    if most is not None and value > most:
        raise ConfigError(f"{key}: must be a whole number from {least} to {most}, got {value!r}")
    return value


READERS: dict[str, Callable[[str, str, Mapping[str, Any], Mapping[str, Any]], Trigger]] = {
    **dict.fromkeys(KAFKA_KINDS, _kafka),
    **dict.fromkeys(V3IO_KINDS, _v3io),
    "cron": _cron,
    "http": _http,
}
