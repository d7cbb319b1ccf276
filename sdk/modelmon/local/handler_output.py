"""What a handler returned, as the platform reads it."""

from __future__ import annotations

import base64
import traceback
from dataclasses import dataclass
from types import AsyncGeneratorType, GeneratorType
from typing import Any

import nuclio_sdk.json_encoder
from nuclio_sdk import Response

EXPLICIT_ONLY = "explicitOnly"
NO_ACK_HEADER = "X-Nuclio-Stream-No-Ack"  # looked up exactly so by Nuclio
_encode = nuclio_sdk.json_encoder.Encoder().encode


@dataclass(frozen=True, slots=True)
class HandlerAnswer:
    """An HTTP answer; a stream trigger looks at the headers only."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, Any]


def check_output(output: Any) -> None:
    """Refuse what Nuclio would read as something else than the answer to one event.

    Raises TypeError for a list, taken for the replies to a batch of events: an HTTP caller gets its first
    item only, and an empty one ends the worker. Generators are refused too.
    """
    if isinstance(output, list):
        raise TypeError(
            "the handler returned a list, which Nuclio reads as a batch of replies; return a dict"
        )
    if isinstance(output, GeneratorType | AsyncGeneratorType):
        raise TypeError("the handler returned a generator; return the whole body")


def acknowledges(ack_mode: str, output: Any) -> bool:
    """Whether this output of a handler lets the message's position be committed, for a trigger's mode."""
    if ack_mode == "enable" and isinstance(output, Response):
        return not output.headers.get(NO_ACK_HEADER)
    return ack_mode != EXPLICIT_ONLY


def answer_of(output: Any) -> HandlerAnswer:
    """Read a handler's return value: text, dict, (status, body), bytes or nuclio_sdk.Response."""
    read = Response.from_entrypoint_output(_encode, output)
    body = read["body"]
    return HandlerAnswer(
        status=read["status_code"],
        body=base64.b64decode(body) if read["body_encoding"] == "base64" else body.encode(),
        content_type=read["content_type"],
        headers=read["headers"],
    )


def failed(error: BaseException) -> Response:
    """What Nuclio answers when a handler raises: 500 with the traceback."""
    body = f'Exception caught in handler - "{error}": {traceback_of(error)}'
    return Response(body=body, status_code=500)


def traceback_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
