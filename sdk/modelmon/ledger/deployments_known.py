"""Databases that kept the last time of a deployment alone get a history of what they know."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, select

from modelmon.ledger import deployments as history
from modelmon.ledger.deployments import deployments
from modelmon.ledger.schema import endpoints, functions
from modelmon.model import Endpoint


def make_history(connection: Connection) -> None:
    """One entry of each model, reference and function that is there; the hash of a code is not known."""
    deployments.create(connection, checkfirst=True)
    columns = ("endpoint_id", "project", "name", "model_class", "model_uri", "version", "feature_stats")
    times = (endpoints.c.created_us, endpoints.c.updated_us)
    for row in connection.execute(select(*(endpoints.c[name] for name in columns), *times)).all():
        endpoint = _endpoint(row)
        _add(connection, history.MODEL, row.created_us, history.model_identity(endpoint), endpoint_id=row[0])
        if reference := history.reference_identity(endpoint):
            _add(connection, history.REFERENCE, row.updated_us, reference, endpoint_id=row[0])
    deployed = select(functions.c.name, functions.c.spec, functions.c.updated_us)
    for name, spec, at_us in connection.execute(deployed.where(functions.c.deployed.is_(True))).all():
        after = f"{name} {history.hash_of(spec.encode())}"
        _add(connection, history.FUNCTION, at_us, after, function_name=name)


def _endpoint(row: Any) -> Endpoint:
    stats = msgspec.json.decode(row.feature_stats or "{}")
    return Endpoint(
        row.endpoint_id, row.project, row.name, model_class=row.model_class, model_uri=row.model_uri,
        version=row.version, feature_stats=stats,
    )  # fmt: skip


def _add(
    connection: Connection,
    kind: str,
    at_us: int,
    after: str,
    *,
    endpoint_id: str = "",
    function_name: str = "",
) -> None:
    values = {"endpoint_id": endpoint_id, "function_name": function_name, "before": "", "after": after}
    connection.execute(deployments.insert().values(at_us=at_us, kind=kind, **values))
