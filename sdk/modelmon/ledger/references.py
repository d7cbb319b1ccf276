"""What each endpoint was compared with: its training set, and periods that somebody made the reference.

The endpoint's record has the one that counts. Here every version stays, so that it can be taken back: the
first one when somebody first makes a period the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, func, insert, select

from modelmon.errors import ConfigError
from modelmon.incidents import APP_FAILED, IncidentState, Reason
from modelmon.ledger import endpoints, profiles
from modelmon.ledger.access import Deed, note
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.incidents import Told, end_by_hand
from modelmon.ledger.profiles import endpoint_references
from modelmon.model import Endpoint, ResultKindApp, to_us

TRAINING, PERIOD = "training", "period"
POLICY = "reference"
"""In an endpoint's policy: the period that is its reference, where it is one."""
BY_LOGGING = "log_model"
_OPEN = (IncidentState.RAISED, IncidentState.ESCALATED, IncidentState.EASED)


@dataclass(frozen=True, slots=True)
class KeptReference:
    """One version of what an endpoint is compared with; without a start it is the training set's."""

    version: int
    kind: str
    start_us: int | None
    end_us: int | None
    rows: int
    profile_hash: str
    feature_stats: str
    before: int
    who: str
    set_us: int


def versions(connection: Connection, endpoint_id: str, limit: int) -> list[KeptReference]:
    """The newest `limit` versions, the newest first; none where nobody ever made a period the reference."""
    query = select(endpoint_references).where(endpoint_references.c.endpoint_id == endpoint_id)
    found = connection.execute(query.order_by(endpoint_references.c.version.desc()).limit(limit))
    return [_kept(row) for row in found]


def make_reference(
    connection: Connection,
    endpoint_id: str,
    span_us: tuple[int, int],
    rows: int,
    profile: str,
    feature_stats: Mapping[str, Any],
    who: str,
    now_us: int,
) -> KeptReference:
    """Make a period the reference of an endpoint: its profile and statistics, as they were made of its rows.

    Raises ConfigError for an endpoint that is gone meanwhile.
    """
    endpoint, before = _locked(connection, endpoint_id, now_us)
    made = KeptReference(
        version=before.version + 1,
        kind=PERIOD,
        start_us=span_us[0],
        end_us=span_us[1],
        rows=rows,
        profile_hash=profiles.keep(connection, profile, now_us),
        feature_stats=msgspec.json.encode(feature_stats).decode(),
        before=before.version,
        who=who,
        set_us=now_us,
    )
    return _put(connection, endpoint, made, "made a period the reference")


def take_back(connection: Connection, endpoint_id: str, who: str, now_us: int) -> KeptReference:
    """Bring back what the endpoint was compared with before, as its next version. Raises ConfigError where
    there is nothing to take back."""
    endpoint, newest = _locked(connection, endpoint_id, now_us)
    kept = {each.version: each for each in versions(connection, endpoint_id, newest.version)}
    former = kept.get(newest.before)
    if newest.kind != PERIOD or former is None:
        raise ConfigError(
            f"endpoint {endpoint.name!r} is compared with its training set: there is nothing to take back"
        )
    made = replace(former, version=newest.version + 1, who=who, set_us=now_us)
    return _put(connection, endpoint, made, "took a reference back")


def is_newest(newest: KeptReference, endpoint: Endpoint) -> bool:
    """Whether the newest version is what counts: a new training set may have come since."""
    is_period = POLICY in endpoint.policy
    return (newest.kind == PERIOD) == is_period and newest.profile_hash == endpoint.profile_hash


def is_training_again(connection: Connection, found: Endpoint, wanted: Endpoint) -> bool:
    """Whether an endpoint whose reference is a period is registered with the training set that it had before,
    as each deployment does: then the period stays."""
    if POLICY not in found.policy:
        return False
    row = connection.execute(_training(found.endpoint_id)).first()
    if row is None or row.profile_hash != wanted.profile_hash:
        return False
    return bool(row.profile_hash) or row.feature_stats == msgspec.json.encode(wanted.feature_stats).decode()


def drift_incidents(connection: Connection, endpoint_id: str, span_us: tuple[int, int]) -> int:
    """How many incidents of an endpoint's data drift reach into [start, end), false alarms apart."""
    columns = incidents.c
    query = select(func.count()).where(
        columns.endpoint_id == endpoint_id, columns.kind == int(ResultKindApp.data_drift),
        columns.rule != APP_FAILED, columns.first_us < span_us[1], columns.last_us >= span_us[0],
        columns.marked_us.is_(None),
    )  # fmt: skip
    return connection.scalar(query) or 0


