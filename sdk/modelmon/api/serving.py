"""From a Starlette request to a route's function and back."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from modelmon.api.access import user_of
from modelmon.api.asked import Asked
from modelmon.api.parameters import read_parameters
from modelmon.api.problems import Problem
from modelmon.api.routes import Kind, Page, Route
from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.model import wall_clock_us
from modelmon.pages import render
from modelmon.views.encoding import to_json

logger = logging.getLogger(__name__)

JSON, HTML = "application/json", "text/html; charset=utf-8"
RETRY_SECONDS = 5


def serve(route: Route) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint that Starlette calls for a route. Reading happens in a thread: databases wait."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_answered, route, request, body)

    return endpoint


def _answered(route: Route, request: Request, body: bytes) -> Response:
    try:
        user = user_of(request, route)
        parameters = read_parameters(route.parameters, request.query_params.multi_items())
        asked = Asked(
            request.app.state.projects, request.path_params, user, wall_clock_us(), _address(request),
            _root(request), body,
        )  # fmt: skip
        return response(route, asked, route.answer(asked, parameters))
    except Exception as error:  # the seam: whatever a route raises becomes an answer
        return refusal(problem_of(error), _root(request), as_page=route.kind is Kind.PAGE)


def response(route: Route, asked: Asked, found: Any) -> Response:
    """What the route's function returned, as an answer."""
    if isinstance(found, Response):
        return found
    if isinstance(found, Page):
        return Response(
            render(found.template, root=asked.root, **found.values), found.status, media_type=HTML
        )
    return Response(msgspec.json.encode(to_json(found)), media_type=JSON)


def problem_of(error: Exception) -> Problem:
    """What a failure is to the one who asked; of a bug only where to look."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, UnavailableError):
        return Problem(503, str(error))
    if isinstance(error, RejectedError):
        return Problem(400, error.reason, error.field)
    if isinstance(error, ConfigError):
        return Problem(400, str(error))
    number = uuid4().hex[:12]
    logger.error("request %s failed: %s", number, error, exc_info=error)
    return Problem(500, f"an error of ours: the log has it under {number}")


def refusal(problem: Problem, root: str, *, as_page: bool) -> Response:
    """`{"detail": {"reason": …, "field": …}}`, or the same as a page."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if problem.status == 503 else {}
    if as_page:
        text = render("problem.html", root=root, problem=problem)
        return Response(text, problem.status, headers=headers, media_type=HTML)
    detail: dict[str, str] = {"reason": problem.reason}
    if problem.field:
        detail["field"] = problem.field
    return Response(msgspec.json.encode({"detail": detail}), problem.status, headers=headers, media_type=JSON)


def _address(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return quote(request.url.path) + query


def _root(request: Request) -> str:
    root: str = request.app.state.root
    return root
