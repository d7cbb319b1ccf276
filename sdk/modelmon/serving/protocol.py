"""The V2 inference protocol over HTTP: paths and bodies in, JSON out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from modelmon.errors import RejectedError
from modelmon.wire.plain_lists import plain

PREFIX = "/v2/models"
HEALTH = "/v2/health"
JSON = "application/json"
TEXT = "text/plain"
DICT_OPERATIONS = frozenset({"infer_dict", "predict_dict"})
OPERATIONS = frozenset({"infer", "predict", "explain"}) | DICT_OPERATIONS


class Reply(NamedTuple):
    """What goes back to the caller."""

    status: int
    body: bytes
    content_type: str


class RequestPath(NamedTuple):
    """What a path asks for; "" where it does not say."""

    model: str
    operation: str


class Request:
    """One request as a custom operation (`op_…`) gets it."""

    __slots__ = ("body", "headers", "id", "method", "path")

    def __init__(self, id: str, method: str, path: str, headers: Mapping[str, str], body: Any) -> None:
        self.id = id
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body


def read_target(path: str) -> RequestPath:
    """The model ("name" or "name:version") and operation of a path below /v2/models.

    Raises RejectedError for another path.

    >>> read_target("/v2/models/delay/versions/v1/infer")
    RequestPath(model='delay:v1', operation='infer')
    """
    path = path.partition("?")[0]
    if path in ("", "/"):
        return RequestPath("", "")
    if path != PREFIX and not path.startswith(PREFIX + "/"):
        raise RejectedError(f"paths start with {PREFIX} or are {HEALTH}, got {path!r}")
    parts = [part for part in path[len(PREFIX) :].split("/") if part]
    if len(parts) >= 3 and parts[1] == "versions":
        parts = [f"{parts[0]}:{parts[2]}", *parts[3:]]
    return RequestPath(parts[0] if parts else "", "/".join(parts[1:]))


def read_body(body: Any, content_type: str) -> dict[str, Any]:
    """The request as a dict: parsed JSON, an already parsed dict, or {"inputs": [image]} for an image.

    An absent body is an empty dict. Raises RejectedError for anything else.
    """
    if isinstance(body, dict):
        _check_text(body)
        return body
    if content_type.startswith("image/"):
        return {"inputs": [body]}
    if isinstance(body, bytes | bytearray | memoryview | str):
        if not len(body):
            return {}
        body = read_json(body)
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise RejectedError(f'the body must be a JSON object with "inputs", got a {type(body).__name__}')
    return body


def read_json(body: bytes | bytearray | memoryview | str) -> Any:
    """Parsed JSON; NaN and Infinity, which Python clients write, are taken too. Raises RejectedError."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        reason = str(error)
    try:
        value = json.loads(bytes(body) if isinstance(body, memoryview) else body)
        msgspec.json.encode(value)  # a lone surrogate can be neither answered nor logged
    except (ValueError, RecursionError):
        raise RejectedError(f"the body is not JSON: {reason}") from None
    return value


def _check_text(body: dict[str, Any]) -> None:
    """RejectedError for what `read_json` would not let in: text that can be neither answered nor logged."""
    try:
        try:
            _pack(body)
        except OverflowError:  # an integer that MessagePack has no room for
            json.dumps(body, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        found = ascii(error.object[error.start : error.end])
        raise RejectedError(f"the body holds half a character, {found}, which is no text") from None
    except RecursionError:
        raise RejectedError("the body is nested too deeply") from None
    except (TypeError, ValueError):
        return  # a caller in this process, with values that no request can hold


# Several times as fast as JSON; what it is of other types is not asked here.
_pack = msgspec.msgpack.Encoder(enc_hook=lambda value: None).encode


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, Iterator) else plain(value)


write_json = msgspec.json.Encoder(enc_hook=_plain).encode
"""JSON bytes of a response: arrays become lists, frames rows, generators lists, NaN and infinities null."""


def answer(value: Any) -> Reply:
    """A value as the reply it is: text and bytes as they are, everything else as JSON."""
    if isinstance(value, bytes | str):
        return Reply(200, value.encode() if isinstance(value, str) else value, TEXT)
    return Reply(200, write_json(value), JSON)


def text(status: int, message: str) -> Reply:
    """A plain text reply."""
    return Reply(status, message.encode("utf-8", "replace"), TEXT)
