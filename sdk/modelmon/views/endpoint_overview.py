"""One endpoint at a look: what its apps say, what came in, what it is, what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from modelmon.ledger import endpoints
from modelmon.ledger.contracts import contract_for
from modelmon.model import Endpoint
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.actuals import EndpointActuals, read_actuals
from modelmon.views.alarm_counts import AlarmCounts, last_alarm_counts
from modelmon.views.app_cards import AppCard, read_app_cards
from modelmon.views.deployments import Deployment, read_deployments
from modelmon.views.endpoint_facts import Looking
from modelmon.views.incident_lists import ended_incidents, open_incidents
from modelmon.views.incidents import Incident
from modelmon.views.same_onset import SameOnset, read_same_onset
from modelmon.views.schema_changes import SchemaChange, read_schema_changes
from modelmon.views.traffic import TrafficBucket, read_traffic_buckets

BUCKETS, INCIDENTS = 120, 50


@dataclass(frozen=True, slots=True)
class EndpointOverview:
    """`record`: None of an endpoint that nobody registered. `together`: who else went bad when the first open
    incident began. `reference_rows`: None without a reference. `actuals`: None where none came. `contract`:
    which version of whose contract counts, "" where none is kept. `alarms`: beside the alarm budget."""

    cards: tuple[AppCard, ...]
    together: SameOnset | None
    traffic: tuple[TrafficBucket, ...]
    record: Endpoint | None
    reference_rows: int | None
    changes: tuple[SchemaChange, ...]
    incidents: tuple[Incident, ...]
    deployments: tuple[Deployment, ...]
    actuals: EndpointActuals | None = None
    contract: str = ""
    alarms: AlarmCounts | None = None


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
        changes = read_schema_changes(connection, settings, endpoint_id)
        incidents = [
            *open_incidents(connection, settings, [endpoint_id], limit=INCIDENTS),
            *ended_incidents(connection, settings, [endpoint_id], limit=INCIDENTS),
        ]
        together = _together(connection, cards)
        deployments = read_deployments(connection, endpoint_id, start, end)
        came_true = read_actuals(connection, [endpoint_id])
        alarms = last_alarm_counts(connection, settings, [endpoint_id], looking.now_us)
        contract = contract_for(connection, record) if record else None
    traffic = read_traffic_buckets(database, series, endpoint_id, start, end, BUCKETS)
    return EndpointOverview(
        cards, together, traffic, record, _rows(record.feature_stats if record else {}), changes,
        tuple(incidents), deployments, came_true[0] if came_true else None,
        contract.told if contract else "", alarms,
    )  # fmt: skip


def unread_overview(record: Endpoint) -> EndpointOverview:
    """Of an endpoint that no records are read of."""
    return EndpointOverview((), None, (), record, _rows(record.feature_stats), (), (), ())


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
