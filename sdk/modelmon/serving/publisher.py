"""The bounded buffer between requests and the stream, and the thread that empties it."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Callable

from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.serving.event import encode
from modelmon.serving.messages import Messages
from modelmon.serving.recorder import Logged
from modelmon.settings import Settings
from modelmon.streams import Record, Stream, open_stream

logger = logging.getLogger(__name__)

REPORT_SECONDS = 60.0
EXIT_SECONDS = 5.0
SLICE = 25
"""Events that the thread encodes before it lets the requests' thread run."""


class Publisher:
    """Takes logged requests without waiting and publishes them from a thread of its own.

    It holds at most `settings.publish_buffer_events`; what comes when it is full is dropped and counted.
    Every `publish_flush_seconds` everything held goes out; full messages of `batch` events go out before.
    A stream that is down is tried again, with doubling waits, while the buffer fills.
    The thread starts with the first event, so that a process may be forked before.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        *,
        batch: int = 1,
        client_time: bool = False,
        connect: Callable[[str], Stream] | None = None,
    ) -> None:
        self._url = url
        self._connect = connect or (lambda url: _connect(url, settings))
        self._capacity = settings.publish_buffer_events
        self._urgent = max(1, self._capacity // 4)
        self._flush_seconds = settings.publish_flush_seconds
        self._waits = (settings.unavailable_first_wait_seconds, settings.unavailable_max_wait_seconds)
        self._client_time = client_time
        self._batch = batch
        self._reset()
        _live.add(self)

    def _reset(self) -> None:
        # Also in a forked child: what the parent holds is the parent's to send.
        self.publisher_id = uuid.uuid4().hex
        self._buffer: deque[Logged] = deque()
        self._in_flight = 0
        self._messages = Messages(self._batch)
        self._records: list[tuple[Record, int]] = []
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        self._stream: Stream | None = None
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._reported = (0, -REPORT_SECONDS)
        self.published = self.messages = self.dropped = self.unreadable = self.bad_timestamps = 0

    def put(self, logged: Logged) -> bool:
        """Take one logged request; False when the buffer was full (or closed) and it was dropped."""
        held = len(self._buffer) + self._in_flight
        if held >= self._capacity or self._closing.is_set():
            with self._start_lock:
                self.dropped += 1
            return False
        self._buffer.append(logged)
        if self._thread is None:
            self._start()
        if held >= self._urgent and not self._wake.is_set():
            self._wake.set()
        return True

    def stats(self) -> dict[str, int | str]:
        """Counts since the start, in events: `held` now, `published`, `dropped`, and so on."""
        return {
            "publisher": self.publisher_id,
            "held": len(self._buffer) + self._in_flight,
            "published": self.published,
            "messages": self.messages,
            "dropped": self.dropped,
            "unreadable": self.unreadable,
            "bad_timestamps": self.bad_timestamps,
        }

    def close(self, timeout_seconds: float = EXIT_SECONDS) -> int:
        """Publish what is held, for at most so long; returns how many events were left (and are dropped)."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_seconds)
            self._abandoned.set()
        left = len(self._buffer) + self._in_flight
        self._report(left, final=True)
        return left

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="modelmon-publisher", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        due = time.monotonic() + self._flush_seconds
        while True:
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._wake.clear()
            closing = self._closing.is_set()
            tick = closing or time.monotonic() >= due
            self._encode_all()
            if tick or self._in_flight >= self._capacity // 2:
                self._records += self._messages.rest()
            self._publish_all()
            self._report()
            if tick:
                due = time.monotonic() + self._flush_seconds
            if closing and not self._buffer:
                break
        if self._stream is not None:
            self._stream.close()

    def _encode_all(self) -> None:
        for done in range(len(self._buffer)):
            self._in_flight += 1  # before it leaves the buffer, so that the sum is never too small
            logged = self._buffer.popleft()
            try:
                event, good_time = encode(logged, self.publisher_id, self._client_time)
            except Exception as error:  # noqa: BLE001 - seam: what the user's model logged
                self._in_flight -= 1
                self.unreadable += 1
                logger.error("%s: an event can't be written: %s", logged.source.endpoint_name, error)
                continue
            self.bad_timestamps += not good_time
            self._records += self._messages.add(logged.source.endpoint_id, event)
            if done % SLICE == SLICE - 1:
                time.sleep(0)

    def _publish_all(self) -> None:
        wait, longest = self._waits
        while self._records:
            try:
                self._publish_once()
                return
            except (UnavailableError, ConfigError) as error:
                self._disconnect(error)
            if self._closing.wait(wait) and self._abandoned.wait(self._waits[0]):
                return
            wait = min(wait * 2, longest)
            self._report()

    def _publish_once(self) -> None:
        if self._stream is None:
            self._stream = self._connect(self._url)
        records = [record for record, _ in self._records]
        try:
            self._stream.publish(records)
        except RejectedError:
            self._publish_singly(self._stream)
            return
        self._done(len(self._records))

    def _publish_singly(self, stream: Stream) -> None:
        while self._records:
            record, events = self._records[0]
            try:
                stream.publish([record])
            except RejectedError as error:
                del self._records[0]
                self._in_flight -= events
                self.unreadable += events
                logger.error("%s takes no message of %s: %s", self._url, record[0], error)
            else:
                self._done(1)

    def _done(self, records: int) -> None:
        events = sum(count for _, count in self._records[:records])
        del self._records[:records]
        self.messages += records
        self.published += events
        self._in_flight -= events

    def _disconnect(self, error: Exception) -> None:
        dropped, last = self._reported
        if time.monotonic() - last >= REPORT_SECONDS:
            logger.warning("%s can't be published to, %s events wait: %s", self._url, self._in_flight, error)
            self._reported = (dropped, time.monotonic())
        if self._stream is not None and isinstance(error, ConfigError):
            self._stream.close()
            self._stream = None

    def _report(self, left: int = 0, *, final: bool = False) -> None:
        dropped, last = self._reported
        lost = self.dropped + self.unreadable + left
        if lost > dropped and (final or time.monotonic() - last >= REPORT_SECONDS):
            logger.warning(
                "%s: %s events lost since the last report (the buffer of %s was full, or the stop too short)",
                self._url,
                lost - dropped,
                self._capacity,
            )
            self._reported = (lost, time.monotonic())


def _connect(url: str, settings: Settings) -> Stream:
    return open_stream(url, settings.events_partitions, durability=settings.durability)


_live: weakref.WeakSet[Publisher] = weakref.WeakSet()


def _flush_at_exit() -> None:
    for publisher in list(_live):
        publisher.close()


def _reset_in_child() -> None:
    for publisher in list(_live):
        publisher._reset()


atexit.register(_flush_at_exit)
os.register_at_fork(after_in_child=_reset_in_child)
