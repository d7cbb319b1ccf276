"""The first page: the project, or those to choose from."""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse

from modelmon.api.asked import Asked
from modelmon.api.frame import address
from modelmon.api.routes import Kind, Page, Route


def first(asked: Asked, parameters: Any) -> RedirectResponse | Page:
    """The endpoints of the only project, else the projects to choose from."""
    if len(asked.projects) == 1:
        (name,) = asked.projects
        return RedirectResponse(f"{asked.root}/projects/{name}/endpoints")
    return Page("projects.html", {"projects": tuple(asked.projects)})


def of_project(asked: Asked, parameters: Any) -> RedirectResponse:
    return RedirectResponse(address(asked, "endpoints"))


ROUTES = (
    Route("GET", "/", first, "The project, or the projects to choose from.", kind=Kind.PAGE),
    Route("GET", "/projects/{project}", of_project, "The project's endpoints.", kind=Kind.PAGE),
)
