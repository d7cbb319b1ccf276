"""Somebody's rows are erased from an endpoint's samples, or an endpoint is forgotten as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

from modelmon.model import wall_clock_us
from modelmon.model_monitoring.endpoints import called
from modelmon.model_monitoring.locating import opened
from modelmon.settings import Settings
from modelmon.stores.actuals import open_actuals
from modelmon.stores.artifacts import open_artifacts
from modelmon.stores.samples import open_samples
from modelmon.stores.series import open_series
from modelmon.upkeep.erasing import Erased, erase
from modelmon.upkeep.forgetting import Forgotten, forget


def erase_samples(settings: Settings, endpoint: str, where: Mapping[str, str], dry_run: bool) -> Erased:
    """Erase the rows of an endpoint, of this name or id, that have all these values by column; or count them.

    Raises ConfigError for an endpoint or column that is not there, UnavailableError.
    """
    with opened(settings) as database:
        with database.read() as connection:
            meant = called(connection, endpoint)
        samples, actuals = open_samples(settings), open_actuals(settings)
        return erase(
            database, samples, meant.endpoint_id, where, wall_clock_us(), actuals=actuals, dry_run=dry_run
        )


def forget_endpoint(settings: Settings, endpoint_id: str) -> Forgotten:
    """Forget everything of an endpoint, its record last, so that what was killed is done again by its name.

    Raises UnavailableError.
    """
    with opened(settings) as database, closing(open_series(settings)) as series:
        samples, actuals, kept = open_samples(settings), open_actuals(settings), open_artifacts(settings)
        return forget(
            database, samples, series, kept, endpoint_id, wall_clock_us(), settings, actuals=actuals
        )
