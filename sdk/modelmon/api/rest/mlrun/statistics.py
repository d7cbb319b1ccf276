"""What an endpoint of MLRun's carries besides: the mean latency, and statistics of its features."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection

from modelmon.api.asked import Asked
from modelmon.api.rest.mlrun.shapes import ModelEndpoint
from modelmon.model import DAY_US, Endpoint
from modelmon.private_columns import without_private
from modelmon.stores.series.acknowledged_points import read_traffic
from modelmon.views.features import CURRENT, MEASURES, newest_stats


def mean_latencies_us(asked: Asked, endpoint_ids: Collection[str]) -> dict[str, float]:
    """Of the requests of the last 24 hours that told how long they took."""
    start_us = asked.now_us - DAY_US
    points = read_traffic(asked.database, asked.series, endpoint_ids, start_us, asked.now_us, DAY_US)
    sums: dict[str, int] = defaultdict(int)
    counts: dict[str, int] = defaultdict(int)
    for point in points:
        sums[point.endpoint_id] += point.latency_us_sum
        counts[point.endpoint_id] += point.latency_count
    return {each: sums[each] / many for each, many in counts.items() if many}


def with_features(
    connection: Connection, asked: Asked, shown: ModelEndpoint, endpoint: Endpoint
) -> ModelEndpoint:
    """With its reference, and the newest statistics and distances that an app gave."""
    hidden, settings, uid = without_private, asked.settings, endpoint.endpoint_id
    current, measures = newest_stats(connection, uid, CURRENT), newest_stats(connection, uid, MEASURES)
    return replace(
        shown,
        spec=replace(shown.spec, feature_stats=hidden(settings, endpoint.feature_stats)),
        status=replace(
            shown.status, current_stats=hidden(settings, current.stats), current_stats_timestamp=current.at,
            drift_measures=hidden(settings, measures.stats), drift_measures_timestamp=measures.at,
        ),
    )  # fmt: skip
