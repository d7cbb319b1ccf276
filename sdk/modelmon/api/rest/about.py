"""What a project and its server are, for a program that begins to ask; who did what to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelmon import __version__
from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.paging import Paged, whole_number
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.ledger.access_settings import AccessSettings
from modelmon.ledger.window_ledger import project_period
from modelmon.views.deeds import DeedPage, read_deeds

BASE = "/api/v1/projects/{project}"


@dataclass(frozen=True, slots=True)
class About:
    """`version` is ModelMon's that answers, `role` that of who asks; `base_period` is in minutes. With
    `remote_deploy` admins may change what runs here."""

    name: str
    version: str
    platform: str
    base_period: int
    role: str
    remote_deploy: bool


def about(asked: Asked, parameters: Any) -> About:
    settings = asked.settings
    with asked.database.read() as connection:
        period = project_period(connection, settings.base_period)
    may = settings.of(AccessSettings).remote_deploy
    return About(settings.project, __version__, settings.platform, period, asked.user.role.name.lower(), may)


def deeds(asked: Asked, wanted: Paged) -> DeedPage:
    before = whole_number(wanted.page_token)
    if wanted.page_token and before is None:
        raise Problem(400, f"page-token: {wanted.page_token!r} is not what a page ended with", "page-token")
    with asked.database.read() as connection:
        return read_deeds(connection, wanted.page_size, before)


ROUTES = (
    Route("GET", f"{BASE}/about", about, "The project and its server."),
    Route("GET", f"{BASE}/audit", deeds, "Who did what, the newest first.", Paged, role=Role.ADMIN),
)
