"""What the API says of itself: /openapi.json and /docs, both from the table of routes; how it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from modelmon.api.asked import Asked
from modelmon.api.each_project import LATE, ask_each
from modelmon.api.openapi import openapi
from modelmon.api.opened import OpenProject
from modelmon.api.problems import Problem
from modelmon.api.routes import Kind, Opening, Page, Route, all_routes
from modelmon.errors import ModelMonError
from modelmon.model import WorkerState


def described(asked: Asked, parameters: Any) -> dict[str, Any]:
    return openapi(all_routes())


def listed(asked: Asked, parameters: Any) -> Page:
    return Page("docs.html", {"document": openapi(all_routes())})


@dataclass(frozen=True, slots=True)
class Ready:
    """`unread`: the projects whose records don't answer, each with the reason."""

    ready: bool
    unread: Mapping[str, str]


def healthy(asked: Asked, parameters: Any) -> Response:
    """As the other functions say it; 503 while no project's records answer."""
    unread = _unread(asked)
    reason = f"waiting for the records: {_told(unread)}" if unread else ""
    if unread and len(unread) == len(asked.projects):
        return _health(503, WorkerState.WAITING, reason)
    return _health(200, WorkerState.READY, reason)


def _health(status: int, state: WorkerState, reason: str) -> Response:
    found = {"state": state.value, "healthy": status == 200, "reason": reason}
    return Response(msgspec.json.encode(found), status, media_type="application/json")


def ready(asked: Asked, parameters: Any) -> Ready:
    """Of several projects one that can't be read takes no other with it.

    Raises Problem 503 where none can be read.
    """
    unread = _unread(asked)
    if unread and len(unread) == len(asked.projects):
        raise Problem(503, _told(unread))
    return Ready(True, unread)


def _unread(asked: Asked) -> dict[str, str]:
    found = ask_each(asked.projects.values(), _why_not, lambda name: LATE)
    return {name: reason for name, reason in found.items() if reason}


def _why_not(project: OpenProject) -> str:
    try:
        with project.database.read():
            return ""
    except ModelMonError as error:
        return str(error)


def _told(unread: Mapping[str, str]) -> str:
    if len(unread) == 1:
        return next(iter(unread.values()))
    return "; ".join(f"{name}: {reason}" for name, reason in unread.items())


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
        "Whether the projects' records answer, and of which not; 503 where none do.",
        opening=Opening.HEALTH,
    ),
)
