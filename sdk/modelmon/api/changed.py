"""Whether an answer is the one that a program has already: then it is told so, and sent nothing."""

from __future__ import annotations

import hashlib

from starlette.responses import Response


def known_already(answer: Response, known: str) -> Response:
    """The answer with its `ETag`, or 304 where it is among those `known` (the header `If-None-Match`).

    Whoever keeps it has to ask each time whether it still holds.
    """
    tag = f'W/"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if _opaque(tag) in {_opaque(each) for each in known.split(",")} or known.strip() == "*":
        return Response(status_code=304, headers=headers)
    answer.headers.update(headers)
    return answer


def _opaque(tag: str) -> str:
    """Weak or strong is the same here, and a proxy that packs answers may have marked it."""
    return tag.strip().removeprefix("W/").strip('"').removesuffix("-gzip")
