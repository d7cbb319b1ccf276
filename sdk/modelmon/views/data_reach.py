"""From when to when a project has data."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from modelmon.ledger.schema import traffic
from modelmon.model import from_us


class Reach(NamedTuple):
    """The first and the newest request of any endpoint."""

    first: datetime
    newest: datetime


def data_reach(connection: Connection) -> Reach | None:
    """None while there was no request."""
    columns = traffic.c
    query = select(func.min(columns.first_request_us), func.max(columns.last_request_us))
    first_us, newest_us = connection.execute(query).one()
    return None if newest_us is None else Reach(from_us(first_us or newest_us), from_us(newest_us))
