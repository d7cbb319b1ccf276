"""Ids of 32 letters, of which people write the first ones, as tables show them."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Column, Connection, select

from modelmon.errors import ConfigError

SHOWN = 8
"""So many letters a table shows."""
_ABBREVIATED = re.compile(r"[0-9a-f]{6,31}")


def whole_id(connection: Connection, column: Column[Any], said: str, what: str) -> str:
    """The one id that begins so; what was said itself where there is none, or it is no part of an id.

    Raises ConfigError where several begin so.
    """
    if not isinstance(said, str) or not _ABBREVIATED.fullmatch(said):
        return said
    query = select(column).where(column >= said, column < f"{said}g").order_by(column).limit(2)
    found = connection.scalars(query).all()
    if len(found) > 1:
        raise ConfigError(f"{what}: several begin with {said!r}, {found[0]} and {found[1]}; write more of it")
    return str(found[0]) if found else said
