"""The first page, and the endpoints of a project."""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, here
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.time_range import Ranged
from modelmon.views.endpoints import PAGE, EndpointQuery, Sort, list_endpoints


class EndpointsShown(Ranged, kw_only=True, frozen=True):
    """Parameters of the list of endpoints: filters as in `modelmon status`, `after` the page before."""

    state: tuple[str, ...] = ()
    q: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    function: tuple[str, ...] = ()
    sort: Sort = "trouble"
    limit: int = PAGE
    after: str = ""


def first(asked: Asked, parameters: Any) -> RedirectResponse | Page:
    """The endpoints of the only project, else the projects to choose from."""
    if len(asked.projects) == 1:
        (name,) = asked.projects
        return RedirectResponse(f"{asked.root}/projects/{name}/endpoints")
    return Page("projects.html", {"projects": tuple(asked.projects)})


def of_project(asked: Asked, parameters: Any) -> RedirectResponse:
    return RedirectResponse(address(asked, "endpoints"))


def endpoints(asked: Asked, shown: EndpointsShown) -> Page:
    """The worst first, in pages, with the reason in words."""
    patterns = [each if "*" in each else f"*{each}*" for each in shown.q]
    query = EndpointQuery(
        shown.state, patterns, shown.app, shown.function, shown.sort, shown.limit, shown.after
    )
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "endpoints", shown)
        page = list_endpoints(connection, asked.looking, query)
    more = here(asked, after=page.after) if page.after else ""
    return Page("endpoints.html", {"frame": frame, "page": page, "shown": shown, "more": more})


ROUTES = (
    Route("GET", "/", first, "The project, or the projects to choose from.", kind=Kind.PAGE),
    Route("GET", "/projects/{project}", of_project, "The project's endpoints.", kind=Kind.PAGE),
    Route(
        "GET", "/projects/{project}/endpoints", endpoints, "The endpoints, the worst first.", EndpointsShown,
        kind=Kind.PAGE,
    ),
)  # fmt: skip
