"""The ASGI application: routes, static files, headers; projects are opened when first asked for."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as StarletteRoute

from modelmon.api.access import Access
from modelmon.api.headers import SafeHeaders
from modelmon.api.opened import OpenProjects
from modelmon.api.problems import Problem
from modelmon.api.routes import Route, all_routes
from modelmon.api.serving import refusal, serve
from modelmon.api.static_files import serve_static
from modelmon.ledger.access_settings import AccessSettings, listed
from modelmon.settings import Settings

PACKED_FROM_BYTES = 1024
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def make_application(settings: Iterable[Settings], root: str = "") -> Starlette:
    """The page and the API of these projects; `root` is what stands before each path where a proxy or an
    ingress has them below another address, "/monitoring" for example."""
    projects = OpenProjects(settings)
    accesses = {name: Access(project) for name, project in projects.items()}

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        keep_what_is_there()
        yield
        projects.close()

    application = Starlette(
        routes=[*_starlette_routes(all_routes()), StarletteRoute("/static/{version}/{name}", serve_static)],
        middleware=_middleware([each.settings for each in accesses.values()]),
        exception_handlers={HTTPException: _not_found},
        lifespan=lifespan,
    )
    application.state.projects, application.state.root = projects, root
    application.state.accesses = accesses
    return application


def keep_what_is_there() -> None:
    """Modules and routes stay: the garbage collector would walk them in every second request, for longer than
    a third of it."""
    gc.freeze()


def _middleware(settings: Sequence[AccessSettings]) -> list[Middleware]:
    embedding = tuple(origin for each in settings for origin in listed(each.embed_origins))
    calling = [origin for each in settings for origin in listed(each.cors_origins)]
    found = [Middleware(SafeHeaders, embedding), Middleware(GZipMiddleware, minimum_size=PACKED_FROM_BYTES)]
    if calling:
        headers = ["Authorization", "Content-Type"]
        cors = Middleware(CORSMiddleware, allow_origins=calling, allow_methods=METHODS, allow_headers=headers)
        found.insert(1, cors)
    return found


def _starlette_routes(routes: Iterable[Route]) -> list[BaseRoute]:
    return [StarletteRoute(each.path, serve(each), methods=[each.method]) for each in routes]


async def _not_found(request: Request, error: Exception) -> Response:
    """No route, or none with that method."""
    assert isinstance(error, HTTPException)
    as_page = not request.url.path.startswith("/api/")
    reason = f"{request.method} {request.url.path}: {error.detail.lower()}; /docs lists what there is"
    return refusal(Problem(error.status_code, reason), request.app.state.root, as_page=as_page)
