"""Events to Arrow tables: one endpoint's events become one table an hour, in the order they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import chain, pairwise
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa

from modelmon.column_names import METADATA_COLUMNS, TIMESTAMP, stored_names
from modelmon.ledger.stored_columns import NEW, KnownNames, SchemaChange
from modelmon.model import HOUR_US, MINUTE_US
from modelmon.stages.stream.alignment import Column, Placed, place, place_array
from modelmon.stages.stream.arrow_arrays import column, empty_column, is_retyped
from modelmon.stages.stream.batch import EndpointColumns, HourTable
from modelmon.wire.event_columns import NO_LATENCY, EventColumns, Floats, Int64s, Repeated, is_array
from modelmon.wire.rows import Names, Rows

_NOTHING_KNOWN = KnownNames()


def endpoint_columns(
    endpoint_id: str,
    events: EventColumns,
    partition: int,
    known: KnownNames | None,
    known_types: Mapping[str, str],
) -> EndpointColumns:
    """The columns of one endpoint's events, and what they tell that the records don't know."""
    known = known or _NOTHING_KNOWN
    features = _side(events, "inputs", events.input_names, known.features, "feature")
    predictions = _side(events, "outputs", events.output_names, known.predictions, "prediction")
    feature_columns, prediction_columns = stored_names(tuple(features.columns), tuple(predictions.columns))
    values = [*features.columns.values(), *predictions.columns.values()]
    data, types, changes = _typed(
        endpoint_id, (*feature_columns, *prediction_columns), values, int(events.rows.sum()), known_types
    )
    changes += _changed(endpoint_id, features, known.features, feature_columns, types)
    changes += _changed(endpoint_id, predictions, known.predictions, prediction_columns, types)
    when_us = np.repeat(events.when_us, events.rows)
    metadata = _metadata(endpoint_id, events, partition)
    table = pa.table({TIMESTAMP: _timestamps(when_us), **data, **metadata})
    minutes, rows = np.unique(when_us // MINUTE_US * MINUTE_US, return_counts=True)
    return EndpointColumns(
        endpoint_id=endpoint_id,
        events=events,
        hours=_by_hour(endpoint_id, table, when_us),
        stored=len(when_us),
        first_us=int(when_us.min()),
        last_us=int(when_us.max()),
        minutes=dict(zip(minutes.tolist(), rows.tolist(), strict=True)),
        names=_learned(known, features, predictions),
        changes=changes,
        types={name: kind for name, kind in types.items() if known_types.get(name) != kind},
    )


def _side(
    events: EventColumns,
    side: Literal["inputs", "outputs"],
    own: Sequence[Names],
    registered: Sequence[str],
    kind: str,
) -> Placed:
    is_one = own.count(own[0]) == len(own)
    held: list[Rows] | Floats = getattr(events, side)
    if is_one and is_array(held):
        return place_array(held, own[0], registered, kind)
    rows_of = events.rows_of(side)
    if is_one:
        own = own[:1]
    else:
        own = [names for names, event_rows in zip(own, rows_of, strict=True) for _ in event_rows]
    return place(list(chain.from_iterable(rows_of)), own, registered, kind)


def _typed(
    endpoint_id: str,
    names: Sequence[str],
    values: Sequence[Column | None],
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
        *(SchemaChange(endpoint_id, name, NEW, types.get(name, "")) for name in new),
        *(SchemaChange(endpoint_id, name, "missing") for name in missing),
    ]


def _learned(known: KnownNames, features: Placed, predictions: Placed) -> KnownNames | None:
    learned = KnownNames(
        () if known.features else tuple(features.columns),
        () if known.predictions else tuple(predictions.columns),
    )
    return learned if learned.features or learned.predictions else None


def _timestamps(when_us: Int64s) -> pa.Array:
    return pa.array(when_us).cast(pa.timestamp("us", tz="UTC"))


def _metadata(endpoint_id: str, events: EventColumns, partition: int) -> dict[str, pa.Array]:
    rows = events.rows
    of_events = {
        "request_id": pa.array(events.request_ids, pa.string()),
        "latency": pa.array(events.latency_us, mask=events.latency_us == NO_LATENCY),
        "labels": _json(events.labels),
        "metrics": _json(events.metrics),
        "entities": _json(events.entities),
        "effective_sample_count": pa.array(events.effective),
        "estimated_prediction_count": pa.array(events.estimated),
        "stream_offset": pa.array(events.offsets),
        "event_item": pa.array(events.items.astype(np.int32)),
    }
    total = int(rows.sum())
    event_row = np.zeros(total, np.int32)
    if (rows != 1).any():
        index = pa.array(np.repeat(np.arange(len(events)), rows))
        of_events = {name: values.take(index) for name, values in of_events.items()}
        event_row = (np.arange(total) - np.repeat(np.cumsum(rows) - rows, rows)).astype(np.int32)
    columns = {
        **of_events,
        "endpoint_id": pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(total, np.int32)), pa.array([endpoint_id], pa.string())
        ),
        "stream_partition": pa.array(np.full(total, partition, np.int32)),
        "event_row": pa.array(event_row),
    }
    return {name: columns[name] for name in METADATA_COLUMNS}


def _json(values: Sequence[Mapping[str, Any] | None]) -> pa.Array:
    if values.count(None) == len(values):
        return pa.nulls(len(values), pa.string())
    if isinstance(values, Repeated):
        return pa.repeat(pa.scalar(_text(values.value), pa.string()), len(values))
    return pa.array(map(_text, values), pa.string())


def _text(value: Mapping[str, Any] | None) -> str | None:
    return msgspec.json.encode(value).decode() if value else None


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
