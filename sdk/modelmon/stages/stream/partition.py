"""What is held of one partition, and where its next batch is cut. No clock, no stores: pure state."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter

from modelmon.ledger.batches import OpenBatch, Position
from modelmon.model import BatchRange, Message
from modelmon.settings import Settings
from modelmon.wire.actuals import STARTS

_body_of = attrgetter("body")
VALUE_WEIGHT = 100
"""A value of actuals counts as so many bytes where a batch is cut: a row that is looked for, and may wait,
takes far more room than its text. So a batch holds some 200,000 of them."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The next batch: `open` is what the ledger is told before anything is written.

    `opened_us` 0 in it means that it starts for the first time. `set_aside`: it stopped the function too
    often, its one message becomes a dead letter unread. `void`: what earlier starts wrote to the series
    under this name, that of the longer batch it was cut from or of the message set aside, must not count.
    """

    open: OpenBatch
    messages: list[Message]
    void: BatchRange | None = None
    set_aside: bool = False


class PartitionBuffer:
    """The messages of one partition that are taken over and not yet applied.

    After a start that finds an open batch, the first cut is exactly its range, however long that takes to
    arrive; a batch that was started `batch_tries` times is halved instead, so that the message which
    stops the function ends up alone.
    """

    def __init__(self, position: Position, settings: Settings) -> None:
        self.position = position
        self.applied = position.applied
        self.newest = position.applied  # of all that ever came
        self.delivered = -1  # what came last: delivery may have started anew since the newest
        self.bytes = 0
        self._weight = 0
        self.since = 0.0
        self.lost_at: float | None = None
        self.is_drained = False
        self._settings = settings
        self._most_bytes = settings.batch_max_bytes
        self._messages: list[Message] = []
        self._replay = position.open
        self._careful_until = -1
        self._careful_messages = 0

    @property
    def is_replaying(self) -> bool:
        """Whether an earlier owner's open batch has to be written first."""
        return self._replay is not None

    def is_due(self, now: float) -> bool:
        """Whether something can be cut that has waited its time."""
        return self.can_cut and (self.is_replaying or now >= self.since + self._settings.flush_after_seconds)

    @property
    def is_owned(self) -> bool:
        """Whether messages may be added without asking the ledger."""
        return self.lost_at is None and not self.is_drained

    @property
    def is_clean(self) -> bool:
        """Whether everything that was ever delivered here is applied."""
        return self.lost_at is None and not self._messages

    @property
    def can_cut(self) -> bool:
        if self._replay is not None:
            return self.newest >= self._replay.last
        return bool(self._messages)

    @property
    def is_full(self) -> bool:
        """Whether the next batch is ready without waiting any longer."""
        if self._replay is not None:
            return self.can_cut
        return len(self._messages) >= self._most_messages or self._weight >= self._most_bytes

    def add(self, message: Message, now: float) -> bool:
        """Hold a message; False when it is applied or held already, or when the partition is lost."""
        if message.offset <= self.newest:
            return False
        if self.lost_at is not None:
            self.newest = message.offset
            return False
        if not self._messages:
            self.since = now
        self._messages.append(message)
        self.newest = message.offset
        self.bytes += len(message.body)
        self._weight += _weight_of(message)
        return True

    def fill(self, messages: Sequence[Message], most_bytes: int, now: float) -> int:
        """Hold the first of these messages; returns how many, and 0 where `add` has to look at the first.

        It stops at one that makes the batch full, that is not new, or that exceeds the `most_bytes` to add.
        """
        if self.lost_at is not None or self._replay is not None:
            return 0
        newest, size, weight, count = self.newest, self.bytes, self._weight, 0
        room, most = self._most_messages - len(self._messages), self.bytes + most_bytes
        for message in messages:
            after = size + len(message.body)
            if message.offset <= newest or count >= room or weight >= self._most_bytes or after > most:
                break
            newest, size, count = message.offset, after, count + 1
            weight += _weight_of(message)
        if count and not self._messages:
            self.since = now
        self._messages += messages[:count]
        self.newest, self.bytes, self._weight = newest, size, weight
        return count

    def cut(self) -> Cut:
        """The next batch; its messages stay held until `done`. Only when `can_cut`."""
        if self._replay is not None:
            return self._cut_replay(self._replay)
        taken = self._messages[: self._most_messages]
        if self._weight > self._most_bytes:
            weights = list(accumulate(map(_weight_of, taken)))
            taken = taken[: bisect_left(weights, self._most_bytes) + 1]
        return Cut(OpenBatch(taken[0].offset, taken[-1].offset, 1, 0), taken)

    def done(self, cut: Cut, now: float) -> int:
        """The batch is applied: let its messages go; returns their bytes."""
        is_all = len(cut.messages) == len(self._messages)
        freed = self.bytes if is_all else sum(map(len, map(_body_of, cut.messages)))
        self._weight -= self._weight if is_all else sum(map(_weight_of, cut.messages))
        self._messages = self._messages[len(cut.messages) :]
        self.bytes -= freed
        self.applied, self._replay, self.since = cut.open.last, None, now
        if cut.void is not None:
            self._careful_until, self._careful_messages = cut.void.last, len(cut.messages)
        cut.messages.clear()  # storey keeps the last event, and with it the batch, until the next one comes
        return freed

    def lose(self, now: float) -> int:
        """Another owner has the partition: hold nothing, take nothing; returns the bytes that were held."""
        freed = self.bytes
        self._messages, self.bytes, self._weight, self._replay, self.is_drained = [], 0, 0, None, False
        self.lost_at = now if self.lost_at is None else self.lost_at
        return freed

    @property
    def _most_messages(self) -> int:
        # The rest of a range that stopped the function is not made one long batch again.
        if self.applied < self._careful_until:
            return min(self._careful_messages, self._settings.batch_max_events)
        return self._settings.batch_max_events

    def _cut_replay(self, replay: OpenBatch) -> Cut:
        inside = [message for message in self._messages if message.offset <= replay.last]
        again = OpenBatch(replay.first, replay.last, replay.tries + 1, replay.opened_us)
        if replay.tries < self._settings.batch_tries or not inside:
            return Cut(again, inside)
        position = self.position
        void = BatchRange(position.stream_id, position.partition, replay.first, replay.last)
        if len(inside) == 1:
            return Cut(again, inside, void, set_aside=True)
        half = inside[: len(inside) // 2]
        return Cut(OpenBatch(replay.first, half[-1].offset, 1, replay.opened_us), half, void)


def _weight_of(message: Message) -> int:
    """The bytes of a message; of actuals what their values weigh, where that is more."""
    body = message.body
    if body.startswith(STARTS):
        return max(len(body), body.count(b",") * VALUE_WEIGHT)
    return len(body)
