"""Who asks, and whether they may."""

from __future__ import annotations

from starlette.requests import Request

from modelmon.api.problems import Problem
from modelmon.api.roles import LOCAL, User
from modelmon.api.routes import Route


def user_of(request: Request, route: Route) -> User:
    """Raises Problem 401 for nobody, 403 for one whose role is not enough."""
    user = LOCAL
    if user.role < route.role:
        raise Problem(403, f"{route.method} {route.path} needs the role {route.role.name.lower()}")
    return user
