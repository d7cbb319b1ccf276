"""Our style sheet and modules, at an address that changes with what they hold: kept by browsers for ever."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from modelmon.pages.assets import asset, assets_version

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


async def serve_static(request: Request) -> Response:
    """404 for a file that is not there; an older version's address gets the file, but not for ever."""
    name = request.path_params["name"]
    body = asset(name)
    if body is None:
        return Response("there is no such file", 404, media_type="text/plain")
    is_current = request.path_params["version"] == assets_version()
    headers = {"Cache-Control": FOREVER if is_current else "no-cache"}
    return Response(body, headers=headers, media_type=TYPES[name.rpartition(".")[2]])
