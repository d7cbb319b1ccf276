"""How the features of an endpoint looked: of every window a few numbers, of any span the whole histograms."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from typing import TYPE_CHECKING

from modelmon.errors import ConfigError
from modelmon.model import DAY_US, WindowFeatures, wall_clock_us
from modelmon.model_monitoring.endpoints import called
from modelmon.model_monitoring.locating import HasSettings, opened, settings_of
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.stores.series import acknowledged_points as series_reading
from modelmon.stores.series import open_series

if TYPE_CHECKING:
    from modelmon.stats.compare import Comparison


def read_feature_history(
    project: HasSettings | str,
    endpoint: str,
    application_name: str,
    features: Collection[str] | None = None,
    start: Time = None,
    end: Time = None,
    limit: int = 1_000,
) -> list[WindowFeatures]:
    """How features looked in each window of an app that starts in [start, end), the oldest first.

    Each feature has its score (the distance from the reference), its rows, and how many were missing. A
    number has its mean, a category the share of the most frequent one. `endpoint` is a name or an id,
    `features` are all unless they are named. `end` is now unless it is given, `start` thirty days before.
    At most `limit` windows are read: go on from the start of the last one. Raises ConfigError for an
    endpoint or time that can't be.
    """
    settings = settings_of(project)
    end_us = moment_us(end, "end", wall_clock_us())
    start_us = moment_us(start, "start", max(0, end_us - 30 * DAY_US))
    with opened(settings) as database, closing(open_series(settings)) as series:
        with database.read() as connection:
            found = called(connection, endpoint)
        page = series_reading.read_feature_history(
            database, series, found.endpoint_id, application_name, start_us, end_us, features, limit=limit
        )
    return page.windows


def compare_features(project: HasSettings | str, endpoint: str, start: Time, end: Time) -> Comparison:
    """The rows of [start, end) beside the reference: histograms, scores and distances, counted from samples.

    The whole statistics of a window are kept of the newest one alone; this counts them again for any span
    whose samples are still there. Raises ConfigError for an endpoint that is not there or has no reference,
    and for a time that can't be; UnavailableError when a store does not answer.
    """
    from modelmon.stats.compare import compare
    from modelmon.stores.samples import open_samples
    from modelmon.stores.samples_reading import read_sample

    settings = settings_of(project)
    start_us, end_us = moment_us(start, "start", 0), moment_us(end, "end", wall_clock_us())
    if start_us >= end_us:
        raise ConfigError(f"the end must come after the start {start}, got {end}")
    with opened(settings) as database:
        with database.read() as connection:
            found = called(connection, endpoint)
        if not found.feature_stats:
            raise ConfigError(f"endpoint {found.name!r} has no reference to compare with; give it one first")
        rows = read_sample(database, open_samples(settings), found.endpoint_id, start_us, end_us)
    return compare(rows, found.feature_stats)
