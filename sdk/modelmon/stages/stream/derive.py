"""What a batch adds to the records and the ledger, gathered from its parts."""

from __future__ import annotations

from modelmon.ledger.batches import Derived, EndpointCounts
from modelmon.model import UNKNOWN_ENDPOINT
from modelmon.stages.stream.batch import Decoded, EndpointColumns, Tabled
from modelmon.stages.stream.traffic import latency_buckets


def derive(tabled: Tabled) -> Derived:
    """Everything of the batch that its committing transaction writes."""
    decoded, columns = tabled.decoded, tabled.columns
    return Derived(
        files=tabled.files,
        discovered=list(decoded.discovered.values()),
        names={each.endpoint_id: each.names for each in columns if each.names is not None},
        counts=_counts(decoded, {each.endpoint_id: each for each in columns}),
        numbers=decoded.numbers,
        dead_letters=[rejection.letter for rejection in decoded.rejections],
        dirty={
            (each.endpoint_id, minute_us): rows
            for each in columns
            for minute_us, rows in each.minutes.items()
        },
        changes=[change for each in columns for change in each.changes],
        types={(each.endpoint_id, name): kind for each in columns for name, kind in each.types.items()},
        latencies=latency_buckets(columns),
        actuals=tabled.actuals,
        nop_us=decoded.nop_us,
    )


def _counts(decoded: Decoded, columns: dict[str, EndpointColumns]) -> list[EndpointCounts]:
    errors: dict[str, int] = {}
    texts: dict[str, str] = {}
    failed_us: dict[str, int] = {}
    for error in decoded.errors:
        errors[error.endpoint_id] = errors.get(error.endpoint_id, 0) + 1
        texts[error.endpoint_id] = error.error
        failed_us[error.endpoint_id] = max(error.when_us, failed_us.get(error.endpoint_id, error.when_us))
    rejected = _rejected(decoded)
    endpoint_ids = dict.fromkeys([*columns, *errors, *rejected, *decoded.repeated, *decoded.completed])
    return [
        EndpointCounts(
            endpoint_id=endpoint_id,
            stored=columns[endpoint_id].stored if endpoint_id in columns else 0,
            errors=errors.get(endpoint_id, 0),
            rejected=rejected.get(endpoint_id, 0),
            repeated=decoded.repeated.get(endpoint_id, 0),
            first_request_us=columns[endpoint_id].first_us if endpoint_id in columns else None,
            last_request_us=columns[endpoint_id].last_us if endpoint_id in columns else None,
            completed_us=decoded.completed[endpoint_id].last_us if endpoint_id in decoded.completed else None,
            last_error=texts.get(endpoint_id),
            last_error_us=failed_us.get(endpoint_id),
        )
        for endpoint_id in endpoint_ids
    ]


def _rejected(decoded: Decoded) -> dict[str, int]:
    rows: dict[str, int] = {}
    for rejection in decoded.rejections:
        endpoint_id = rejection.letter.endpoint_id or UNKNOWN_ENDPOINT
        rows[endpoint_id] = rows.get(endpoint_id, 0) + rejection.rows
    return rows
