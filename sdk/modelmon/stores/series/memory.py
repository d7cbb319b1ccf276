"""Series of this process alone, `memory://name`: the promises of the port without a database, for tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from modelmon.errors import ConfigError
from modelmon.model import MINUTE_US, BatchRange, TrafficPoint, ValuePoint, WindowFeatures, WindowKey
from modelmon.secrecy import shown_address
from modelmon.settings import Settings
from modelmon.stores.series.base import (
    SeriesStore,
    check_features,
    check_traffic,
    check_values,
)
from modelmon.stores.series.traffic import Stored, folds, summed

TrafficKey = tuple[str, int, BatchRange]


@dataclass(slots=True)
class _Kept:
    """What all that open one name share."""

    traffic: dict[TrafficKey, Stored] = field(default_factory=dict)
    values: dict[tuple[WindowKey, int, str], ValuePoint] = field(default_factory=dict)
    features: dict[tuple[WindowKey, int], WindowFeatures] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


_kept: dict[str, _Kept] = {}
_kept_lock = Lock()


def open(url: str, settings: Settings) -> SeriesStore:  # noqa: A001 - the hook's name
    """The series of this name in this process, made when needed; no setting means anything here."""
    name = url.removeprefix("memory:").strip("/")
    if not name:
        raise ConfigError(f"series {shown_address(url)!r}: write memory://name")
    with _kept_lock:
        return MemorySeries(_kept.setdefault(name, _Kept()))


class MemorySeries(SeriesStore):
    """Series in dictionaries."""

    def __init__(self, kept: _Kept) -> None:
        self._kept = kept

    def write_traffic(self, batch: BatchRange, points: Sequence[TrafficPoint]) -> None:
        check_traffic(points)
        with self._kept.lock:
            for point in points:
                self._kept.traffic[point.endpoint_id, point.start_us, batch] = Stored(batch, point)

    def read_traffic(
        self,
        endpoint_ids: Collection[str],
        start_us: int,
        end_us: int,
        *,
        bucket_us: int = MINUTE_US,
        void: Collection[BatchRange] = (),
    ) -> list[TrafficPoint]:
        with self._kept.lock:
            return summed(self._between(endpoint_ids, start_us, end_us), bucket_us, void)

    def fold_traffic(
        self,
        endpoint_ids: Collection[str],
        start_us: int,
        end_us: int,
        applied: Mapping[tuple[str, int], int],
        void: Collection[BatchRange],
    ) -> int:
        with self._kept.lock:
            before = len(self._kept.traffic)
            for fold in list(folds(self._between(endpoint_ids, start_us, end_us), applied, void)):
                for each in fold.of:
                    del self._kept.traffic[_traffic_key(each)]
                self._kept.traffic[_traffic_key(fold.instead)] = fold.instead
            return before - len(self._kept.traffic)

    def write_values(self, points: Sequence[ValuePoint]) -> None:
        check_values(points)
        with self._kept.lock:
            self._kept.values |= {(point.key, point.revision, point.name): point for point in points}

    def read_values(
        self, windows: Mapping[WindowKey, int], names: Collection[str] | None = None
    ) -> list[ValuePoint]:
        with self._kept.lock:
            return [
                point
                for (key, revision, name), point in sorted(self._kept.values.items())
                if windows.get(key) == revision and (names is None or name in names)
            ]

    def write_features(self, windows: Sequence[WindowFeatures]) -> None:
        check_features(windows)
        with self._kept.lock:
            self._kept.features |= {(each.key, each.revision): each for each in windows}

    def read_features(
        self, windows: Mapping[WindowKey, int], names: Collection[str] | None = None
    ) -> list[WindowFeatures]:
        with self._kept.lock:
            found = [
                each
                for (key, revision), each in sorted(self._kept.features.items(), key=lambda item: item[0])
                if windows.get(key) == revision
            ]
        if names is None:
            return found
        return [
            replace(each, features={name: each.features[name] for name in names if name in each.features})
            for each in found
        ]

    def prune(self, before_us: int) -> None:
        kept = self._kept
        with kept.lock:
            kept.traffic = {key: each for key, each in kept.traffic.items() if key[1] >= before_us}
            kept.values = {key: each for key, each in kept.values.items() if each.start_us >= before_us}
            kept.features = {key: each for key, each in kept.features.items() if key[0].start_us >= before_us}

    def forget(self, endpoint_id: str) -> None:
        kept = self._kept
        with kept.lock:
            kept.traffic = {key: each for key, each in kept.traffic.items() if key[0] != endpoint_id}
            kept.values = {key: each for key, each in kept.values.items() if each.endpoint_id != endpoint_id}
            kept.features = {
                key: each for key, each in kept.features.items() if key[0].endpoint_id != endpoint_id
            }

    def close(self) -> None:
        pass

    def _between(self, endpoint_ids: Collection[str], start_us: int, end_us: int) -> list[Stored]:
        wanted = frozenset(endpoint_ids)
        found = [
            each
            for each in self._kept.traffic.values()
            if each.point.endpoint_id in wanted and start_us <= each.point.start_us < end_us
        ]
        return sorted(found, key=lambda each: (each.point.endpoint_id, each.point.start_us))


def _traffic_key(stored: Stored) -> TrafficKey:
    return stored.point.endpoint_id, stored.point.start_us, stored.batch
