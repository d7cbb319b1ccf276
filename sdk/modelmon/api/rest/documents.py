"""What the API says of itself: /openapi.json and /docs, both from the table of routes; /readyz."""

from __future__ import annotations

from typing import Any

from modelmon.api.asked import Asked
from modelmon.api.openapi import openapi
from modelmon.api.routes import Kind, Opening, Page, Route, all_routes


def described(asked: Asked, parameters: Any) -> dict[str, Any]:
    return openapi(all_routes())


def listed(asked: Asked, parameters: Any) -> Page:
    return Page("docs.html", {"document": openapi(all_routes())})


def ready(asked: Asked, parameters: Any) -> dict[str, bool]:
    """Raises UnavailableError while a project's records don't answer."""
    for project in asked.projects.values():
        with project.database.read():
            pass
    return {"ready": True}


ROUTES = (
    Route("GET", "/openapi.json", described, "This API, as an OpenAPI 3.1 document."),
    Route("GET", "/docs", listed, "This API, as a page.", kind=Kind.PAGE),
    Route(
        "GET",
        "/readyz",
        ready,
        "Whether the projects' records answer; 503 where they don't.",
        opening=Opening.HEALTH,
    ),
)
