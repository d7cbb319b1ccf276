"""What a worker looks up and writes down at every heartbeat."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from modelmon.errors import ConfigError, UnavailableError
from modelmon.model import Heartbeat, WorkerState, wall_clock_us
from modelmon.nuclio.kept import kept
from modelmon.nuclio.stream_progress import StreamProgress
from modelmon.waiting import away, back

if TYPE_CHECKING:
    from modelmon.sql.database import Database
    from modelmon.streams import Stream
    from modelmon.streams.subscriptions import Subscription


TICKING = "ticks"
"""The worker that all workers of a function that ticks speak as."""
WORD_SECONDS = 60.0
"""How long the last word of a worker stands; the platform starts another one before."""

RECORDS = "the records"


def function_name() -> str:
    """The name the platform runs this function by."""
    return os.environ.get("NUCLIO_FUNCTION_NAME", "")


class Pulse:
    """Keeps the heartbeat of one worker in the records; threads may share it.

    What can't be written is let go: a worker that is not heard any more counts as gone.
    """

    def __init__(self, context: Any, progress: StreamProgress, worker: str = "") -> None:
        self._settings = kept(context).known_settings()
        self._create = True  # the stream, where there is none yet
        self._trigger = getattr(context.trigger, "name", "")
        # The same for the worker that is started in the place of one that has ended.
        self._worker = worker or f"{socket.gethostname()}/{self._trigger}/{context.worker_id or 0}"
        self._database: Database | None = None
        self._stream: Stream | None = None
        self._told: tuple[WorkerState, int] | None = None
        self._turn = Lock()
        self._ended = False
        self.progress = progress

    def leave_word(self, reason: str) -> None:
        """Write why the worker stops; a beat that is under way comes before it, and none after it."""
        self.note_error(reason)
        self.beat(WorkerState.FAILED, reason, WORD_SECONDS, is_last=True)

    def beat(self, state: WorkerState, reason: str, seconds: float, *, is_last: bool = False) -> None:
        """Write that the worker is so; it will be heard again within `seconds`."""
        from modelmon.ledger import heartbeats

        now_us = wall_clock_us()
        if self._told is None or self._told[0] is not state:
            self._told = state, now_us
        beat = Heartbeat(
            function_name=function_name(),
            worker=self._worker,
            trigger=self._trigger,
            state=state,
            reason=reason,
            since_us=self._told[1],
            beat_us=now_us,
            expires_us=now_us + round(seconds * 1e6),
            behind_seconds=round(self.progress.behind_seconds, 1),
            partitions=self.progress.partitions(),
        )
        with self._turn:
            if self._ended:
                return
            self._ended = is_last
            asked = time.monotonic()
            try:
                with self._records().write() as connection:
                    heartbeats.put(connection, beat)
            except ConfigError:
                return  # waiting won't mend it: who needs the records says so
            except UnavailableError as error:
                away(RECORDS, error, asked)  # a function that has nothing to write notices it here alone
            else:
                back(RECORDS)

    def note_error(self, reason: str, restarts: int = 0) -> None:
        """Keep over what a worker ended: heartbeats hold no past."""
        from modelmon.ledger import restarts as kept_restarts

        with suppress(ConfigError, UnavailableError), self._turn, self._records().write() as connection:
            kept_restarts.note_error(connection, function_name(), reason, wall_clock_us(), restarts)

    def last_word(self) -> str:
        """Why the worker in whose place this one is stopped, if it said so not long ago; else ""."""
        from modelmon.ledger import heartbeats

        now_us = wall_clock_us()
        with suppress(ConfigError, UnavailableError), self._turn, self._records().read() as connection:
            for beat in heartbeats.by_function(connection).get(function_name(), ()):
                if beat.worker == self._worker and beat.state is WorkerState.FAILED:
                    return beat.reason if beat.expires_us >= now_us else ""
        return ""

    def observe(self, subscription: Subscription) -> str:
        """Look where the stream ends and what its group has committed; returns why that failed, or ""."""
        from modelmon.streams import open_stream

        with self._turn:
            try:
                if self._stream is None:
                    self._stream = open_stream(
                        subscription.url, subscription.partitions, self._settings, create=self._create
                    )
                    self._create = False  # a stream that is deleted from now on is not brought back silently
                end, committed = self._stream.end_offsets(), self._stream.committed(subscription.group)
            except (ConfigError, UnavailableError) as error:
                self._close_stream()
                return str(error)
            self.progress.observe(end, committed, time.monotonic())
        return ""

    def end(self) -> None:
        """The worker ends in good order: it is not missed."""
        from modelmon.ledger import heartbeats

        with suppress(ConfigError, UnavailableError), self._turn:
            self._ended = True
            self._close_stream()
            with self._records().write() as connection:
                heartbeats.forget(connection, function_name(), self._worker)
            self._records().close()

    def _records(self) -> Database:
        from modelmon.ledger.records import open_records

        if self._database is None:
            self._database = open_records(self._settings)
        return self._database

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
