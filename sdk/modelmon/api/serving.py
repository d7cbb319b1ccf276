"""From a Starlette request to a route's function and back."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from modelmon.api.access import Access
from modelmon.api.asked import Asked
from modelmon.api.changed import known_already
from modelmon.api.guard import SAFE, check_role, check_write, user_of
from modelmon.api.parameters import read_parameters
from modelmon.api.problems import Problem
from modelmon.api.remote_deploy import check_allowed, longest_body
from modelmon.api.request_bodies import USUAL_BYTES, body_of
from modelmon.api.roles import NOBODY
from modelmon.api.routes import Kind, Page, Route
from modelmon.errors import ConfigError, ModelMonError, RejectedError, StoreError, UnavailableError
from modelmon.ledger.access import Deed, note
from modelmon.model import wall_clock_us
from modelmon.pages import render
from modelmon.views.encoding import to_json

logger = logging.getLogger(__name__)

JSON, HTML = "application/json", "text/html; charset=utf-8"
RETRY_SECONDS = 5


def serve(route: Route) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint that Starlette calls for a route. Reading happens in a thread: databases wait."""

    async def endpoint(request: Request) -> Response:
        try:
            most = USUAL_BYTES
            if route.takes_archive:
                most = await run_in_threadpool(_longest_body, route, request)
            body = await body_of(request, most)
        except Exception as error:  # the seam, as below
            return _refused(route, request, problem_of(error), _access(request))
        return await run_in_threadpool(_answered, route, request, body)

    return endpoint


def _access(request: Request) -> Access | None:
    known: Mapping[str, Access] = request.app.state.accesses
    return known.get(request.path_params.get("project", ""))


def _longest_body(route: Route, request: Request) -> int:
    """Of who asks. Raises Problem as `user_of` and `check_role`, and where nobody brings an archive."""
    known: Mapping[str, Access] = request.app.state.accesses
    access = _access(request)
    accesses = [access] if access else [*known.values()]
    check_role(user_of(request, route, accesses, wall_clock_us()), route, accesses)
    if access is None:
        return USUAL_BYTES
    check_allowed(access.project.settings)
    return longest_body(access.project.settings)


def _answered(route: Route, request: Request, body: bytes) -> Response:
    now_us, root = wall_clock_us(), _root(request)
    known: Mapping[str, Access] = request.app.state.accesses
    access, user = _access(request), NOBODY
    try:
        accesses = [access] if access else [*known.values()]
        user = user_of(request, route, accesses, now_us)
        check_role(user, route, accesses)
        check_write(user, route, request.headers, body, access)
        parameters = read_parameters(route.parameters, request.query_params.multi_items())
        asked = Asked(
            request.app.state.projects, request.path_params, user, now_us, _address(request), root, body,
            access, tuple(known.values()), request.url.scheme == "https",
            request.headers.get("sec-fetch-dest") == "document",
        )  # fmt: skip
        answer = response(route, asked, route.answer(asked, parameters))
        if route.kind is Kind.JSON and route.method in SAFE:
            answer = known_already(answer, request.headers.get("if-none-match", ""))
    except Exception as error:  # the seam: whatever a route raises becomes an answer
        answer = _refused(route, request, problem_of(error), access)
    # What a stranger is refused leaves no row: anybody could fill the ledger with them.
    is_noted = route.audits and answer.status_code < 400
    changes = route.method not in SAFE and not route.only_looks
    if changes and access is not None and answer.status_code != 401 and not is_noted:
        _note(
            access,
            Deed(
                now_us, user.name, f"{route.method} {route.path}", request.url.path, str(answer.status_code)
            ),
        )
    return answer


def _refused(route: Route, request: Request, problem: Problem, access: Access | None) -> Response:
    """As JSON, as a page; whoever only has to log in is shown where."""
    root = _root(request)
    by_login = access is None or access.settings.auth == "token"
    if problem.status == 401 and route.kind is Kind.PAGE and route.method == "GET" and by_login:
        return RedirectResponse(_login(root, _address(request)), 303)
    back = _came_from(request) if route.method != "GET" else ""
    login = _login(root, back) if problem.status == 401 and by_login else ""
    return refusal(problem, root, as_page=route.kind is Kind.PAGE, back=back, login=login)


def _login(root: str, following: str) -> str:
    """Where one logs in, and is led on from."""
    return f"{root}/login?{urlencode({'next': following})}"


def _came_from(request: Request) -> str:
    """The page of ours that the form stands on, "" where the browser does not say."""
    parts = urlsplit(request.headers.get("referer", ""))
    if not parts.netloc or parts.netloc != request.headers.get("host"):
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _note(access: Access, deed: Deed) -> None:
    """What people did is kept, whatever came of it."""
    try:
        with access.project.database.write() as connection:
            note(connection, deed)
    except ModelMonError as error:
        logger.error("%s by %r could not be noted: %s", deed.what, deed.who, error)


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
    if isinstance(error, StoreError):
        return Problem(500, str(error))
    if isinstance(error, ConfigError):
        return Problem(400, str(error))
    number = uuid4().hex[:12]
    logger.error("request %s failed: %s", number, error, exc_info=error)
    return Problem(500, f"an error of ours: the log has it under {number}")


def refusal(problem: Problem, root: str, *, as_page: bool, back: str = "", login: str = "") -> Response:
    """`{"detail": {"reason": …, "field": …}}`, or the same as a page, which leads `back` and to a `login`."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if problem.status == 503 else {}
    if as_page:
        text = render("problem.html", root=root, problem=problem, back=back, login=login)
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
