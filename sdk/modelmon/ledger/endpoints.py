"""The endpoints' own records: who is monitored, with which schema, reference and policy.

Written by the SDK; the stream function adds discovered endpoints and the names it learns.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, select, update
from sqlalchemy import delete as delete_from

from modelmon.column_names import stored_names
from modelmon.errors import ConfigError, RejectedError
from modelmon.ledger import outbox
from modelmon.ledger.deployments import note_endpoint, note_new
from modelmon.ledger.facts import endpoint_fact
from modelmon.ledger.outbox import Fact
from modelmon.ledger.schema import endpoints, traffic
from modelmon.model import Endpoint, from_us, to_us
from modelmon.sql.statements import chunks, insert_missing, upsert

_APART = re.compile(r"(?P<name>.+) \((?P<which>[^()]+)\)", re.DOTALL)
_JSON = ("labels", "feature_names", "label_names", "feature_stats", "policy")
_PLAIN = (
    "endpoint_id", "project", "name", "function_name", "function_uri", "model_class", "model_uri",
    "version", "endpoint_type", "mode", "discovered", "profile_hash",
    "performance_hash",
)  # fmt: skip


def get(connection: Connection, endpoint_id: str) -> Endpoint | None:
    """The endpoint of this id, or None."""
    return get_many(connection, [endpoint_id]).get(endpoint_id)


def get_many(connection: Connection, ids: Iterable[str]) -> dict[str, Endpoint]:
    """The endpoints of these ids, by id; ids that nobody registered are absent."""
    found: dict[str, Endpoint] = {}
    for chunk in chunks(dict.fromkeys(ids)):
        for endpoint in _read(connection, select(endpoints).where(endpoints.c.endpoint_id.in_(chunk))):
            found[endpoint.endpoint_id] = endpoint
    return found


def hold(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Which of these are registered; they stay so until the transaction ends."""
    found: set[str] = set()
    for chunk in chunks(sorted(ids)):
        query = select(endpoints.c.endpoint_id).where(endpoints.c.endpoint_id.in_(chunk))
        # In the order of the key, as whoever locks several; on PostgreSQL it stands in nobody's way but of
        # who deletes one.
        query = query.order_by(endpoints.c.endpoint_id).with_for_update(read=True, key_share=True)
        found.update(connection.scalars(query))
    return found


def hold_alone(connection: Connection, endpoint_id: str) -> None:
    """Wait for whoever holds the endpoint; who wants to hold it waits for the end of this transaction."""
    query = select(endpoints.c.endpoint_id).where(endpoints.c.endpoint_id == endpoint_id)
    connection.execute(query.with_for_update())


def find(
    connection: Connection, *, name: str | None = None, function_name: str | None = None
) -> list[Endpoint]:
    """The endpoints of this name and function, all without either; by name, then id."""
    query = select(endpoints).order_by(endpoints.c.name, endpoints.c.endpoint_id)
    if name is not None:
        query = query.where(endpoints.c.name == name)
    if function_name is not None:
        query = query.where(endpoints.c.function_name == function_name)
    return _read(connection, query)


def meant(connection: Connection, text: str, function_name: str | None = None) -> list[Endpoint]:
    """Those that are meant by an id, by a name (of this function), or by a name with its function or its id
    in brackets, as lists tell several of one name apart: one, none or several.

    An endpoint that nobody registered, and of which nothing could be read, takes no name from others.
    """
    by_id = get(connection, text)
    if by_id is not None:
        return [by_id]
    found = find(connection, name=text, function_name=function_name)
    apart = _APART.fullmatch(text)
    if not found and apart is not None:
        which = apart["which"]
        found = [
            each
            for each in find(connection, name=apart["name"], function_name=function_name)
            if which in (each.function_name, each.endpoint_id)
        ]
    return found if len(found) < 2 else _readable(connection, found) or found


def _readable(connection: Connection, found: Sequence[Endpoint]) -> list[Endpoint]:
    ids = [each.endpoint_id for each in found]
    columns = traffic.c
    query = select(columns.endpoint_id).where(
        columns.endpoint_id.in_(ids), columns.received > columns.rejected
    )
    read = set(connection.scalars(query))
    return [each for each in found if not each.discovered or each.endpoint_id in read]


def several(found: Sequence[Endpoint], name: str) -> ConfigError:
    """What is said where a name means several."""
    ways = ", ".join(f"{each.endpoint_id} ({each.function_name or 'of no function'})" for each in found)
    return ConfigError(f"endpoint: {len(found)} are called {name!r}; give the id of one: {ways}")


