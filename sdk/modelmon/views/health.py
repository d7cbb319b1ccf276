"""How the functions are, from what their workers last said: `GET /health` and `modelmon health`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from modelmon.ledger import restarts
from modelmon.ledger.clock import STEP_US
from modelmon.ledger.heartbeats import by_function
from modelmon.ledger.restarts import Restarts
from modelmon.model import Heartbeat, PartitionProgress, WorkerState, from_us
from modelmon.sql.database import Database
from modelmon.wire import write_moment

NOT_RUNNING = "not running"
HEALTHY = (WorkerState.READY, WorkerState.BEHIND)
_WORST_LAST = list(WorkerState)


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """What a live worker said of itself: since when it is in this state, and when it was heard last."""

    worker: str
    trigger: str
    state: WorkerState
    reason: str
    since: datetime
    last_beat: datetime


@dataclass(frozen=True, slots=True)
class FunctionHealth:
    """How a function is: as its worst live worker, without one not running. `behind_messages` and
    `behind_seconds` say how far it is behind on the `partitions` that it reads. `restarts`: how often a
    worker was started in the place of one that failed; `last_error` is over what one failed
    last, and when."""

    function: str
    state: str
    healthy: bool
    reason: str
    since: datetime | None
    behind_messages: int
    behind_seconds: float
    partitions: tuple[PartitionProgress, ...]
    workers: tuple[WorkerHealth, ...]
    restarts: int = 0
    last_error: str = ""
    last_error_at: datetime | None = None


def health(database: Database, function_name: str, now_us: int) -> FunctionHealth:
    """The state of one function. Raises UnavailableError when the records are down."""
    with database.read() as connection:
        beats, known = by_function(connection).get(function_name, ()), restarts.by_function(connection)
    return _with_restarts(function_health(function_name, beats, now_us), known.get(function_name))


def every_health(database: Database, names: Sequence[str], now_us: int) -> list[FunctionHealth]:
    """As `health`, of these functions and of all that have a heartbeat, by name."""
    with database.read() as connection:
        beats, known = by_function(connection), restarts.by_function(connection)
    return [
        _with_restarts(function_health(name, beats.get(name, ()), now_us), known.get(name))
        for name in sorted({*names, *beats})
    ]


def _with_restarts(found: FunctionHealth, known: Restarts | None) -> FunctionHealth:
    if known is None:
        return found
    at = from_us(known.last_error_us)
    return replace(found, restarts=known.restarts, last_error=known.last_error, last_error_at=at)


def function_health(function_name: str, beats: Sequence[Heartbeat], now_us: int) -> FunctionHealth:
    """What the heartbeats of a function's workers, the newest first, say of it at this time."""
    # A beat from the future was there before the clock went back: it says nothing of now.
    alive = [beat for beat in beats if beat.beat_us - STEP_US <= now_us <= beat.expires_us]
    worst = max(alive, key=lambda beat: _WORST_LAST.index(beat.state), default=None)
    partitions = _latest(alive or beats[:1])
    return FunctionHealth(
        function_name,
        worst.state.value if worst else NOT_RUNNING,
        worst is not None and worst.state in HEALTHY,
        worst.reason if worst else _silence(beats, now_us),
        from_us(worst.since_us) if worst else None,
        sum(max(0, each.end - each.committed) for each in partitions),
        max((beat.behind_seconds for beat in alive), default=0.0),
        tuple(partitions),
        tuple(_worker(beat) for beat in alive),
    )


def _silence(beats: Sequence[Heartbeat], now_us: int) -> str:
    if not beats:
        return "no worker has said anything yet, or all were stopped"
    to_come = ", which is still to come: the clock went back" if beats[0].beat_us - STEP_US > now_us else ""
    return f"its last worker was heard at {write_moment(beats[0].beat_us)}{to_come}"


def _latest(beats: Sequence[Heartbeat]) -> list[PartitionProgress]:
    """Each partition as the worker saw it that reads it, else as it was seen last."""
    found: dict[int, PartitionProgress] = {}
    for beat in beats:
        for each in beat.partitions:
            known = found.get(each.partition)
            if known is None or (known.delivered is None and each.delivered is not None):
                found[each.partition] = each
    return [found[partition] for partition in sorted(found)]


def _worker(beat: Heartbeat) -> WorkerHealth:
    return WorkerHealth(
        beat.worker, beat.trigger, beat.state, beat.reason, from_us(beat.since_us), from_us(beat.beat_us)
    )
