"""One endpoint at a look: what its apps say, what came in, what it is, what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from modelmon.ledger import endpoints
from modelmon.model import Endpoint
from modelmon.private_columns import is_private
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.app_cards import AppCard, read_app_cards
from modelmon.views.deployments import Deployment, read_deployments
from modelmon.views.endpoint_facts import Looking
from modelmon.views.features import FeatureView, read_features
from modelmon.views.incident_lists import ended_incidents, open_incidents
from modelmon.views.incidents import Incident
from modelmon.views.same_onset import SameOnset, read_same_onset
from modelmon.views.schema_changes import SchemaChange, read_schema_changes
from modelmon.views.traffic import TrafficBucket, read_traffic_buckets

WORST, BUCKETS, INCIDENTS = 3, 120, 50


@dataclass(frozen=True, slots=True)
class EndpointOverview:
    """`record`: None of an endpoint that nobody registered. `worst`: the features that changed most in the
    newest statistics. `together`: who else went bad when the first open incident began. `reference_rows`:
    None without a reference."""

    cards: tuple[AppCard, ...]
    worst: tuple[FeatureView, ...]
    together: SameOnset | None
    traffic: tuple[TrafficBucket, ...]
    record: Endpoint | None
    reference_rows: int | None
    changes: tuple[SchemaChange, ...]
    incidents: tuple[Incident, ...]
    deployments: tuple[Deployment, ...]


def read_endpoint_overview(
    database: Database,
    series: SeriesStore,
    looking: Looking,
    endpoint_id: str,
    start: datetime,
    end: datetime,
) -> EndpointOverview:
    """Traffic and deployments are those in [start, end), everything else is how it stands now."""
    settings = looking.settings
    with database.read() as connection:
        record = endpoints.get(connection, endpoint_id)
        cards = read_app_cards(connection, looking, endpoint_id)
        worst = _worst(connection, settings, endpoint_id, record)
        changes = read_schema_changes(connection, settings, endpoint_id)
        incidents = [
            *open_incidents(connection, settings, [endpoint_id], limit=INCIDENTS),
            *ended_incidents(connection, settings, [endpoint_id], limit=INCIDENTS),
        ]
        together = _together(connection, cards)
        deployments = read_deployments(connection, endpoint_id, start, end)
    traffic = read_traffic_buckets(database, series, endpoint_id, start, end, BUCKETS)
    return EndpointOverview(
        cards, worst, together, traffic, record, _rows(record.feature_stats if record else {}), changes,
        tuple(incidents), deployments,
    )  # fmt: skip


def unread_overview(record: Endpoint) -> EndpointOverview:
    """Of an endpoint that no records are read of."""
    return EndpointOverview((), (), None, (), record, _rows(record.feature_stats), (), (), ())


def _worst(
    connection: Connection, settings: Settings, endpoint_id: str, record: Endpoint | None
) -> tuple[FeatureView, ...]:
    found = read_features(connection, endpoint_id, record)
    shown = [each for each in found if each.score is not None and not is_private(settings, each.feature)]
    return tuple(shown[:WORST])


def _together(connection: Connection, cards: Sequence[AppCard]) -> SameOnset | None:
    number = next((each.incident_id for each in cards if each.incident_id is not None), None)
    return None if number is None else read_same_onset(connection, number)


def _rows(reference: Mapping[str, Any]) -> int | None:
    """Of the training set: the most values that any feature has, with those that are missing."""
    counts = [
        (stats.get("count") or 0) + (stats.get("missing") or 0)
        for stats in reference.values()
        if isinstance(stats, Mapping)
    ]
    return max(counts, default=None)
