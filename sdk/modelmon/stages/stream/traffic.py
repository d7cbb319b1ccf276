"""What a batch adds to the series: requests, rows, errors and latencies per endpoint and minute; and to the
running totals of latencies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelmon.ledger.latencies import LatencyBucket
from modelmon.model import MINUTE_US, TrafficPoint
from modelmon.stages.stream.batch import EndpointColumns, Tabled
from modelmon.wire import ErrorEvent
from modelmon.wire.event_columns import NO_LATENCY, Int64s

_BIT_LIMITS = 2 ** np.arange(63, dtype=np.int64)


def traffic_points(tabled: Tabled) -> list[TrafficPoint]:
    """One point per endpoint and minute that the batch has a request or an error in.

    Where all of them were taken out of the batch it is empty: an earlier start of the batch may have decided
    otherwise, and what it wrote is written over.
    """
    points = _points(tabled)
    taken_out = {(who, when_us // MINUTE_US * MINUTE_US) for who, when_us in tabled.decoded.taken_out}
    empty = taken_out.difference((point.endpoint_id, point.start_us) for point in points)
    return [*points, *(TrafficPoint(*place) for place in sorted(empty))]


def latency_buckets(columns: Sequence[EndpointColumns]) -> dict[int, LatencyBucket]:
    """By bit length the requests of all endpoints that told how long they took."""
    latency = _joined([each.events.latency_us for each in columns], [])
    latency = latency[latency != NO_LATENCY]
    bits = _bit_lengths(latency)
    requests, together = np.bincount(bits), np.bincount(bits, weights=latency)
    return {
        place: LatencyBucket(int(requests[place]), float(together[place]))
        for place in np.flatnonzero(requests).tolist()
    }


def _bit_lengths(latency: Int64s) -> Int64s:
    return np.searchsorted(_BIT_LIMITS, latency, side="right")


def _points(tabled: Tabled) -> list[TrafficPoint]:
    columns, errors = tabled.columns, tabled.decoded.errors
    if not columns and not errors:
        return []
    names = list(
        dict.fromkeys([*(each.endpoint_id for each in columns), *(each.endpoint_id for each in errors)])
    )
    number = {name: place for place, name in enumerate(names)}
    who = np.repeat(np.arange(len(columns)), [len(each.events) for each in columns])
    who = np.concatenate([who, np.array([number[each.endpoint_id] for each in errors], np.int64)])
    return _summed(names, who, columns, errors)


def _summed(
    names: Sequence[str], who: Int64s, columns: Sequence[EndpointColumns], errors: Sequence[ErrorEvent]
) -> list[TrafficPoint]:
    events = [each.events for each in columns]
    failed = len(errors)
    minute = _joined([each.when_us for each in events], [each.when_us for each in errors]) // MINUTE_US
    order = _order(who, minute)
    who, minute = who[order], minute[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(who) != 0) | (np.diff(minute) != 0)])
    latency = _joined([each.latency_us for each in events], [NO_LATENCY] * failed)[order]
    has_latency = latency != NO_LATENCY
    known = np.where(has_latency, latency, 0)
    is_event = (np.arange(len(who)) < len(who) - failed)[order].astype(np.int64)
    rows = _joined([each.rows for each in events], [0] * failed)[order]
    estimated = np.concatenate([*(each.estimated for each in events), np.zeros(failed)])[order]
    values = [
        *(np.add.reduceat(each, starts).tolist() for each in (is_event, rows, 1 - is_event, estimated)),
        np.add.reduceat(has_latency.astype(np.int64), starts).tolist(),
        np.add.reduceat(known, starts).tolist(),
        np.maximum.reduceat(known, starts).tolist(),
        _histograms(latency, starts),
    ]
    places = zip(who[starts].tolist(), minute[starts].tolist(), *values, strict=True)
    return [TrafficPoint(names[who], minute * MINUTE_US, *point) for who, minute, *point in places]


def _order(who: Int64s, minute: Int64s) -> Int64s | slice:
    """What sorts by both. Nearly always they are sorted: events come in their order."""
    later, steps = np.diff(who), np.diff(minute)
    if ((later > 0) | ((later == 0) & (steps >= 0))).all():
        return slice(None)
    order: Int64s = np.lexsort((minute, who))
    return order


def _joined(arrays: Sequence[Int64s], rest: Sequence[int]) -> Int64s:
    return np.concatenate([*arrays, np.array(rest, np.int64)])


def _histograms(latency: Int64s, starts: Int64s) -> list[tuple[int, ...]]:
    """Per point how many latencies have each bit length; index 0 counts the zeros, no zeros at the end."""
    measured = latency != NO_LATENCY
    point = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(latency)]))[measured]
    bits = _bit_lengths(latency[measured])
    width = int(bits.max(initial=0)) + 1
    table = np.bincount(point * width + bits, minlength=len(starts) * width).reshape(len(starts), width)
    lengths = np.where(table.any(axis=1), width - np.argmax(table[:, ::-1] != 0, axis=1), 0)
    return [tuple(row[:length]) for row, length in zip(table.tolist(), lengths.tolist(), strict=True)]