def put(connection: Connection, endpoint: Endpoint, now_us: int, files: str = "") -> None:
    """Insert or replace an endpoint, tell the outbox, note what was deployed; the time of its creation stays.
    `files` is the hash of its model's files, where that is known.

    Raises ConfigError for values that JSON can't hold and for names that no sample column can have.
    """
    row = _row(endpoint, now_us)
    query = select(endpoints).where(endpoints.c.endpoint_id == endpoint.endpoint_id)
    known = connection.execute(query).one_or_none()
    if known is None:
        _add_alone(connection, 1)
        known = connection.execute(query).one_or_none()
    upsert(connection, endpoints, [row], keep=["created_us"])
    note_endpoint(connection, endpoint, now_us, files)
    if known is None:
        outbox.write(connection, [endpoint_fact(outbox.ENDPOINT_ADDED, endpoint)], now_us)
    elif any(getattr(known, name) != row[name] for name in (*_PLAIN, *_JSON)):
        outbox.write(connection, [endpoint_fact(outbox.ENDPOINT_CHANGED, endpoint)], now_us)


def register_discovered(connection: Connection, found: Collection[Endpoint], now_us: int) -> list[Fact]:
    """Insert endpoints that nobody registered; those that are known already stay as they are. Returns what
    the outbox is to be told at the end of the transaction."""
    new = _unknown(connection, found)
    if new:
        _add_alone(connection, len(new))
        new = _unknown(connection, new)
    insert_missing(connection, endpoints, [_row(endpoint, now_us) for endpoint in new])
    note_new(connection, new, now_us)
    return [endpoint_fact(outbox.ENDPOINT_ADDED, endpoint) for endpoint in new]


def _unknown(connection: Connection, found: Iterable[Endpoint]) -> list[Endpoint]:
    given = {endpoint.endpoint_id: endpoint for endpoint in found}
    known = get_many(connection, given)
    return [endpoint for endpoint_id, endpoint in given.items() if endpoint_id not in known]


def _add_alone(connection: Connection, how_many: int) -> None:
    """Wait for whoever adds endpoints, and let the others wait: what they added is seen after that. So who
    adds one is who tells of it, and nobody else does."""
    outbox.take_numbers(connection, "endpoints", how_many)


def begin_to_delete(connection: Connection, endpoint_id: str, now_us: int) -> None:
    """Note that the endpoint is being forgotten, until its record goes; the first time stays."""
    is_new = (endpoints.c.endpoint_id == endpoint_id) & endpoints.c.deleting_us.is_(None)
    connection.execute(update(endpoints).where(is_new).values(deleting_us=now_us))


def delete(connection: Connection, endpoint_id: str) -> bool:
    """Forget the endpoint's record, not its data; False when there was none."""
    return (
        connection.execute(delete_from(endpoints).where(endpoints.c.endpoint_id == endpoint_id)).rowcount == 1
    )


def _read(connection: Connection, query: Select[Any]) -> list[Endpoint]:
    return [_endpoint(row) for row in connection.execute(query)]


def _endpoint(row: Row[Any]) -> Endpoint:
    values = {name: getattr(row, name) for name in _PLAIN}
    values |= {name: msgspec.json.decode(getattr(row, name)) for name in _JSON}
    values["feature_names"] = tuple(values["feature_names"])
    values["label_names"] = tuple(values["label_names"])
    return Endpoint(**values, created=from_us(row.created_us), updated=from_us(row.updated_us))


def _row(endpoint: Endpoint, now_us: int) -> dict[str, Any]:
    _check_names(endpoint.endpoint_id, endpoint.feature_names, endpoint.label_names)
    row = {name: getattr(endpoint, name) for name in _PLAIN}
    row |= {name: _json(endpoint.endpoint_id, name, getattr(endpoint, name)) for name in _JSON}
    row["created_us"] = now_us if endpoint.created is None else to_us(endpoint.created)
    row["updated_us"] = now_us
    return row


def _check_names(endpoint_id: str, feature_names: Sequence[str], prediction_names: Sequence[str]) -> None:
    try:
        stored_names(feature_names, prediction_names)
    except RejectedError as error:
        raise ConfigError(f"endpoint {endpoint_id}: {error}") from error


def _json(endpoint_id: str, field: str, value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"endpoint {endpoint_id}: {field} can't be written as JSON: {error}") from error