def resolve_drift(connection: Connection, endpoint_id: str, now_us: int) -> list[Told]:
    """Resolve what is open of an endpoint's data drift: it is compared with something else from now on."""
    columns = incidents.c
    query = select(incidents).where(
        columns.endpoint_id == endpoint_id, columns.kind == int(ResultKindApp.data_drift),
        columns.rule != APP_FAILED, columns.state.in_([state.value for state in _OPEN]),
    )  # fmt: skip
    in_order = query.order_by(columns.application_name, columns.result_name)
    return [
        told
        for row in connection.execute(in_order).all()
        for told in end_by_hand(connection, row, Reason.NEW_REFERENCE, now_us)
    ]


def training_hash(endpoint: Endpoint) -> str | None:
    """Of an endpoint whose reference is a period the profile of its training set, "" where it has none; None
    where the reference is the training set itself."""
    period = endpoint.policy.get(POLICY)
    return None if period is None else str(period["training"])


def of_training(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The policy of an endpoint that is compared with its training set."""
    return {name: value for name, value in policy.items() if name != POLICY}


def _newest_training(connection: Connection, endpoint_id: str) -> str:
    row = connection.execute(_training(endpoint_id)).first()
    return "" if row is None else str(row.profile_hash)


def _training(endpoint_id: str) -> Select[Any]:
    """The newest training set of an endpoint."""
    columns = endpoint_references.c
    query = select(endpoint_references).where(columns.endpoint_id == endpoint_id, columns.kind == TRAINING)
    return query.order_by(columns.version.desc()).limit(1)


def _locked(connection: Connection, endpoint_id: str, now_us: int) -> tuple[Endpoint, KeptReference]:
    """The endpoint, which nobody else changes until the transaction ends, and what it is compared with."""
    endpoints.hold_alone(connection, endpoint_id)
    endpoint = endpoints.get(connection, endpoint_id)
    if endpoint is None:
        raise ConfigError(f"endpoint {endpoint_id} is gone")
    newest = next(iter(versions(connection, endpoint_id, 1)), None)
    if newest is not None and is_newest(newest, endpoint):
        return endpoint, newest
    stats = endpoint.feature_stats
    training = KeptReference(
        version=1 if newest is None else newest.version + 1,
        kind=TRAINING,
        start_us=None,
        end_us=None,
        rows=int(max((each["count"] + each["missing"] for each in stats.values()), default=0)),
        profile_hash=endpoint.profile_hash,
        feature_stats=msgspec.json.encode(stats).decode(),
        before=0,
        who=BY_LOGGING,
        set_us=now_us if endpoint.created is None else to_us(endpoint.created),
    )
    _insert(connection, endpoint_id, training)
    return endpoint, training


def _put(connection: Connection, endpoint: Endpoint, made: KeptReference, what: str) -> KeptReference:
    _insert(connection, endpoint.endpoint_id, made)
    policy = of_training(endpoint.policy)
    if made.kind == PERIOD:
        policy[POLICY] = {
            "start_us": made.start_us, "end_us": made.end_us, "who": made.who,
            "training": _newest_training(connection, endpoint.endpoint_id),
        }  # fmt: skip
    changed = replace(
        endpoint,
        profile_hash=made.profile_hash,
        feature_stats=msgspec.json.decode(made.feature_stats),
        policy=policy,
    )
    endpoints.put(connection, changed, made.set_us)
    note(connection, Deed(made.set_us, made.who, what, endpoint.name, f"version {made.version}"))
    return made


def _insert(connection: Connection, endpoint_id: str, made: KeptReference) -> None:
    values = {field: getattr(made, field) for field in KeptReference.__dataclass_fields__ if field != "rows"}
    row = {**values, "row_count": made.rows, "endpoint_id": endpoint_id}
    connection.execute(insert(endpoint_references).values(row))


def _kept(row: Row[Any]) -> KeptReference:
    return KeptReference(
        row.version, row.kind, row.start_us, row.end_us, row.row_count, row.profile_hash, row.feature_stats,
        row.before, row.who, row.set_us,
    )  # fmt: skip
