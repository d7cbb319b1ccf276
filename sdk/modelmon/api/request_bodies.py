"""The body of a request, bounded: a long one is read of somebody who may send it alone."""

from __future__ import annotations

from starlette.requests import Request

from modelmon.api.problems import Problem

USUAL_BYTES = 2_000_000


async def body_of(request: Request, most_bytes: int = USUAL_BYTES) -> bytes:
    """Raises Problem 413 for a body that is longer; the rest of it is not read."""
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > most_bytes:
            raise Problem(
                413, f"the body of the request is longer than the {most_bytes:,} bytes that are taken"
            )
    return bytes(found)
