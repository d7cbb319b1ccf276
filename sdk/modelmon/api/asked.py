"""One request as the routes see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from modelmon.api.access import Access
from modelmon.api.opened import OpenProject, OpenProjects
from modelmon.api.problems import Problem
from modelmon.api.roles import LOCAL, User
from modelmon.errors import ConfigError
from modelmon.model_monitoring.whoever import whoever
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.endpoint_facts import Looking


@dataclass(frozen=True, slots=True)
class Asked:
    """`path`: what the address holds in the places of `{names}`; `address`: path and query as they came;
    `root`: what stands before the path where the page lies below another one; `now_us`: the moment of the
    request; `is_by_itself`: a browser shows the answer in a tab, not in a frame of a page."""

    projects: OpenProjects
    path: Mapping[str, str]
    user: User
    now_us: int
    address: str
    root: str = ""
    body: bytes = b""
    access: Access | None = None
    accesses: tuple[Access, ...] = ()
    is_https: bool = False
    is_by_itself: bool = False

    @property
    def who(self) -> str:
        """Who does what is asked: the token's name; where everybody on this machine is let in, its user."""
        return whoever() if self.user is LOCAL else self.user.name

    @property
    def form(self) -> Mapping[str, str]:
        """The fields of the form that was sent."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def form_token(self) -> str:
        """What a form on the page has to carry as `form_token`."""
        assert self.access is not None, "forms are of a project's pages"
        return self.access.form_token(self.user)

    @property
    def project(self) -> OpenProject:
        """The one that the address names. Raises Problem 404."""
        try:
            return self.projects[self.path["project"]]
        except ConfigError as error:
            raise Problem(404, str(error), "project") from None

    @property
    def settings(self) -> Settings:
        return self.project.settings

    @property
    def database(self) -> Database:
        return self.project.database

    @property
    def series(self) -> SeriesStore:
        return self.project.series

    @property
    def looking(self) -> Looking:
        return Looking(self.now_us, self.settings)
