"""The rows of one endpoint, table by table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made_project.shape import (
    APP,
    DETECTED,
    HOUR,
    MIN_ROWS,
    POTENTIAL,
    Character,
    Floats,
    Shape,
    endpoint_id,
    rows_of,
    scores_of,
)
from made_project.statistics import current, evidence, measures
from modelmon.ledger.endpoint_apps import COUNTERS
from modelmon.ledger.latencies import LatencyBucket
from modelmon.model import MINUTE_US, FeatureNumbers, WindowFeatures, WindowKey

MINUTES = 120
"""So many minutes before the end have a row of traffic each; what is older has one an hour, as if folded."""
_BIT = {name: 1 << place for place, name in enumerate(COUNTERS)}
_LATENCIES = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 40, 35, 15, 4, 1]
Rows = Iterator[dict[str, Any]]


@dataclass
class EndpointRows:
    """One endpoint and all that belongs to it."""

    shape: Shape
    number: int

    def __post_init__(self) -> None:
        rng = np.random.default_rng((self.shape.seed, self.number))
        self.rows: NDArray[np.int64] = rows_of(self.shape, self.number, rng)
        self.scores: Floats = scores_of(self.shape, self.number, self.rows, rng)
        self.errors: NDArray[np.int64] = rng.binomial(self.rows, 0.002)

    @cached_property
    def id(self) -> str:
        return endpoint_id(self.number)

    @cached_property
    def character(self) -> Character:
        return self.shape.character(self.number)

    @cached_property
    def ended(self) -> int:
        """So many windows have data."""
        is_silent = self.character is Character.SILENT
        return self.shape.onset(self.number) if is_silent else self.shape.windows

    def start_us(self, place: int) -> int:
        return self.shape.starts_us[place]

    def is_failed(self, place: int) -> bool:
        return self.character is Character.FAILED and place >= self.shape.onset(self.number)

    def is_incomplete(self, place: int) -> bool:
        return self.character is Character.INCOMPLETE and place == self.shape.windows - 1

    def status(self, place: int, value: float) -> int:
        if self.is_incomplete(place) or self.rows[place] < MIN_ROWS:
            return -1
        return int(value >= POTENTIAL) + int(value >= DETECTED)

    def value(self, place: int) -> float:
        return float(self.scores[place].max())

    # --- ledger

    def traffic(self) -> dict[str, Any]:
        stored, errors = int(self.rows[: self.ended].sum()), int(self.errors[: self.ended].sum())
        last_us = self.start_us(self.ended - 1) + HOUR - MINUTE_US
        return {
            "endpoint_id": self.id, "received": stored + errors, "stored": stored, "errors": errors,
            "rejected": 0,
            "late": self.number % 3, "missing": 0, "repeated": 0, "first_request_us": self.start_us(0),
            "last_request_us": last_us, "committed_us": last_us, "completed_us": None, "last_error": "",
            "last_error_us": None,
        }  # fmt: skip

    def windows(self) -> Rows:
        for place in range(self.ended):
            failed = self.is_failed(place)
            start_us = self.start_us(place)
            yield {
                "endpoint_id": self.id, "application_name": APP, "start_us": start_us,
                "end_us": start_us + HOUR,
                "wanted": 1, "sent": 1, "sent_us": start_us + HOUR, "sends": 1, "dirty_us": start_us + HOUR,
                "late": 0, "incomplete": 2 if self.is_incomplete(place) else 0, "check_us": None,
                "watermark_us": 0,
                "attempts": 0, "attempt_revision": 0, "answered": 1,
                "outcome": "failed" if failed else "done",
                "error": "KeyError: 'feature_00'" if failed else "", "envelopes": 0 if failed else 5,
                "rows": 0 if failed else int(self.rows[place]), "counted": self._counted(place),
            }  # fmt: skip

    def _counted(self, place: int) -> int:
        if self.is_failed(place):
            return _BIT["failed"]
        found = _BIT["done"]
        if self.rows[place] < MIN_ROWS:
            found |= _BIT["warming_up"]
        return found | (_BIT["incomplete"] if self.is_incomplete(place) else 0)

    def endpoint_app(self) -> dict[str, Any]:
        counted = [self._counted(place) for place in range(self.ended)]
        done = [place for place in range(self.ended) if not self.is_failed(place)]
        return {
            "endpoint_id": self.id, "application_name": APP,
            **{name: sum(bits & bit > 0 for bits in counted) for name, bit in _BIT.items()},
            "newest_us": self.start_us(self.ended - 1), "analyzed_us": self.start_us(done[-1]) + HOUR,
        }  # fmt: skip

    @cached_property
    def newest(self) -> int:
        """The newest window that was judged."""
        return next(place for place in range(self.ended - 1, -1, -1) if not self.is_failed(place))

    def verdicts(self) -> Rows:
        for point in self.values_of(self.newest):
            if point["kind"] is not None:
                start, end = point.pop("window_start"), point.pop("window_end")
                yield {**point, "start_us": start, "end_us": end}

    def app_stats(self) -> Rows:
        place = self.newest
        for name, stats in (
            ("current_stats", current(self.shape, int(self.rows[place]), self.scores[place])),
            ("drift_measures", measures(self.shape, self.scores[place])),
        ):
            yield {
                "endpoint_id": self.id, "application_name": APP, "name": name, "stats": json.dumps(stats),
                "timestamp_us": self.start_us(place) + HOUR, "start_us": self.start_us(place), "revision": 1,
            }  # fmt: skip

    # --- series

    def values(self) -> Rows:
        for place in range(self.ended):
            if not self.is_failed(place):
                yield from self.values_of(place)

    def values_of(self, place: int) -> Rows:
        start_us, scores = self.start_us(place), self.scores[place]
        mean, detail = float(scores.mean()), evidence(self.shape, int(self.rows[place]), scores)
        key = {
            "endpoint_id": self.id, "application_name": APP, "window_start": start_us,
            "window_end": start_us + HOUR,
            "revision": 1,
        }  # fmt: skip
        for name, value in (("general_drift", mean), ("feature_drift", self.value(place))):
            status = self.status(place, value)
            yield {**key, "name": name, "value": value, "kind": 0, "status": status, "extra_data": detail}
        yield {
            **key,
            "name": "hellinger_mean",
            "value": mean,
            "kind": None,
            "status": None,
            "extra_data": "{}",
        }

    def features(self) -> Iterator[WindowFeatures]:
        for place in range(self.ended):
            rows, scores = int(self.rows[place]), self.scores[place].tolist()
            numbers = {
                name: FeatureNumbers(score, rows, 0, 35.0 * (1 + number) * score)
                for number, (name, score) in enumerate(zip(self.shape.feature_names, scores, strict=True))
            }
            start_us = self.start_us(place)
            yield WindowFeatures(WindowKey(self.id, APP, start_us), start_us + HOUR, 1, numbers)

    def traffic_points(self) -> Rows:
        minutes_from_us = self.shape.until_us - MINUTES * MINUTE_US
        for place in range(self.ended):
            start_us, rows, errors = self.start_us(place), int(self.rows[place]), int(self.errors[place])
            minutes = 60 if start_us >= minutes_from_us else 1
            for minute in range(minutes):
                some = rows * (minute + 1) // minutes - rows * minute // minutes
                failed = errors * (minute + 1) // minutes - errors * minute // minutes
                yield self._traffic_point(start_us + minute * MINUTE_US, some, failed)

    def latencies(self) -> dict[int, LatencyBucket]:
        """About those of the points, over the whole time."""
        stored = int(self.rows[: self.ended].sum())
        return {
            bits: LatencyBucket(stored * share // 100, stored * share * 2**bits // 150)
            for bits, share in enumerate(_LATENCIES)
            if share
        }

    def _traffic_point(self, minute_us: int, rows: int, errors: int) -> dict[str, Any]:
        shares = [rows * each // 100 for each in _LATENCIES]
        shares[11] += rows - sum(shares)
        return {
            "endpoint_id": self.id, "minute": minute_us, "stream_id": "made", "partition": 0,
            "first": minute_us // MINUTE_US, "last": minute_us // MINUTE_US, "predictions": rows,
            "rows": rows,
            "errors": errors, "estimated_predictions": float(rows), "latency_count": rows,
            "latency_us_sum": 2_000 * rows, "latency_us_max": 20_000,
            "latency_us_histogram": json.dumps(shares),
        }  # fmt: skip
