"""Messages onto the stream: connecting, publishing, and what the stream refuses."""

from __future__ import annotations

from collections.abc import Callable, Collection

from modelmon.errors import ConfigError, ModelMonError, RejectedError
from modelmon.serving.losses import Losses
from modelmon.serving.messages import Counted
from modelmon.streams import Stream


class Delivery:
    """Publishes messages in order. Used by one thread; connects when there is something to send."""

    def __init__(self, connect: Callable[[], Stream], losses: Losses) -> None:
        self._connect = connect
        self._losses = losses
        self._stream: Stream | None = None
        self.waiting: list[Counted] = []
        self.messages = 0
        self.events = 0

    def send(self) -> None:
        """Publish what is waiting, or drop what the stream refuses for good.

        Raises UnavailableError or ConfigError with the rest still waiting.
        """
        try:
            if self._stream is None:
                self._stream = self._connect()
            while self.waiting:
                self._publish(self._stream)
        except ConfigError:
            self.close()  # a log that was made anew is opened anew
            raise

    def close(self) -> None:
        """Close the stream; `send` opens it again."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _publish(self, stream: Stream) -> None:
        try:
            stream.publish([record for record, _ in self.waiting])
        except RejectedError as error:
            self._settle(error.published)
            if self.waiting:
                self._publish_first(stream)
        except ModelMonError as error:
            self._settle(error.published)  # partitions that have their part must not get it again
            raise
        else:
            self._settle(range(len(self.waiting)))

    def _publish_first(self, stream: Stream) -> None:
        # One message of many is refused: one by one until the rest is accepted again.
        record, events = self.waiting[0]
        try:
            stream.publish([record])
        except RejectedError as error:
            del self.waiting[0]
            self._losses.spoil(events, error)
        else:
            self._settle([0])

    def _settle(self, places: Collection[int]) -> None:
        self.messages += len(places)
        self.events += sum(self.waiting[place][1] for place in places)
        self.waiting = [message for place, message in enumerate(self.waiting) if place not in places]
