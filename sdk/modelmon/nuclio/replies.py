"""Bodies as they come, answers as they have to leave."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from nuclio_sdk import Response

from modelmon.errors import ModelMonError, RejectedError, UnavailableError

logger = logging.getLogger(__name__)


def body_bytes(event: Any) -> bytes:
    """The body as it was sent; Nuclio parses it where the content type is exactly application/json."""
    body = event.body
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    # Not msgspec: it would turn the NaN that json.loads let in into null.
    return b"" if body is None else json.dumps(body, separators=(",", ":")).encode()


def reply(status: int, value: Mapping[str, Any]) -> Response:
    """A strict JSON answer: NaN and infinities become null, NumPy's values plain numbers and lists."""
    body = msgspec.json.encode(dict(value), enc_hook=_plain).decode()
    return Response(body=body, content_type="application/json", status_code=status)


def told(error: BaseException) -> str:
    """What others than the log may know of a failure: our own errors say why, a bug only where to look."""
    return str(error) if isinstance(error, ModelMonError) else "internal error, see the function's log"


def failure(event: Any, error: BaseException) -> Response:
    """The answer to a request that failed: our own errors say why, a bug only where to look."""
    if isinstance(error, ModelMonError):
        status = (
            400 if isinstance(error, RejectedError) else 503 if isinstance(error, UnavailableError) else 500
        )
        logger.warning("answered %d: %s", status, error)
    else:
        status = 500
        logger.error("event %s failed: %s", event.id, error, exc_info=error)
    return reply(status, {"error": told(error), "id": str(event.id)})


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
