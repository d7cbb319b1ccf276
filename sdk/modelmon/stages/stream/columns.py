"""Events to Arrow tables: one endpoint's events become one table an hour, in the order they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import chain, pairwise
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from modelmon.columns import METADATA_COLUMNS, TIMESTAMP, stored_names
from modelmon.ledger.batches import KnownNames, SchemaChange
from modelmon.stages.stream.arrays import column, empty_column, is_retyped
from modelmon.stages.stream.batch import (
    NO_LATENCY,
    EndpointColumns,
    EndpointEvents,
    EventNumbers,
    HourTable,
    Int64s,
)
from modelmon.stages.stream.placing import Names, Placed, place
from modelmon.wire import ServingEvent

MINUTE_US = 60_000_000
HOUR_US = 3_600_000_000
_NOTHING_KNOWN = KnownNames()


def endpoint_columns(
    endpoint_id: str,
    group: EndpointEvents,
    partition: int,
    known: KnownNames | None,
    known_types: Mapping[str, str],
) -> EndpointColumns:
    """The columns of one endpoint's events, and what they tell that the records don't know."""
    known = known or _NOTHING_KNOWN
    numbers = _numbers(group.events)
    features = _side(group.events, attrgetter("inputs"), attrgetter("input_names"), known.features, "feature")
    labels = _side(group.events, attrgetter("outputs"), attrgetter("output_names"), known.labels, "label")
    feature_columns, label_columns = stored_names(tuple(features.columns), tuple(labels.columns))
    values = [*features.columns.values(), *labels.columns.values()]
    data, types, changes = _typed(
        endpoint_id, (*feature_columns, *label_columns), values, int(numbers.rows.sum()), known_types
    )
    changes += _changed(endpoint_id, features, known.features, feature_columns, types)
    changes += _changed(endpoint_id, labels, known.labels, label_columns, types)
    when_us = np.repeat(numbers.when_us, numbers.rows)
    metadata = _metadata(endpoint_id, group, partition, numbers)
    table = pa.table({TIMESTAMP: _timestamps(when_us), **data, **metadata})
    minutes, rows = np.unique(when_us // MINUTE_US * MINUTE_US, return_counts=True)
    return EndpointColumns(
        endpoint_id=endpoint_id,
        numbers=numbers,
        hours=_by_hour(endpoint_id, table, when_us),
        stored=len(when_us),
        first_us=int(when_us.min()),
        last_us=int(when_us.max()),
        minutes=dict(zip(minutes.tolist(), rows.tolist(), strict=True)),
        names=_learned(known, features, labels),
        changes=changes,
        types={name: kind for name, kind in types.items() if known_types.get(name) != kind},
    )


def _numbers(events: Sequence[ServingEvent]) -> EventNumbers:
    latency = [NO_LATENCY if event.latency_us is None else event.latency_us for event in events]
    effective = np.array([event.effective_sample_count for event in events], np.int64)
    percentage = np.array([event.sampling_percentage for event in events], np.float64)
    return EventNumbers(
        when_us=np.array([event.when_us for event in events], np.int64),
        rows=np.array([len(event.inputs) for event in events], np.int64),
        latency_us=np.array(latency, np.int64),
        effective=effective,
        estimated=effective * 100.0 / percentage,
    )


def _side(
    events: Sequence[ServingEvent],
    rows_of: Any,
    names_of: Any,
    registered: Sequence[str],
    kind: str,
) -> Placed:
    rows = list(chain.from_iterable(map(rows_of, events)))
    own: Sequence[Names] = list(map(names_of, events))
    if len(set(own)) > 1:
        own = [names for event, names in zip(events, own, strict=True) for _ in event.inputs]
    else:
        own = own[:1]
    return place(rows, own, registered, kind)


def _typed(
    endpoint_id: str,
    names: Sequence[str],
    values: Sequence[Sequence[Any] | None],
    rows: int,
    known_types: Mapping[str, str],
) -> tuple[dict[str, pa.Array], dict[str, str], list[SchemaChange]]:
    data: dict[str, pa.Array] = {}
    types: dict[str, str] = {}
    changes = []
    nulls = cache(partial(empty_column, rows))  # a wide endpoint may have thousands of them
    for name, column_values in zip(names, values, strict=True):
        before = known_types.get(name)
        if column_values is None:
            data[name] = nulls(before)
            continue
        data[name], kind = column(column_values, before)
        if kind is not None:
            types[name] = kind
        if is_retyped(before, kind):
            changes.append(SchemaChange(endpoint_id, name, "retyped", f"{before} → {kind}"))
    return data, types, changes


def _changed(
    endpoint_id: str,
    placed: Placed,
    registered: Sequence[str],
    columns: Sequence[str],
    types: Mapping[str, str],
) -> list[SchemaChange]:
    stored = dict(zip(placed.columns, columns, strict=True))
    new = [stored[name] for name in placed.columns if registered and name not in registered]
    missing = sorted(stored[name] for name in placed.missing)
    return [
        *(SchemaChange(endpoint_id, name, "new", types.get(name, "")) for name in new),
        *(SchemaChange(endpoint_id, name, "missing") for name in missing),
    ]


def _learned(known: KnownNames, features: Placed, labels: Placed) -> KnownNames | None:
    learned = KnownNames(
        () if known.features else tuple(features.columns), () if known.labels else tuple(labels.columns)
    )
    return learned if learned.features or learned.labels else None


def _timestamps(when_us: Int64s) -> pa.Array:
    return pa.array(when_us).cast(pa.timestamp("us", tz="UTC"))


def _metadata(
    endpoint_id: str, group: EndpointEvents, partition: int, numbers: EventNumbers
) -> dict[str, pa.Array]:
    events, rows = group.events, numbers.rows
    of_events = {
        "request_id": pa.array([event.request_id for event in events], pa.string()),
        "latency": pa.array(numbers.latency_us, mask=numbers.latency_us == NO_LATENCY),
        "labels": _json([event.labels for event in events]),
        "metrics": _json([event.metrics for event in events]),
        "entities": _json([event.entities for event in events]),
        "effective_sample_count": pa.array(numbers.effective),
        "estimated_prediction_count": pa.array(numbers.estimated),
        "stream_offset": pa.array(group.offsets, pa.int64()),
        "event_item": pa.array(group.items, pa.int32()),
    }
    if (rows != 1).any():
        index = pa.array(np.repeat(np.arange(len(events)), rows))
        of_events = {name: values.take(index) for name, values in of_events.items()}
    total = int(rows.sum())
    starts = np.repeat(np.cumsum(rows) - rows, rows)
    columns = {
        **of_events,
        "endpoint_id": pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(total, np.int32)), pa.array([endpoint_id], pa.string())
        ),
        "stream_partition": pa.array(np.full(total, partition, np.int32)),
        "event_row": pa.array((np.arange(total) - starts).astype(np.int32)),
    }
    return {name: columns[name] for name in METADATA_COLUMNS}


def _json(values: Sequence[Mapping[str, Any] | None]) -> pa.Array:
    if not any(values):
        return pa.nulls(len(values), pa.string())
    encode = msgspec.json.encode
    return pa.array([encode(value).decode() if value else None for value in values], pa.string())


def _by_hour(endpoint_id: str, table: pa.Table, when_us: Int64s) -> list[HourTable]:
    hours = when_us // HOUR_US
    if (hours[1:] < hours[:-1]).any():
        order = np.argsort(hours, kind="stable")
        table, when_us, hours = table.take(pa.array(order)), when_us[order], hours[order]
    cuts = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), len(hours)]
    return [
        HourTable(
            endpoint_id=endpoint_id,
            hour_us=int(hours[start]) * HOUR_US,
            min_us=int(when_us[start:end].min()),
            max_us=int(when_us[start:end].max()),
            table=table.slice(start, end - start),
        )
        for start, end in pairwise(cuts)
    ]
