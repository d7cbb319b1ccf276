"""Traffic as batches wrote it becomes traffic as it was: pure, the same for every back-end.

A folded point stands for all batches of its partition up to the `last` of its key; its `first` is `FOLDED`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from modelmon.model import BatchRange, TrafficPoint

FOLDED = -1
_COUNTS = ("predictions", "rows", "errors", "estimated_predictions", "latency_count", "latency_us_sum")


@dataclass(frozen=True, slots=True)
class Stored:
    """What one batch wrote of one minute of one endpoint."""

    batch: BatchRange
    point: TrafficPoint


@dataclass(frozen=True, slots=True)
class Fold:
    """One point instead of many."""

    instead: Stored
    of: Sequence[Stored]


def summed(stored: Iterable[Stored], bucket_us: int, void: Collection[BatchRange]) -> list[TrafficPoint]:
    """One point per endpoint and bucket of what is stored, which comes by endpoint and minute."""
    without = frozenset(void)
    counted = (
        each.point
        for _, minute in groupby(stored, _minute)
        for partition in _by_partition(minute).values()
        for each in _counting(partition, without)
    )

    def bucket(point: TrafficPoint) -> tuple[str, int]:
        return point.endpoint_id, point.start_us // bucket_us * bucket_us

    return [_sum(place, list(points)) for place, points in groupby(counted, bucket)]


def folds(
    stored: Iterable[Stored], applied: Mapping[tuple[str, int], int], void: Collection[BatchRange]
) -> Iterator[Fold]:
    """What can be folded of what is stored, which comes by endpoint and minute."""
    without = frozenset(void)
    for place, minute in groupby(stored, _minute):
        for partition, points in _by_partition(minute).items():
            upto = applied.get(partition, FOLDED)
            of = [each for each in points if each.batch.last <= upto]
            if len(of) > 1:
                whole = _sum(place, [each.point for each in _counting(of, without)])
                batch = BatchRange(*partition, FOLDED, max(each.batch.last for each in of))
                yield Fold(Stored(batch, whole), of)


def _minute(stored: Stored) -> tuple[str, int]:
    return stored.point.endpoint_id, stored.point.start_us


def _by_partition(stored: Iterable[Stored]) -> dict[tuple[str, int], list[Stored]]:
    found: dict[tuple[str, int], list[Stored]] = {}
    for each in stored:
        found.setdefault((each.batch.stream_id, each.batch.partition), []).append(each)
    return found


def _counting(stored: Sequence[Stored], void: frozenset[BatchRange]) -> list[Stored]:
    """Without void batches, and without those that a folded point stands for already."""
    if len(stored) == 1:  # nearly always
        return [each for each in stored if each.batch not in void]
    folded = max((each.batch.last for each in stored if each.batch.first == FOLDED), default=FOLDED)
    return [
        each
        for each in stored
        if each.batch not in void
        and (each.batch.last > folded or (each.batch.first == FOLDED and each.batch.last == folded))
    ]


def _sum(place: tuple[str, int], points: Sequence[TrafficPoint]) -> TrafficPoint:
    if len(points) == 1 and points[0].start_us == place[1]:
        return points[0]
    return TrafficPoint(
        *place,
        **{name: sum(getattr(point, name) for point in points) for name in _COUNTS},
        latency_us_max=max((point.latency_us_max for point in points), default=0),
        latency_us_histogram=_added([point.latency_us_histogram for point in points]),
    )


def _added(histograms: Sequence[Sequence[int]]) -> tuple[int, ...]:
    total = [0] * max(map(len, histograms), default=0)
    for histogram in histograms:
        for index, count in enumerate(histogram):
            total[index] += count
    return tuple(total)
