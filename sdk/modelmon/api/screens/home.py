"""The first page: the project, or those to choose from, each in a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.responses import RedirectResponse

from modelmon.api.access import needs_login
from modelmon.api.asked import Asked
from modelmon.api.each_project import LATE, ask_each
from modelmon.api.frame import address
from modelmon.api.opened import OpenProject
from modelmon.api.routes import Kind, Page, Route
from modelmon.errors import ModelMonError
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoint_states import WORST_FIRST
from modelmon.views.project_line import ProjectLine, read_project_line


@dataclass(frozen=True, slots=True)
class Shown:
    """A project to choose: its line, or the `problem` why there is none; neither where it needs a login."""

    project: str
    line: ProjectLine | None = None
    problem: str = ""

    @property
    def trouble(self) -> tuple[int, str]:
        """A key to sort by: what can't be read first, then the worst."""
        if self.problem:
            return -1, self.project
        states = self.line.by_state if self.line else {}
        return min(map(WORST_FIRST.index, states), default=len(WORST_FIRST)), self.project


def first(asked: Asked, parameters: Any) -> RedirectResponse | Page:
    """The endpoints of the only project, else the projects to choose from."""
    if len(asked.projects) == 1:
        (name,) = asked.projects
        return RedirectResponse(f"{asked.root}/projects/{name}/endpoints")
    lines = ask_each(asked.projects.values(), lambda each: _read(each, asked.now_us), _late)
    shown = sorted(lines.values(), key=lambda each: each.trouble)
    return Page("projects.html", {"shown": shown})


def _read(project: OpenProject, now_us: int) -> Shown:
    if needs_login(project.settings):  # who may see this page need not be one of its users
        return Shown(project.name)
    try:
        with project.database.read() as connection:
            return Shown(project.name, read_project_line(connection, Looking(now_us, project.settings)))
    except ModelMonError as error:
        return Shown(project.name, problem=str(error))


def _late(name: str) -> Shown:
    return Shown(name, problem=LATE)


def of_project(asked: Asked, parameters: Any) -> RedirectResponse:
    return RedirectResponse(address(asked, "endpoints"))


ROUTES = (
    Route("GET", "/", first, "The project, or the projects to choose from.", kind=Kind.PAGE),
    Route("GET", "/projects/{project}", of_project, "The project's endpoints.", kind=Kind.PAGE),
)
