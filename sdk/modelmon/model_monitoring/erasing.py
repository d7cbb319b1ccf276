"""Somebody's rows are erased from an endpoint's samples."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from modelmon.errors import ConfigError, no_such
from modelmon.ledger import endpoints
from modelmon.model import Endpoint
from modelmon.model_monitoring.locating import now_us, opened
from modelmon.settings import Settings
from modelmon.stores.samples import open_samples
from modelmon.upkeep.erasing import Erased, erase


def erase_samples(settings: Settings, endpoint: str, where: Mapping[str, str], dry_run: bool) -> Erased:
    """Erase the rows of an endpoint, of this name or id, that have all these values by column; or count them.

    Raises ConfigError for an endpoint or column that is not there, UnavailableError.
    """
    with opened(settings) as database:
        with database.read() as connection:
            meant = _find(connection, endpoint)
        samples = open_samples(settings)
        return erase(database, samples, meant.endpoint_id, where, now_us(), dry_run=dry_run)


def _find(connection: Connection, name: str) -> Endpoint:
    by_id = endpoints.get(connection, name)
    found = [by_id] if by_id else endpoints.find(connection, name=name)
    if not found:
        names = [each.name for each in endpoints.find(connection)]
        raise no_such(f"endpoint: there is no {name!r}", name, names)
    if len(found) > 1:
        ids = ", ".join(each.endpoint_id for each in found)
        raise ConfigError(f"endpoint: {len(found)} are called {name!r}; give the id of one: {ids}")
    return found[0]
