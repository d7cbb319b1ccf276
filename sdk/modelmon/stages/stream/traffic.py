"""What a batch adds to the series: requests, rows, errors and latencies per endpoint and minute."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from modelmon.model import TrafficPoint
from modelmon.stages.stream.batch import Decoded
from modelmon.stages.stream.columns import MINUTE_US, estimated_predictions
from modelmon.wire import ErrorEvent, ServingEvent

Int64s = npt.NDArray[np.int64]
_BIT_LIMITS = 2 ** np.arange(63, dtype=np.int64)
NO_LATENCY = -1


def traffic_points(decoded: Decoded) -> list[TrafficPoint]:
    """One point per endpoint and minute that the batch has a request or an error in."""
    served = [(endpoint_id, group.events) for endpoint_id, group in decoded.served.items()]
    events = list(chain.from_iterable(group for _, group in served))
    names = [endpoint_id for endpoint_id, _ in served]
    number = {name: index for index, name in enumerate(names)}
    for error in decoded.errors:
        if error.endpoint_id not in number:
            number[error.endpoint_id] = len(names)
            names.append(error.endpoint_id)
    if not events and not decoded.errors:
        return []
    who = np.concatenate(
        [
            np.repeat(np.arange(len(served)), [len(group) for _, group in served]),
            np.array([number[error.endpoint_id] for error in decoded.errors], np.int64),
        ]
    ).astype(np.int64)
    return _summed(names, who, events, decoded.errors)


def _summed(
    names: Sequence[str], who: Int64s, events: Sequence[ServingEvent], errors: Sequence[ErrorEvent]
) -> list[TrafficPoint]:
    count = len(who)
    times = [*(event.when_us for event in events), *(error.when_us for error in errors)]
    when_us = np.array(times, np.int64)
    minute = when_us // MINUTE_US
    order = np.lexsort((minute, who))
    who, minute = who[order], minute[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(who) != 0) | (np.diff(minute) != 0)])
    latency = _of_events((_latency(event) for event in events), len(events), count, NO_LATENCY)[order]
    has_latency = (latency != NO_LATENCY).astype(np.int64)
    is_event = (np.arange(count) < len(events)).astype(np.int64)[order]
    rows = _of_events((len(event.inputs) for event in events), len(events), count, 0)[order]
    estimated = np.zeros(count)
    estimated[: len(events)] = estimated_predictions(events)
    sums = [np.add.reduceat(values, starts).tolist() for values in (is_event, rows, 1 - is_event)]
    point_estimates = np.add.reduceat(estimated[order], starts).tolist()
    latencies = [
        np.add.reduceat(has_latency, starts).tolist(),
        np.add.reduceat(np.where(has_latency == 1, latency, 0), starts).tolist(),
        np.maximum.reduceat(np.where(has_latency == 1, latency, 0), starts).tolist(),
    ]
    histograms = _histograms(latency, starts)
    return [
        TrafficPoint(names[endpoint], at * MINUTE_US, *values)
        for endpoint, at, *values in zip(
            who[starts].tolist(),
            minute[starts].tolist(),
            *sums,
            point_estimates,
            *latencies,
            histograms,
            strict=True,
        )
    ]


def _of_events(values: object, events: int, count: int, rest: int) -> Int64s:
    filled = np.full(count, rest, np.int64)
    filled[:events] = np.fromiter(values, np.int64, events)  # type: ignore[call-overload]
    return filled


def _latency(event: ServingEvent) -> int:
    return NO_LATENCY if event.latency_us is None else event.latency_us


def _histograms(latency: Int64s, starts: Int64s) -> list[tuple[int, ...]]:
    """Per point how many latencies have each bit length; index 0 counts the zeros, no zeros at the end."""
    measured = latency != NO_LATENCY
    point = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(latency)]))[measured]
    bits = np.searchsorted(_BIT_LIMITS, latency[measured], side="right")
    width = int(bits.max(initial=0)) + 1
    table = np.bincount(point * width + bits, minlength=len(starts) * width).reshape(len(starts), width)
    lengths = np.where(table.any(axis=1), width - np.argmax(table[:, ::-1] != 0, axis=1), 0)
    return [tuple(row[:length]) for row, length in zip(table.tolist(), lengths.tolist(), strict=True)]
