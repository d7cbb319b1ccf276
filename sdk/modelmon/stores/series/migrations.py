"""How one version of the series' tables becomes the next: they have versions of their own, for they may share
the records' database or have one to themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from modelmon.ledger.migrations import SCHEMA as RECORDS
from modelmon.sql.schema import Schema
from modelmon.stores.series.adopting import adopt
from modelmon.stores.series.schema import metadata, series_traffic, series_values, series_versions
from modelmon.stores.series.sql_views import create_series_views


def _create_all(connection: Connection) -> None:
    metadata.create_all(connection)


def _adopt(connection: Connection) -> None:
    adopt(connection, series_traffic, series_values)


STEPS: dict[int, Callable[[Connection], None]] = {1: _create_all, 2: create_series_views}
"""Version to the step that makes it from the version before; forward only."""

SCHEMA = Schema(metadata, series_versions, STEPS, _adopt, create_series_views)
BESIDE_THE_RECORDS = replace(SCHEMA, below=RECORDS)
"""The same where the records are in the same database, which their views need."""
