"""What a project and its server are, for a program that begins to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelmon import __version__
from modelmon.api.asked import Asked
from modelmon.api.routes import Route
from modelmon.ledger.access_settings import AccessSettings
from modelmon.ledger.window_ledger import project_period


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


ROUTES = (Route("GET", "/api/v1/projects/{project}/about", about, "The project and its server."),)
