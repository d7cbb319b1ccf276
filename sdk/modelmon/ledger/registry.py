"""What the project has deployed: apps, functions, and what the project itself remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, select, update

from modelmon.errors import ConfigError
from modelmon.ledger.deployments import hash_of, note_function
from modelmon.ledger.schema import apps, functions, project_values
from modelmon.model import APP_NAME
from modelmon.sql.statements import upsert

KINDS = ("infra", "app", "serving", "page", "job")
WATCHED = ("infra", "app")
"""Kinds of functions that keep a heartbeat; the others answer whoever asks them."""


@dataclass(frozen=True, slots=True)
class RegisteredApp:
    """An app that is sent windows. `base_period` is in minutes, None: the project's."""

    name: str
    base_period: int | None
    registered_us: int


@dataclass(frozen=True, slots=True)
class RegisteredFunction:
    """A function the project knows, deployed or not; `spec` is what its maker wants to find again."""

    name: str
    kind: str
    spec: Mapping[str, Any]
    deployed: bool
    updated_us: int


def register_app(connection: Connection, name: str, base_period: int | None, now_us: int) -> None:
    """Send windows to this app from now on; one that is registered already keeps its time.

    Raises ConfigError for a name or a base period (minutes, at least 1) that can't be.
    """
    if not APP_NAME.fullmatch(name):
        raise ConfigError(f"an app's name has only letters, digits, '_' and '-', got {name!r}")
    if base_period is not None and (type(base_period) is not int or base_period < 1):
        raise ConfigError(
            f"app {name}: base_period is whole minutes and at least 1, or None, got {base_period!r}"
        )
    known = connection.execute(select(apps).where(apps.c.name == name)).one_or_none()
    since_us = known.registered_us if known is not None and known.active else now_us
    row = {"name": name, "base_period": base_period, "registered_us": since_us, "active": True}
    upsert(connection, apps, [row])


def unregister_app(connection: Connection, name: str) -> bool:
    """Send this app no more windows; its verdicts stay. False when it was not registered."""
    changed = connection.execute(
        update(apps).where(apps.c.name == name, apps.c.active.is_(True)).values(active=False)
    )
    return changed.rowcount == 1


def active_apps(connection: Connection) -> list[RegisteredApp]:
    """The registered apps, by name."""
    query = select(apps).where(apps.c.active.is_(True)).order_by(apps.c.name)
    return [RegisteredApp(row.name, row.base_period, row.registered_us) for row in connection.execute(query)]


def watched_functions(connection: Connection) -> list[str]:
    """The functions that keep a heartbeat, by name."""
    return [each.name for each in list_functions(connection) if each.kind in WATCHED]


def put_function(
    connection: Connection,
    name: str,
    kind: str,
    spec: Mapping[str, Any],
    *,
    deployed: bool,
    now_us: int,
    code: str = "",
) -> None:
    """Insert or replace a function, and note what was deployed; `code` is the hash of its folder.

    Raises ConfigError for an unknown kind or a spec JSON can't hold.
    """
    if kind not in KINDS:
        raise ConfigError(f"function {name}: kind must be one of {', '.join(KINDS)}, got {kind!r}")
    text = _json(f"function {name}: spec", spec)
    row = {"name": name, "kind": kind, "spec": text, "deployed": deployed, "updated_us": now_us}
    upsert(connection, functions, [row])
    identity = f"{name} {code or hash_of(text.encode())}" if deployed else ""
    note_function(connection, name, identity, now_us)


def get_function(connection: Connection, name: str) -> RegisteredFunction | None:
    """The function of this name, or None."""
    row = connection.execute(select(functions).where(functions.c.name == name)).one_or_none()
    return None if row is None else _function(row)


def list_functions(connection: Connection, kind: str | None = None) -> list[RegisteredFunction]:
    """All functions, or those of one kind, by name."""
    query = select(functions).order_by(functions.c.name)
    if kind is not None:
        query = query.where(functions.c.kind == kind)
    return [_function(row) for row in connection.execute(query)]


def remove_function(connection: Connection, name: str) -> bool:
    """Forget the function; False when it was not there."""
    return connection.execute(delete(functions).where(functions.c.name == name)).rowcount == 1


def set_value(connection: Connection, name: str, value: Any) -> None:
    """Remember a JSON value under a name. Raises ConfigError for a value JSON can't hold."""
    upsert(connection, project_values, [{"name": name, "value": _json(f"project value {name}", value)}])


def get_value(connection: Connection, name: str, default: Any = None) -> Any:
    """The value remembered under `name`, else `default`."""
    text = connection.scalar(select(project_values.c.value).where(project_values.c.name == name))
    return default if text is None else msgspec.json.decode(text)


def _function(row: Row[Any]) -> RegisteredFunction:
    return RegisteredFunction(row.name, row.kind, msgspec.json.decode(row.spec), row.deployed, row.updated_us)


def _json(what: str, value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{what} can't be written as JSON: {error}") from error
