"""Windows found by their keys, many in one statement."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam

from modelmon.ledger.schema import windows
from modelmon.model import WindowKey


def is_key() -> ColumnElement[bool]:
    """The condition that a row is the window of `key_values`, for statements with many of them."""
    return and_(
        windows.c.endpoint_id == bindparam("an_endpoint"),
        windows.c.application_name == bindparam("an_app"),
        windows.c.start_us == bindparam("a_start"),
    )


def key_values(key: WindowKey) -> dict[str, Any]:
    """Parameters of `is_key`."""
    return {"an_endpoint": key.endpoint_id, "an_app": key.application_name, "a_start": key.start_us}
