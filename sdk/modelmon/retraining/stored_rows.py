"""Stored rows of an endpoint with what came true: bounded, whatever the span holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelmon.column_names import ACTUAL_PREFIX
from modelmon.errors import ConfigError
from modelmon.model import Endpoint, from_us
from modelmon.model_monitoring.thinned_rows import thinned_rows
from modelmon.model_task import ModelTask
from modelmon.sql.database import Database
from modelmon.stores.actuals import open_actuals
from modelmon.stores.samples import open_samples

if TYPE_CHECKING:
    import pyarrow as pa

    from modelmon.settings import Settings


@dataclass(frozen=True, slots=True)
class StoredRows:
    """Features, answers and actuals, `when` names the column of times; every `step`-th row was taken."""

    table: pa.Table
    when: str
    step: int


def stored_rows(
    settings: Settings, database: Database, endpoint: Endpoint, task: ModelTask, span_us: tuple[int, int]
) -> StoredRows:
    """The rows of [start, end), half a million at most, spread evenly over it.

    Raises ConfigError where there is none.
    """
    found = thinned_rows(
        database, open_samples(settings), endpoint, span_us, also=[ACTUAL_PREFIX + task.actual],
        actuals=open_actuals(settings),
    )  # fmt: skip
    if not found.rows:
        start, end = (f"{from_us(moment):%Y-%m-%d %H:%M}" for moment in span_us)
        raise ConfigError(f"endpoint {endpoint.name!r} has no stored rows from {start} to {end} UTC")
    return StoredRows(found.table, found.when, found.step)
