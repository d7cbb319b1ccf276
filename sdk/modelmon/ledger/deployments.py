"""The history of deployments: when a model, a reference or a function came anew, and what it was before.

An identity is a text in words with a hash at its end. What is deployed again as it was is no deployment.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Literal

import msgspec
from sqlalchemy import Column as Col
from sqlalchemy import ColumnElement, Connection, Index, Table, and_, select

from modelmon.counting import count
from modelmon.ledger.metadata import NAME, metadata
from modelmon.model import Endpoint
from modelmon.sql.types import BIG, LongText, Name

Kind = Literal["model", "reference", "function"]
MODEL, REFERENCE, FUNCTION = "model", "reference", "function"
HASH = 8
"""So many characters of a hash tell two identities apart for whoever reads them."""

deployments = Table(  # written with the records of endpoints and functions
    "deployments", metadata,
    Col("deployment_id", BIG, primary_key=True, autoincrement=True),
    Col("at_us", BIG, nullable=False),
    Col("kind", Name(16), nullable=False),
    Col("endpoint_id", Name(64), nullable=False),  # "" of a function
    Col("function_name", Name(NAME), nullable=False),  # "" of a model and a reference
    Col("before", LongText, nullable=False),  # "" of the first
    Col("after", LongText, nullable=False),  # "" where it was taken away
    Index("deployments_of_subject", "endpoint_id", "function_name", "kind", "deployment_id"),
    Index("deployments_by_time", "at_us"),
)  # fmt: skip


def hash_of(*parts: bytes) -> str:
    """Of these bytes, short.

    >>> hash_of(b"a", b"b")
    'fb8e20fc'
    """
    found = sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()[:HASH]


def model_identity(endpoint: Endpoint, files: str = "") -> str:
    """What is served: where the model is, its version and class; `files` is the hash of its files."""
    said = [endpoint.model_uri, endpoint.version and f"version {endpoint.version}", endpoint.model_class]
    return ", ".join([*filter(None, said), *([f"files {files}"] if files else [])]) or "no model named"


def reference_identity(endpoint: Endpoint) -> str:
    """What is compared with; "" without a reference."""
    stats = endpoint.feature_stats
    if not stats:
        return ""
    rows = max((each.get("count") or 0 for each in stats.values() if isinstance(each, dict)), default=0)
    digest = hash_of(msgspec.json.encode(stats, order="sorted"))
    return f"{count(int(rows), 'row')}, {count(len(stats), 'column')}, {digest}"


def note_new(connection: Connection, found: Iterable[Endpoint], now_us: int) -> None:
    """Endpoints that were not there before."""
    rows = [
        _row(kind, each.endpoint_id, "", "", after, now_us)
        for each in found
        for kind, after in ((MODEL, model_identity(each)), (REFERENCE, reference_identity(each)))
        if after
    ]
    if rows:
        connection.execute(deployments.insert(), rows)


def note_endpoint(connection: Connection, endpoint: Endpoint, now_us: int, files: str = "") -> None:
    """The model and the reference of an endpoint as they are now; without `files` nothing is said of the
    model's files."""
    last = _last(connection, MODEL, endpoint.endpoint_id, "")
    after = model_identity(endpoint, files)
    if last is None or (last != after and (files or last.partition(", files ")[0] != after)):
        _note(connection, MODEL, endpoint.endpoint_id, "", last, after, now_us)
    last = _last(connection, REFERENCE, endpoint.endpoint_id, "")
    after = reference_identity(endpoint)
    if (last or "") != after:
        _note(connection, REFERENCE, endpoint.endpoint_id, "", last, after, now_us)


def note_function(connection: Connection, name: str, after: str, now_us: int) -> None:
    """What a function is now; "": it is deployed no longer."""
    last = _last(connection, FUNCTION, "", name)
    if (last or "") != after:
        _note(connection, FUNCTION, "", name, last, after, now_us)


def of_subject(kind: str, endpoint_id: str, function_name: str) -> ColumnElement[bool]:
    columns = deployments.c
    return and_(
        columns.endpoint_id == endpoint_id, columns.function_name == function_name, columns.kind == kind
    )


def _last(connection: Connection, kind: str, endpoint_id: str, function_name: str) -> str | None:
    query = select(deployments.c.after).where(of_subject(kind, endpoint_id, function_name))
    return connection.scalar(query.order_by(deployments.c.deployment_id.desc()).limit(1))


def _note(
    connection: Connection,
    kind: str,
    endpoint_id: str,
    function_name: str,
    last: str | None,
    after: str,
    now_us: int,
) -> None:
    row = _row(kind, endpoint_id, function_name, last or "", after, now_us)
    connection.execute(deployments.insert(), [row])


def _row(
    kind: str, endpoint_id: str, function_name: str, before: str, after: str, at_us: int
) -> dict[str, Any]:
    return {
        "at_us": at_us, "kind": kind, "endpoint_id": endpoint_id, "function_name": function_name,
        "before": before, "after": after,
    }  # fmt: skip
