"""Features of one endpoint before and after: the reference beside the newest statistics that an app gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from modelmon.incidents import RESULT_STATUS
from modelmon.ledger.incident_schema import incident_windows
from modelmon.ledger.schema import app_stats
from modelmon.model import Endpoint, from_us

CURRENT, MEASURES = "current_stats", "drift_measures"
Stats = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FeatureView:
    """A feature or prediction: statistics and histogram of the `reference` and of the `sample` in the window,
    None where there are none, and how far they are apart."""

    feature: str
    is_prediction: bool
    application_name: str
    start_infer_time: datetime
    score: float | None
    reference: Stats | None
    sample: Stats | None


def read_features(
    connection: Connection, endpoint_id: str, record: Endpoint | None
) -> tuple[FeatureView, ...]:
    """Every feature of the newest statistics that an app gave, with its reference; the most changed first."""
    query = select(app_stats).where(app_stats.c.endpoint_id == endpoint_id).order_by(app_stats.c.start_us)
    stats = {(row.application_name, row.name): row for row in connection.execute(query)}
    newest = [row for (_, name), row in stats.items() if name == CURRENT]
    if not newest:
        return ()
    current = newest[-1]
    measured = stats.get((current.application_name, MEASURES))
    measures = msgspec.json.decode(measured.stats) if measured else {}
    sample = msgspec.json.decode(current.stats)
    return features_of(sample, measures, record, current.application_name, from_us(current.start_us))


@dataclass(frozen=True, slots=True)
class NewestStats:
    """Statistics of each feature that an app gave last; `at` says of when they are, None: none were given."""

    stats: Stats
    at: datetime | None


def newest_stats(connection: Connection, endpoint_id: str, name: str) -> NewestStats:
    """The newest of this name, CURRENT or MEASURES, whichever app gave it."""
    query = (
        select(app_stats.c.stats, app_stats.c.timestamp_us)
        .where(app_stats.c.endpoint_id == endpoint_id, app_stats.c.name == name)
        .order_by(app_stats.c.start_us.desc(), app_stats.c.application_name)
        .limit(1)
    )
    row = connection.execute(query).first()
    return (
        NewestStats(msgspec.json.decode(row.stats), from_us(row.timestamp_us))
        if row
        else NewestStats({}, None)
    )


def reported_stats(
    connection: Connection, endpoint_id: str, application_name: str, start_us: int
) -> tuple[Stats, Mapping[str, float]]:
    """The statistics of each feature, and its score, that an app gave of this window; nothing where they are
    not kept."""
    query = select(app_stats.c.name, app_stats.c.stats).where(
        app_stats.c.endpoint_id == endpoint_id, app_stats.c.application_name == application_name,
        app_stats.c.start_us == start_us,
    )  # fmt: skip
    stats = {name: msgspec.json.decode(text) for name, text in connection.execute(query)}
    if CURRENT not in stats:
        evidence = select(incident_windows.c.stats).where(
            incident_windows.c.rule == RESULT_STATUS, incident_windows.c.endpoint_id == endpoint_id,
            incident_windows.c.application_name == application_name, incident_windows.c.start_us == start_us,
            incident_windows.c.stats != "",
        )  # fmt: skip
        text = connection.scalar(evidence.limit(1))
        stats = msgspec.json.decode(text) if text else {}
    measures = stats.get(MEASURES, {})
    scores = {name: _score(each) for name, each in measures.items()}
    return stats.get(CURRENT, {}), {name: each for name, each in scores.items() if each is not None}


def features_of(
    sample: Stats, measures: Stats, record: Endpoint | None, application_name: str, start: datetime
) -> tuple[FeatureView, ...]:
    """Every feature of the statistics that an app gave of a window, with its reference; the most changed
    first."""
    reference = record.feature_stats if record else {}
    predictions = record.label_names if record else ()
    found = [
        FeatureView(
            name, name in predictions, application_name, start, _score(measures.get(name)),
            reference.get(name), sample.get(name),
        )
        for name in dict.fromkeys([*reference, *sample])
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda each: -1.0 if each.score is None else each.score, reverse=True))


def _score(measures: object) -> float | None:
    score = measures.get("score") if isinstance(measures, Mapping) else None
    return float(score) if isinstance(score, int | float) else None
