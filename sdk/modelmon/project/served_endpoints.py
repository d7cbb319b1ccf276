"""The endpoints of a serving function: new ones are there before it runs, others become what it serves then.

A deployment may take minutes and fail; the old model answers meanwhile, and has its own reference.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from modelmon.ledger import endpoints
from modelmon.model import wall_clock_us
from modelmon.model_monitoring import endpoints as registered
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.whole_folders import folder_hash
from modelmon.project.served_models import DeployedModel
from modelmon.settings import Settings


def register_new(settings: Settings, wanted: Sequence[DeployedModel]) -> None:
    """Endpoints are there before their first event; those that are there already stay as they are until what
    serves them is deployed. Raises ConfigError for what can't be registered."""
    with opened(settings) as database, database.write() as connection:
        known = endpoints.get_many(connection, [each.endpoint.endpoint_id for each in wanted])
        for each in wanted:
            found = known.get(each.endpoint.endpoint_id)
            if found is None:
                _put(connection, each)
            else:
                registered.check(found, each.endpoint, each.artifact.profile if each.artifact else "")


def register(settings: Settings, wanted: Sequence[DeployedModel]) -> None:
    """All of them as they are served from now on."""
    with opened(settings) as database, database.write() as connection:
        for each in wanted:
            _put(connection, each)


def _put(connection: Connection, wanted: DeployedModel) -> None:
    files = folder_hash(wanted.artifact.files) if wanted.artifact else ""
    made = wanted.artifact.references if wanted.artifact else ("", "", "")
    registered.register(connection, wanted.endpoint, wall_clock_us(), files, *made)
