"""What a stream promises; one file per technology keeps the promise.

A stream is an ordered, partitioned log addressed by URL. Offsets grow within a partition and may have
gaps; they mean something only together with `stream_id`, which changes when a stream is made anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from modelmon.errors import ConfigError
from modelmon.model import Message

Record = tuple[str, bytes]
"""(key, body): messages with the same key keep their order."""
Acknowledge = Callable[[int, int], Awaitable[None]]
"""(partition, offset): everything of the partition up to this offset is done and durable."""


POLL_MAX_BYTES = 32 * 2**20
"""How many bytes of bodies are read at once; one message may be larger."""


class Stream(ABC):
    """One open stream. Used by one thread at a time; any number of processes may hold it open."""

    url: str

    @property
    @abstractmethod
    def stream_id(self) -> str:
        """Identity of the log itself: a stream deleted and made anew has another one."""

    @property
    @abstractmethod
    def partitions(self) -> int:
        """Number of partitions, fixed when the stream is created."""

    @abstractmethod
    def publish(self, records: Sequence[Record], partition: int | None = None) -> None:
        """Append `records` in order; they are durable when this returns, none is half there.

        A key decides its partition unless `partition` is given; the records of one partition are there
        together or not at all. Raises UnavailableError when the log can't be written now, ConfigError when
        the log is gone or is another one, RejectedError, before anything is written, for a key or body that
        can't be stored. Every partition is tried: `published` of the error says which places in `records`
        are there all the same, so that who tries again leaves them out.
        """

    @abstractmethod
    def consumer(self, group: str) -> Consumer:
        """Join `group`: each partition is read by one live member of it at a time."""

    @abstractmethod
    def end_offsets(self) -> Mapping[int, int]:
        """Per partition the offset that comes after the newest message (0 when it never had one)."""

    @abstractmethod
    def committed(self, group: str) -> Mapping[int, int]:
        """Per partition the offset `group` would read next; partitions never committed are absent."""

    @abstractmethod
    def begin_offsets(self) -> Mapping[int, int]:
        """Per partition the offset of the oldest message that is kept, the end's where none is."""

    @abstractmethod
    def groups(self) -> Collection[str]:
        """Every group that has committed something here, whoever it belongs to."""

    @abstractmethod
    def read(self, partition: int, start: int, end: int, max_messages: int) -> Sequence[Message]:
        """The first messages of a partition in [start, end), whatever any group has read; commits nothing.

        Empty only when none is kept there. Fewer than `max_messages` come when their bodies are large.
        """

    @abstractmethod
    def prune(self, before: Mapping[int, int]) -> None:
        """Forget messages below these offsets, per partition."""

    def size_bytes(self) -> int | None:
        """What the messages that are kept take on disk or in memory; None where it is not known."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Release everything held. Closing twice is harmless."""

    def lag(self, group: str) -> Mapping[int, int]:
        """Messages per partition that `group` has not committed, an upper bound where offsets have gaps."""
        committed = self.committed(group)
        return {
            partition: max(0, end - committed.get(partition, 0))
            for partition, end in self.end_offsets().items()
        }


class Consumer(ABC):
    """One member of a group. Delivery is at least once: what was not committed comes again.

    A member that joins or dies changes the assignment; `poll` then starts each newly assigned partition
    at its committed offset. A partition that is taken away leaves `assignment` and is delivered no
    further; its next owner starts once what was delivered is committed, or after a time without that.
    From then on a commit for it is refused silently.
    `commit` and `close` may be called from another thread while `poll` waits.
    """

    @abstractmethod
    def poll(self, max_messages: int, timeout_seconds: float) -> Sequence[Message]:
        """The next messages, in order per partition; empty when none came within the timeout.

        Fewer than `max_messages` come when their bodies are large. Raises UnavailableError when the
        log can't be read now and ConfigError when it was deleted or made anew under us.
        """

    @abstractmethod
    def commit(self, offsets: Mapping[int, int]) -> None:
        """Record durably the next offset to read, per partition.

        Raises ConfigError for an offset that lies outside the partition.
        """

    @property
    @abstractmethod
    def assignment(self) -> frozenset[int]:
        """Partitions this member reads now."""

    @abstractmethod
    def close(self) -> None:
        """Leave the group; other members take over. Closing twice is harmless."""


def absent(stream: object) -> ConfigError:
    """What is said of a stream that is not there, by who is not to make it."""
    return ConfigError(
        f"stream {stream}: there is no such stream, or it was deleted, and it is not made from here. "
        "Messages that were not read are lost. To begin anew, start `modelmon up` again, deploy again or "
        "make the stream yourself"
    )
