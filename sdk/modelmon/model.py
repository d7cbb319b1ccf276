"""The nouns: values that streams, stores and stages pass to each other."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from modelmon.errors import RejectedError
from modelmon.from_mlrun import missing_name
from modelmon.from_mlrun.views import EndpointSpec, EndpointStatus, Metadata
from modelmon.model_task import ModelTask
from modelmon.window_sums import WindowSums

__path__: list[
    str
] = []  # so that `from modelmon.model import name` is told what MLRun has here and we have not
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "Notification":  # MLRun has it here
            return import_module("modelmon.from_mlrun.alerts").Notification
        raise missing_name(__name__, name)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
LONGEST_ID = 64
ENDPOINT_ID = re.compile(rf"[a-zA-Z0-9_-]{{1,{LONGEST_ID}}}")
APP_NAME = re.compile(r"[a-zA-Z0-9_-]+")
UNKNOWN_ENDPOINT = "(unknown)"
"""The endpoint that undecodable messages are counted under."""


class ResultKindApp(IntEnum):
    """What a result speaks of."""

    data_drift = 0
    concept_drift = 1
    model_performance = 2
    system_performance = 3
    mm_app_anomaly = 4


class ResultStatusApp(IntEnum):
    """What an app found. `irrelevant` also carries every state that is not a verdict."""

    irrelevant = -1
    no_detection = 0
    potential_detection = 1
    detected = 2


def wall_clock_us() -> int:
    """The time now, in whole microseconds since the epoch."""
    return time.time_ns() // 1000


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime.

    >>> to_us(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - EPOCH) // MICROSECOND


def from_us(microseconds: int) -> datetime:
    """The aware UTC datetime of microseconds since the epoch.

    >>> from_us(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return EPOCH + timedelta(microseconds=microseconds)


def endpoint_id_of(project: str, function: str, model: str, version: str = "") -> str:
    """32 hexadecimal digits that serving and SDK agree on without asking anyone.

    >>> endpoint_id_of("flights", "serving", "delay", "v1")
    '25b301f850456b8dfea41938e728c4bc'
    """
    # The separator can't stand in a name, so no two different quadruples join to one text.
    return hashlib.sha256("\x1f".join((project, function, model, version)).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Half-open span `[start, end)` in UTC that an app judges."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() != timedelta(0) or self.end.utcoffset() != timedelta(0):
            raise ValueError(f"a window is in UTC, got {self.start!r} to {self.end!r}")
        if self.start >= self.end:
            raise ValueError(f"a window starts before it ends, got {self.start} to {self.end}")


class WindowKey(NamedTuple):
    """Names one window of one app."""

    endpoint_id: str
    application_name: str
    start_us: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a stream: `offset` is its place in `partition`, `key` the endpoint id or ""."""

    partition: int
    offset: int
    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class BatchRange:
    """One contiguous offset range of one partition, both ends included: the name of a batch."""

    stream_id: str
    partition: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One deployed model as monitored.

    `feature_stats` is the reference: feature name to its training-time statistics, in the shape
    `modelmon.stats.describe` makes. `profile_hash` names its profile, the same in fine cells, where the
    training set was at hand, `performance_hash` how right the model was in it. `policy` holds the
    endpoint's own monitoring settings (`base_period`, `monitoring_applications`, the batch job's
    `tracking_policy`) and the model's `task`. `status` is how it stood when it was listed. `metadata` and
    `spec` are MLRun's shapes of the same.
    """

    endpoint_id: str
    project: str
    name: str
    function_name: str = ""
    function_uri: str = ""
    model_class: str = ""
    model_uri: str = ""
    version: str = ""
    endpoint_type: int = 1
    mode: str = "real_time"  # or "batch"
    discovered: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    feature_names: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    feature_stats: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    profile_hash: str = ""
    performance_hash: str = ""
    created: datetime | None = None
    updated: datetime | None = None
    status: EndpointStatus = field(default_factory=EndpointStatus, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.endpoint_id != UNKNOWN_ENDPOINT and not ENDPOINT_ID.fullmatch(self.endpoint_id):
            raise ValueError(
                f"an endpoint id has 1 to {LONGEST_ID} letters, digits, '_' and '-', got {self.endpoint_id!r}"
            )

    @property
    def task(self) -> ModelTask | None:
        """What the model is for, from its `policy`; None: nobody said."""
        found = self.policy.get("task")
        return ModelTask.from_json(found) if found else None

    @property
    def feature_set(self) -> str:
        """Name of the endpoint's monitoring feature set, as MLRun names it."""
        return f"monitoring-{self.function_name}-{self.name.replace(':', '-')}"

    @property
    def metadata(self) -> Metadata:
        return Metadata(
            self.name, self.project, self.endpoint_id, self.endpoint_type, self.mode, self.labels,
            self.created, self.updated,
        )  # fmt: skip

    @property
    def spec(self) -> EndpointSpec:
        return EndpointSpec(
            self.name.partition(":")[0], self.model_class, self.model_uri, self.function_name,
            self.function_uri, list(self.feature_names), list(self.label_names), self.feature_stats,
            f"store://feature-sets/{self.project}/{self.feature_set}:{self.endpoint_id}",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One Parquet file of one endpoint and hour (of actuals: and day), as the ledger lists it. Times are
    microseconds."""

    path: str
    endpoint_id: str
    hour_us: int
    min_us: int
    max_us: int
    rows: int
    size_bytes: int
    columns: int
    batch: BatchRange
    reach: str = "hour"


@dataclass(frozen=True, slots=True)
class TrafficPoint:
    """What one batch adds to one minute of one endpoint's traffic, or a bucket of minutes summed up.

    `latency_us_histogram` counts requests by the bit length of their latency in whole microseconds:
    index i holds latencies in [2**(i-1), 2**i), index 0 the zeros.
    """

    endpoint_id: str
    start_us: int
    predictions: int = 0
    rows: int = 0
    errors: int = 0
    estimated_predictions: float = 0.0
    latency_count: int = 0
    latency_us_sum: int = 0
    latency_us_max: int = 0
    latency_us_histogram: tuple[int, ...] = ()


VALUE_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,254}")
"""What a metric or a result may be called."""


@dataclass(frozen=True, slots=True)
class ValuePoint:
    """A metric or result of one app over one window, from the app to the page. `kind` and `status` are None
    for a metric; `extra_data` is the JSON text of an object.

    Raises RejectedError for a value that is not finite.
    """

    endpoint_id: str
    application_name: str
    start_us: int
    end_us: int
    name: str
    value: float
    revision: int
    kind: int | None = None
    status: int | None = None
    extra_data: str = "{}"

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):  # SQLite would make a null of NaN
            raise RejectedError(
                f"{self.name!r} of app {self.application_name}, endpoint {self.endpoint_id}: must be a "
                f"finite number, got {self.value}",
                "value",
            )

    @property
    def key(self) -> WindowKey:
        return WindowKey(self.endpoint_id, self.application_name, self.start_us)


@dataclass(frozen=True, slots=True)
class Stats:
    """Statistics that an app keeps of its newest window: a JSON object."""

    name: str
    stats: Mapping[str, Any]
    timestamp_us: int


@dataclass(frozen=True, slots=True)
class ArtifactNote:
    """One file that an app kept of a window. `name` is its own in that window; `path` is below the project's
    `artifacts_path`, or an address elsewhere."""

    name: str
    path: str
    size_bytes: int
    written_us: int
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """How an app ended a window: `outcome` is done, failed or unavailable, `envelopes` how many came before,
    `rows` what the verdict stands on, `artifacts` the files that were kept, `sums` what is gathered."""

    outcome: str
    error: str = ""
    envelopes: int = 0
    rows: int = 0
    artifacts: tuple[ArtifactNote, ...] = ()
    sums: WindowSums | None = None


@dataclass(frozen=True, slots=True)
class FeatureNumbers:
    """How one feature looked in one window: its `rows` without the `missing` ones, how far it is from the
    reference (`score`), and the `mean` of a number or the `share` of the most frequent category; None: not
    known."""

    score: float | None
    rows: int
    missing: int
    mean: float | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class WindowFeatures:
    """How the features of an endpoint looked in one window of one app."""

    key: WindowKey
    end_us: int
    revision: int
    features: Mapping[str, FeatureNumbers]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message (or one item of it) set aside with its reason. `item` is -1 for a whole message.

    `not_kept`: it stands for so many that are not kept, so it can't be sent again; 0: it is kept whole.
    """

    stream_id: str
    partition: int
    offset: int
    item: int
    stream: str
    endpoint_id: str
    field: str
    reason: str
    body: bytes
    created: datetime
    resent: datetime | None = None
    not_kept: int = 0


class WorkerState(StrEnum):
    """The state of a worker, the best first; a function is as its worst live worker."""

    READY = "ready"
    BEHIND = "behind"
    STARTING = "starting"
    WAITING = "waiting"
    UNCOMMITTED = "not committing"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """Positions of a group in one partition: each is the offset that comes next.

    `delivered` and `acknowledged` are this worker's, None for a partition it was given nothing of.
    """

    partition: int
    end: int
    committed: int
    delivered: int | None = None
    acknowledged: int | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One worker of a function at `beat_us`; it speaks again before `expires_us`, or is gone.

    `state` holds since `since_us` and `reason` says why it is not ready. `behind_seconds` is how long
    ago the oldest message came that the group has not committed, as far as the worker saw it.
    """

    function_name: str
    worker: str
    trigger: str
    state: WorkerState
    reason: str
    since_us: int
    beat_us: int
    expires_us: int
    behind_seconds: float = 0.0
    partitions: Sequence[PartitionProgress] = ()
