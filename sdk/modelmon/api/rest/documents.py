"""What the API says of itself: /openapi.json and /docs, both from the table of routes; how it is."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from modelmon.api.asked import Asked
from modelmon.api.openapi import openapi
from modelmon.api.problems import Problem
from modelmon.api.routes import Kind, Opening, Page, Route, all_routes
from modelmon.errors import StoreError, UnavailableError
from modelmon.model import WorkerState


def described(asked: Asked, parameters: Any) -> dict[str, Any]:
    return openapi(all_routes())


def listed(asked: Asked, parameters: Any) -> Page:
    return Page("docs.html", {"document": openapi(all_routes())})


def healthy(asked: Asked, parameters: Any) -> Response:
    """As the other functions say it; 503 while a project's records don't answer."""
    try:
        ready(asked, parameters)
    except UnavailableError as error:
        return _health(503, WorkerState.WAITING, f"waiting for the records: {error}")
    return _health(200, WorkerState.READY, "")


def _health(status: int, state: WorkerState, reason: str) -> Response:
    found = {"state": state.value, "healthy": status == 200, "reason": reason}
    return Response(msgspec.json.encode(found), status, media_type="application/json")


def ready(asked: Asked, parameters: Any) -> dict[str, bool]:
    """Raises Problem 503, or UnavailableError, while a project's records don't answer."""
    try:
        for project in asked.projects.values():
            with project.database.read():
                pass
    except StoreError as error:
        raise Problem(503, str(error)) from None
    return {"ready": True}


ROUTES = (
    Route("GET", "/openapi.json", described, "This API, as an OpenAPI 3.1 document."),
    Route("GET", "/docs", listed, "This API, as a page.", kind=Kind.PAGE),
    Route(
        "GET",
        "/health",
        healthy,
        "The state of this function; 503 with the reason when it does not do its work.",
        kind=Kind.RAW,
        opening=Opening.HEALTH,
    ),
    Route(
        "GET",
        "/readyz",
        ready,
        "Whether the projects' records answer; 503 where they don't.",
        opening=Opening.HEALTH,
    ),
)
