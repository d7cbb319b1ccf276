"""What a store of time series promises: keyed points over time, only ever added to.

A key holds everything that makes a point unique: the batch that wrote it, the revision of its window. Writing
a point again replaces it by itself. What counts is decided in the ledger and handed in by the reader
(`stores/series/acknowledged_points.py`), so that a database without transactions, conditional writes or
deletes of single points can hold them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from modelmon.errors import RejectedError
from modelmon.model import MINUTE_US, BatchRange, TrafficPoint, ValuePoint, WindowFeatures, WindowKey, to_us

LATEST_US = to_us(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
"""The last moment that every database can write down; the first one is the epoch."""


class SeriesStore(ABC):
    """Traffic per endpoint and minute; metrics, results and features per window.

    Every method raises UnavailableError when the database does not answer; every write may be repeated.
    Writes raise RejectedError, and write nothing, for a number that is not finite and for a time before 1970
    or after 9999, naming it. Bounds of reads may be any integer.
    """

    @abstractmethod
    def write_traffic(self, batch: BatchRange, points: Sequence[TrafficPoint]) -> None:
        """Record what one batch adds, keyed (endpoint, minute, batch)."""

    @abstractmethod
    def read_traffic(
        self,
        endpoint_ids: Collection[str],
        start_us: int,
        end_us: int,
        *,
        bucket_us: int = MINUTE_US,
        void: Collection[BatchRange] = (),
    ) -> list[TrafficPoint]:
        """One summed point per endpoint and bucket with traffic in [start, end), by endpoint and time.

        Buckets lie between the multiples of `bucket_us`. Points of `void` batches do not count.
        """

    @abstractmethod
    def fold_traffic(
        self,
        endpoint_ids: Collection[str],
        start_us: int,
        end_us: int,
        applied: Mapping[tuple[str, int], int],
        void: Collection[BatchRange],
    ) -> int:
        """Make one point of those that many batches wrote of one minute in [start, end); returns how many
        points fewer there are.

        Only batches up to the offset that is `applied`, by (stream id, partition). Readers see no difference,
        and whoever writes such a batch once more, late, changes nothing. A database that can't do it may keep
        them all.
        """

    @abstractmethod
    def write_values(self, points: Sequence[ValuePoint]) -> None:
        """Record metrics and results, keyed (endpoint, app, window start, name, revision)."""

    @abstractmethod
    def read_values(
        self, windows: Mapping[WindowKey, int], names: Collection[str] | None = None
    ) -> list[ValuePoint]:
        """Points of these windows, each of the one revision given, by endpoint, app, start and name; only
        those of `names` where there are any."""

    @abstractmethod
    def write_features(self, windows: Sequence[WindowFeatures]) -> None:
        """Record how features looked, keyed (endpoint, app, window start, revision)."""

    @abstractmethod
    def read_features(
        self, windows: Mapping[WindowKey, int], names: Collection[str] | None = None
    ) -> list[WindowFeatures]:
        """How features looked in these windows, each of the one revision given, by endpoint, app and start;
        only the features of `names` where there are any."""

    @abstractmethod
    def prune(self, before_us: int) -> None:
        """Forget every minute and every window that begins before this."""

    @abstractmethod
    def forget(self, endpoint_id: str) -> None:
        """Forget everything of an endpoint."""

    @abstractmethod
    def close(self) -> None:
        """Release connections. Closing twice is harmless."""


def check_traffic(points: Sequence[TrafficPoint]) -> None:
    """RejectedError for a point that no series can hold."""
    for point in points:
        if not _is_time(point.start_us):
            raise _no_time(f"endpoint {point.endpoint_id}", point.start_us, "minute")
        if not math.isfinite(point.estimated_predictions):
            where = f"endpoint {point.endpoint_id}"
            raise _no_number(where, point.estimated_predictions, "estimated_predictions")


def check_values(points: Sequence[ValuePoint]) -> None:
    """RejectedError for a point that no series can hold, naming it; its value is finite where it was made."""
    for point in points:
        for moment_us in (point.start_us, point.end_us):
            if not _is_time(moment_us):
                where = f"{point.name!r} of app {point.application_name}, endpoint {point.endpoint_id}"
                raise _no_time(where, moment_us, "window")


def check_features(windows: Sequence[WindowFeatures]) -> None:
    """RejectedError for numbers that no series can hold, naming the feature."""
    for window in windows:
        where = f"app {window.key.application_name}, endpoint {window.key.endpoint_id}"
        for moment_us in (window.key.start_us, window.end_us):
            if not _is_time(moment_us):
                raise _no_time(where, moment_us, "window")
        for name, numbers in window.features.items():
            for number in filter(None, (numbers.score, numbers.mean, numbers.share)):
                if not math.isfinite(number):
                    raise _no_number(f"feature {name!r} of {where}", number, "features")


def _is_time(moment_us: int) -> bool:
    return 0 <= moment_us <= LATEST_US


def _no_time(where: str, moment_us: int, field: str) -> RejectedError:
    return RejectedError(
        f"{where}: a series holds times from 1970 to 9999, got {moment_us} microseconds since 1970", field
    )


def _no_number(where: str, number: float, field: str) -> RejectedError:
    return RejectedError(f"{where}: a series holds finite numbers, got {number}", field)
