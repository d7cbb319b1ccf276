"""How the functions are, from what their workers last said: `GET /health` and `modelmon health`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelmon.ledger.clock import STEP_US
from modelmon.ledger.heartbeats import by_function
from modelmon.model import Heartbeat, PartitionProgress, WorkerState
from modelmon.sql.database import Database
from modelmon.wire import write_moment

NOT_RUNNING = "not running"
HEALTHY = (WorkerState.READY.value, WorkerState.BEHIND.value)
_WORST_LAST = list(WorkerState)


def health(database: Database, function_name: str, now_us: int) -> dict[str, Any]:
    """The state of one function, as JSON values. Raises UnavailableError when the records are down."""
    with database.read() as connection:
        beats = by_function(connection).get(function_name, ())
    return function_health(function_name, beats, now_us)


def every_health(database: Database, names: Sequence[str], now_us: int) -> list[dict[str, Any]]:
    """As `health`, of these functions and of all that have a heartbeat, by name."""
    with database.read() as connection:
        beats = by_function(connection)
    return [function_health(name, beats.get(name, ()), now_us) for name in sorted({*names, *beats})]


def function_health(function_name: str, beats: Sequence[Heartbeat], now_us: int) -> dict[str, Any]:
    """What the heartbeats of a function's workers, the newest first, say of it at this time.

    A function is as its worst live worker; without one it is not running.
    """
    # A beat from the future was there before the clock went back: it says nothing of now.
    alive = [beat for beat in beats if beat.beat_us - STEP_US <= now_us <= beat.expires_us]
    worst = max(alive, key=lambda beat: _WORST_LAST.index(beat.state), default=None)
    partitions = _latest(alive or beats[:1])
    return {
        "function": function_name,
        "state": worst.state.value if worst else NOT_RUNNING,
        "healthy": worst is not None and worst.state.value in HEALTHY,
        "reason": worst.reason if worst else _silence(beats, now_us),
        "since": write_moment(worst.since_us) if worst else None,
        "behind_messages": sum(max(0, each.end - each.committed) for each in partitions),
        "behind_seconds": max((beat.behind_seconds for beat in alive), default=0.0),
        "partitions": [_partition(each) for each in partitions],
        "workers": [_worker(beat) for beat in alive],
    }


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


def _partition(progress: PartitionProgress) -> dict[str, Any]:
    names = ("partition", "end", "delivered", "acknowledged", "committed")
    return {name: getattr(progress, name) for name in names}


def _worker(beat: Heartbeat) -> dict[str, Any]:
    return {
        "worker": beat.worker,
        "trigger": beat.trigger,
        "state": beat.state.value,
        "reason": beat.reason,
        "since": write_moment(beat.since_us),
        "last_beat": write_moment(beat.beat_us),
    }
