"""How far a worker has come in its stream, and whether its acknowledgements arrive."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from modelmon.model import PartitionProgress

KEPT_ENDS = 1_000


class StreamProgress:
    """Counts what the platform delivered and what was acknowledged, and compares it with the stream.

    Times are seconds of any clock that only goes forward.
    """

    def __init__(self) -> None:
        self._delivered: dict[int, int] = {}
        self._acknowledged: dict[int, int] = {}
        self._end: Mapping[int, int] = {}
        self._committed: Mapping[int, int] = {}
        self._ends: deque[tuple[float, Mapping[int, int]]] = deque()
        self._owed: dict[int, tuple[int, float]] = {}
        self.behind_seconds = 0.0
        self.uncommitted_seconds = 0.0

    def deliver(self, partition: int, offset: int) -> None:
        """The platform gave us this message."""
        self._delivered[partition] = offset + 1

    def acknowledge(self, partition: int, offset: int) -> None:
        """We told the platform that everything up to this offset is done."""
        self._acknowledged[partition] = offset + 1

    def observe(self, end: Mapping[int, int], committed: Mapping[int, int], now: float) -> None:
        """Where the stream ends and what the group has committed, per partition, as of `now`."""
        self._end, self._committed = end, committed
        self._see_end(now)
        self._see_commits(now)

    @property
    def is_caught_up(self) -> bool:
        """Whether the group had committed everything at the last `observe`."""
        return bool(self._end) and self._reached(self._end)

    def partitions(self) -> tuple[PartitionProgress, ...]:
        """The positions in every partition, as of the last `observe`."""
        return tuple(
            PartitionProgress(
                partition, end, self._committed.get(partition, 0),
                self._delivered.get(partition), self._acknowledged.get(partition),
            )
            for partition, end in sorted(self._end.items())
        )  # fmt: skip

    def _see_end(self, now: float) -> None:
        if len(self._ends) < KEPT_ENDS and (not self._ends or self._ends[-1][1] != self._end):
            self._ends.append((now, self._end))
        while self._ends and self._reached(self._ends[0][1]):
            self._ends.popleft()
        self.behind_seconds = now - self._ends[0][0] if self._ends else 0.0

    def _reached(self, end: Mapping[int, int]) -> bool:
        return all(self._committed.get(partition, 0) >= offset for partition, offset in end.items())

    def _see_commits(self, now: float) -> None:
        for partition, acknowledged in self._acknowledged.items():
            committed = self._committed.get(partition, 0)
            owed, _ = self._owed.get(partition, (0, now))
            if committed >= owed:
                self._owed.pop(partition, None)
                if committed < acknowledged:
                    self._owed[partition] = acknowledged, now
        self.uncommitted_seconds = max((now - since for _, since in self._owed.values()), default=0.0)
