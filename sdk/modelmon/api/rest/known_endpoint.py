"""The endpoint, and the app, that a request is about."""

from __future__ import annotations

from sqlalchemy import Connection

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.errors import no_such
from modelmon.ledger import endpoints, registry
from modelmon.model import Endpoint


def known_endpoint(asked: Asked, connection: Connection) -> Endpoint:
    """The endpoint whose id the address has. Raises Problem 404."""
    found = endpoints.get(connection, asked.path["uid"])
    if found is None:
        raise Problem(404, f"there is no endpoint with the id {asked.path['uid']!r}", "uid")
    return found


def app_meant(connection: Connection, name: str) -> str:
    """The app of this name, of "" the only one. Raises Problem 400 where it is none, or one of several."""
    names = [app.name for app in registry.active_apps(connection)]
    if name in names:
        return name
    if name or not names:
        raise Problem(400, str(no_such(f"application: there is no app {name!r}", name, names)), "application")
    if len(names) > 1:
        raise Problem(400, f"application: say which, {' or '.join(names)}", "application")
    return names[0]
