"""The endpoint that a request is about."""

from __future__ import annotations

from sqlalchemy import Connection

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.ledger import endpoints
from modelmon.model import Endpoint


def known_endpoint(asked: Asked, connection: Connection) -> Endpoint:
    """The endpoint whose id the address has. Raises Problem 404."""
    found = endpoints.get(connection, asked.path["uid"])
    if found is None:
        raise Problem(404, f"there is no endpoint with the id {asked.path['uid']!r}", "uid")
    return found
