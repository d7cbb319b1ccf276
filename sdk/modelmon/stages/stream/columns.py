"""Events to Arrow tables: one endpoint's events become one table an hour, in the order they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from modelmon.stages.stream.arrays import column, is_retyped
from modelmon.stages.stream.batch import EndpointColumns, EndpointEvents, HourTable
from modelmon.stages.stream.placing import Names, Placed, place
from modelmon.stores.batches import KnownNames, SchemaChange
from modelmon.stores.columns import METADATA_COLUMNS, TIMESTAMP, stored_names
from modelmon.wire import ServingEvent

MINUTE_US = 60_000_000
HOUR_US = 3_600_000_000
Int64s = npt.NDArray[np.int64]
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
    counts = np.fromiter((len(event.inputs) for event in group.events), np.int64, len(group.events))
    features = _side(group.events, attrgetter("inputs"), attrgetter("input_names"), known.features, "feature")
    labels = _side(group.events, attrgetter("outputs"), attrgetter("output_names"), known.labels, "label")
    stored = stored_names(tuple(features.columns), tuple(labels.columns))
    values = [*features.columns.values(), *labels.columns.values()]
    data, types, changes = _typed(endpoint_id, (*stored[0], *stored[1]), values, known_types)
    changes += _changed(
        endpoint_id, features, known.features, dict(zip(features.columns, stored[0], strict=True)), types
    )
    changes += _changed(
        endpoint_id, labels, known.labels, dict(zip(labels.columns, stored[1], strict=True)), types
    )
    when_us = _times(group.events, counts)
    table = pa.table(
        {TIMESTAMP: _timestamps(when_us), **data, **_metadata(endpoint_id, group, partition, counts)}
    )
    minutes, rows = np.unique(when_us // MINUTE_US * MINUTE_US, return_counts=True)
    return EndpointColumns(
        endpoint_id=endpoint_id,
        hours=_by_hour(endpoint_id, table, when_us),
        stored=len(when_us),
        first_us=int(when_us.min()),
        last_us=int(when_us.max()),
        minutes=dict(zip(minutes.tolist(), rows.tolist(), strict=True)),
        names=_learned(known, features, labels),
        changes=changes,
        types={name: kind for name, kind in types.items() if known_types.get(name) != kind},
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
    return place(rows, own, registered, kind)


def _typed(
    endpoint_id: str,
    names: Sequence[str],
    values: Sequence[Sequence[Any]],
    known_types: Mapping[str, str],
) -> tuple[dict[str, pa.Array], dict[str, str], list[SchemaChange]]:
    data: dict[str, pa.Array] = {}
    types: dict[str, str] = {}
    changes = []
    for name, column_values in zip(names, values, strict=True):
        before = known_types.get(name)
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
    stored: Mapping[str, str],
    types: Mapping[str, str],
) -> list[SchemaChange]:
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


def _times(events: Sequence[ServingEvent], counts: Int64s) -> Int64s:
    return np.repeat(np.fromiter((event.when_us for event in events), np.int64, len(events)), counts)


def estimated_predictions(events: Sequence[ServingEvent]) -> npt.NDArray[np.float64]:
    """How many predictions each event stands for: its own count, scaled up where only a part was sampled."""
    effective = np.fromiter((event.effective_sample_count for event in events), np.float64, len(events))
    percentage = np.fromiter((event.sampling_percentage for event in events), np.float64, len(events))
    return effective * 100.0 / percentage


def _timestamps(when_us: Int64s) -> pa.Array:
    return pa.array(when_us).cast(pa.timestamp("us", tz="UTC"))


def _metadata(endpoint_id: str, group: EndpointEvents, partition: int, counts: Int64s) -> dict[str, pa.Array]:
    events = group.events
    effective = [event.effective_sample_count for event in events]
    of_events = {
        "request_id": pa.array([event.request_id for event in events], pa.string()),
        "latency": pa.array([event.latency_us for event in events], pa.int64()),
        "labels": _json([event.labels for event in events]),
        "metrics": _json([event.metrics for event in events]),
        "entities": _json([event.entities for event in events]),
        "effective_sample_count": pa.array(effective, pa.int64()),
        "estimated_prediction_count": pa.array(estimated_predictions(events)),
        "stream_offset": pa.array(group.offsets, pa.int64()),
        "event_item": pa.array(group.items, pa.int32()),
    }
    if not (counts == 1).all():
        index = pa.array(np.repeat(np.arange(len(events)), counts))
        of_events = {name: values.take(index) for name, values in of_events.items()}
    total = int(counts.sum())
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    columns = {
        "endpoint_id": pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(total, np.int32)), pa.array([endpoint_id], pa.string())
        ),
        **of_events,
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
