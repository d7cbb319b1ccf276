"""What the platform asks of the code behind a function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from modelmon.model import Message
from modelmon.streams.subscriptions import Subscription


class MessageStage(Protocol):
    """What reads a stream. `accept` and `drain` are never called at the same time.

    `subscription` is what it reads; the platform reads it for us, this is for looking how far it is.
    A stage with tasks of its own may have an `async failed()`, which raises what one of them failed with.
    """

    @property
    def subscription(self) -> Subscription: ...

    async def accept(self, *messages: Message) -> None:
        """Take messages, in order per partition; may wait (back-pressure).

        Raises on a bug or a wrong configuration only.
        """

    async def drain(self) -> None:
        """Write and acknowledge everything held: partitions may now go to another worker.

        Messages may follow, also of partitions it had before: these are newly taken over.
        """

    async def close(self) -> None:
        """Release everything; called after `drain`, and no message follows."""


class TickStage(Protocol):
    """What works whenever it is called, at any rate; an `async close()`, if it has one, is called last."""

    async def tick(self, now_us: int) -> Mapping[str, Any]:
        """Do what is due; returns what was done, for the reply.

        `unavailable` is what could not be reached, with the reason of each; a tick that has left the work to
        another, who is at it now, has none. `progress` is, of a queue that it
        works off in order, the number that the last entry has, and how far it has come.
        """


class HttpStage(Protocol):
    """What answers HTTP requests. `handle` may be a plain or an `async def` function."""

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Any:
        """(status, body as bytes or str, content type) of the answer.

        Names of `headers` are in lower case. `body` is bytes, or the parsed value where the content type
        is exactly application/json.
        """

    def health(self) -> dict[str, Any]:
        """What `GET /health` answers: `state`, `healthy` and what else there is to say."""

    async def close(self) -> None:
        """Release everything; no request follows."""
