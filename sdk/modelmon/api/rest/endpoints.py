"""Endpoints, as our own clients read them."""

from __future__ import annotations

from modelmon.api.asked import Asked
from modelmon.api.routes import Route
from modelmon.api.screens.endpoints import EndpointsShown
from modelmon.views.endpoints import EndpointPage, list_endpoints

BASE = "/api/v1/projects/{project}"


def endpoints(asked: Asked, shown: EndpointsShown) -> EndpointPage:
    with asked.database.read() as connection:
        return list_endpoints(connection, asked.looking, shown.query)


ROUTES = (Route("GET", f"{BASE}/endpoints", endpoints, "The endpoints, the worst first.", EndpointsShown),)
