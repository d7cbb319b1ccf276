"""The controller: on every tick, the windows that are due go to the streams of their apps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelmon.nuclio import tick_handlers
from modelmon.stages.controller import Controller

if TYPE_CHECKING:
    from modelmon.settings import Settings
    from modelmon.sql.database import Database


def maintain(database: Database, settings: Settings, now_us: int) -> Mapping[str, Any]:
    """Compaction, sweep and retention, in the time that windows leave."""
    # Only here is Parquet needed, so that a controller that never compacts never loads it.
    from modelmon.upkeep import maintenance

    return maintenance.maintain(database, settings, now_us)


init_context, handler = tick_handlers(lambda settings: Controller.open(settings, maintain))
