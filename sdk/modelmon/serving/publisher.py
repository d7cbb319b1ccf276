"""The bounded buffer between requests and the stream, and the thread that empties it."""

from __future__ import annotations

import atexit
import os
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count

from modelmon.serving.delivery import Delivery
from modelmon.serving.event import encode
from modelmon.serving.event_text import EventText
from modelmon.serving.losses import Losses
from modelmon.serving.messages import Messages
from modelmon.serving.recorder import Logged, Source
from modelmon.settings import Settings
from modelmon.streams import Stream, open_stream
from modelmon.wire.batch_writing import BatchedEvent

EXIT_SECONDS = 5.0
STALLED_SECONDS = 5.0
"""A stream that lets us wait for so long is down, be it only locked."""
EVENT_BYTES = 512
"""What an event takes beyond its request and its answer."""
SLICE_EVENTS, SLICE_SECONDS = 16, 50e-6
"""The thread encodes so many events, or for so long, before it lets the thread of the requests go first."""


class Publisher:
    """Takes logged requests without waiting; a thread of its own encodes and publishes them.

    It holds at most `settings.publish_buffer_events`, and requests and answers of at most
    `publish_buffer_bytes`; what comes when that is full is dropped and counted. All that is held goes out
    every `publish_flush_seconds`, full messages of `batch` events before. While the stream is down it is
    tried again with doubling waits. Each event is numbered, from 1 for each
    endpoint, also one that is dropped: so the gap shows. The thread starts with the first event; a forked
    child has an empty publisher of its own.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        *,
        batch: int = 1,
        client_time: bool = False,
        connect: Callable[[], Stream] | None = None,
    ) -> None:
        self._url = url
        self._connect = connect or _Connect(url, settings)
        self._capacity = settings.publish_buffer_events
        self._most_bytes = settings.publish_buffer_bytes
        self._flush_seconds = settings.publish_flush_seconds
        self._first_wait = settings.unavailable_first_wait_seconds
        self._longest_wait = settings.unavailable_max_wait_seconds
        self._batch = batch
        self._client_time = client_time
        self._begin()
        _live.add(self)

    def _begin(self) -> None:
        self.publisher_id = uuid.uuid4().hex
        self.bad_timestamps = 0
        self._numbers: dict[str, Iterator[int]] = {}
        self._counting = threading.Lock()  # of what is held; never held while anything is waited for
        self._buffer: deque[tuple[int, Logged]] = deque()
        self._buffer_bytes = 0
        self._in_flight = 0  # events that left the buffer and are neither published nor lost
        self._in_flight_bytes = 0
        self._gave_up = False
        self._sending_since: float | None = None
        self._losses = Losses(self._url)
        self._messages = Messages(self._batch)
        self._texts: dict[str, EventText] = {}
        self._delivery = Delivery(self._connect, self._losses)
        self._wake, self._closing, self._abandoned = threading.Event(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()

    def put(self, logged: Logged) -> None:
        """Take one logged request, or drop it when the buffer is full."""
        number = self._next_number(logged.source.endpoint_id)
        if self._closing.is_set():
            self._losses.drop(1, "the server was stopped")
            return
        size = _bytes_of(logged)
        with self._counting:
            held, held_bytes = self._held(), self._buffer_bytes + self._in_flight_bytes + size
            if has_room := held < self._capacity and held_bytes <= self._most_bytes:
                self._buffer.append((number, logged))
                self._buffer_bytes += size
        if not has_room:
            full = f"{self._capacity} events and {self._most_bytes} bytes"
            self._losses.drop(1, f"the buffer of {full} was full (publish_buffer_events, …_bytes)")
            return
        if self._thread is None:
            self._start()
        if (held >= self._capacity // 4 or held_bytes >= self._most_bytes // 4) and not self._wake.is_set():
            self._wake.set()

    def lose(self, source: Source, error: BaseException) -> None:
        """Count a request that can't be logged; it leaves a gap in the numbers."""
        self._next_number(source.endpoint_id)
        self._losses.spoil(1, error)

    def stats(self) -> dict[str, int | str]:
        """Counts of events since the start; `held` is how many wait now."""
        return {
            "publisher": self.publisher_id,
            "held": self._held(),
            "published": self._delivery.events,
            "messages": self._delivery.messages,
            "dropped": self._losses.dropped,
            "unreadable": self._losses.unreadable,
            "bad_timestamps": self.bad_timestamps,
            "misfits": self._losses.misfits,
        }

    @property
    def outage(self) -> str:
        """Why the stream does not take events now; "" while it does."""
        since = self._sending_since
        if since is not None and (seconds := time.monotonic() - since) > STALLED_SECONDS:
            return f"{self._url} has taken no events for {seconds:.0f} s"
        return self._losses.refusal

    def close(self, timeout_seconds: float = EXIT_SECONDS) -> None:
        """Publish what is held, for at most so long; the rest is dropped, counted and reported.

        Closing twice is harmless; what is put afterwards is dropped.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_seconds)
            self._abandoned.set()
            self._thread.join(self._first_wait)
        with self._counting:
            left, self._gave_up = self._held(), True
            self._buffer.clear()
            self._buffer_bytes = self._in_flight = self._in_flight_bytes = 0
        if left:
            self._losses.drop(left, "the server stopped while the stream took no events")
        self._losses.report(at_once=True)

    def _held(self) -> int:
        return len(self._buffer) + self._in_flight

    def _next_number(self, endpoint_id: str) -> int:
        # `setdefault` and `next` are atomic, so threads that come first together count together.
        return next(self._numbers.get(endpoint_id) or self._numbers.setdefault(endpoint_id, count(1)))

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="modelmon-publisher", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        due = time.monotonic() + self._flush_seconds
        while not self._closing.is_set():
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._wake.clear()
            is_due = time.monotonic() >= due
            self._pass_on(everything=is_due)
            if is_due:
                due = time.monotonic() + self._flush_seconds
        self._pass_on(everything=True)
        self._delivery.close()

    def _pass_on(self, *, everything: bool) -> None:
        is_all = False
        while not is_all and not self._abandoned.is_set():
            is_all = self._encode_held()
            if everything or not is_all or self._in_flight >= self._capacity // 2:
                self._delivery.waiting += self._messages.rest()
            self._deliver()
            self._losses.report()

    def _encode_held(self) -> bool:
        """Encode what the buffer holds; False when that was too much to have it all in both forms."""
        left = len(self._buffer)
        while left > 0:
            if self._in_flight_bytes >= self._most_bytes // 2:
                return False
            taken = self._encode_slice()
            if not taken:
                break  # the stop has taken the rest
            left -= taken
            time.sleep(0)  # hands the interpreter over, no wait
        return True

    def _encode_slice(self) -> int:
        """Encode the oldest events of the buffer; how many they were."""
        taken = spoilt = size = before = 0
        until = time.perf_counter() + SLICE_SECONDS
        while taken < SLICE_EVENTS and (taken == 0 or time.perf_counter() < until):
            held = self._take()
            if held is None:
                break
            number, logged = held
            taken, before = taken + 1, before + _bytes_of(logged)
            event = self._encode(number, logged)
            if event is None:
                spoilt += 1
                continue
            size += len(event)
            self._delivery.waiting += self._messages.add(logged.source.endpoint_id, event)
        self._count(-spoilt, size, before)
        return taken

    def _encode(self, number: int, logged: Logged) -> bytes | BatchedEvent | None:
        try:
            event, has_time, misfit = encode(logged, self._text_of(logged.source), number, self._client_time)
        except Exception as error:  # noqa: BLE001 - seam: what is logged came from the user's model
            self._losses.spoil(1, error)
            return None
        self.bad_timestamps += not has_time
        if misfit:
            self._losses.misfit(logged.source.endpoint_name, misfit)
        return event

    def _text_of(self, source: Source) -> EventText:
        text = self._texts.get(source.endpoint_id)
        if text is None or text.source is not source:
            text = self._texts[source.endpoint_id] = EventText(
                source, self.publisher_id, is_batched=self._batch > 1
            )
        return text

    def _take(self) -> tuple[int, Logged] | None:
        with self._counting:
            if not self._buffer:
                return None
            self._in_flight += 1
            return self._buffer.popleft()

    def _count(self, events: int, size: int, left_buffer: int = 0) -> None:
        with self._counting:
            if not self._gave_up:
                self._in_flight += events
                self._in_flight_bytes += size
                self._buffer_bytes -= left_buffer

    def _recount(self) -> None:
        """What is in flight, after some of it was published."""
        waiting = self._delivery.waiting
        events = self._messages.held + sum(events for _, events in waiting)
        size = self._messages.held_bytes + sum(len(body) for (_, body), _ in waiting)
        self._count(events - self._in_flight, size - self._in_flight_bytes)

    def _deliver(self) -> None:
        wait = self._first_wait
        while self._delivery.waiting and not self._abandoned.is_set():
            try:
                self._sending_since = time.monotonic()
                self._delivery.send()
                self._losses.refusal = ""
            except Exception as error:  # noqa: BLE001 - seam: no stream may end tracking for good
                self._sending_since = None
                self._losses.outage(self._in_flight, error)
                self._losses.report()
                (self._abandoned if self._closing.is_set() else self._closing).wait(wait)
                wait = min(wait * 2, self._longest_wait)
                # Other partitions may take theirs.
                self._encode_held()
                self._delivery.waiting += self._messages.rest()
            self._sending_since = None
            self._recount()


def _bytes_of(logged: Logged) -> int:
    return len(logged.request) + len(logged.response) + len(logged.error or "") + EVENT_BYTES


_live: weakref.WeakSet[Publisher] = weakref.WeakSet()
_parents: list[Delivery] = []


def _close_all() -> None:
    for publisher in list(_live):
        publisher.close()


def _begin_in_child() -> None:
    for publisher in list(_live):
        # What the parent holds, and its open stream, stay the parent's: kept, never touched.
        _parents.append(publisher._delivery)
        publisher._begin()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_begin_in_child)


class _Connect:
    """Opens the stream, made where there is none; one that is deleted later is not brought back silently."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url
        self._settings = settings
        self._create = True

    def __call__(self) -> Stream:
        settings = self._settings
        stream = open_stream(self._url, settings.events_partitions, settings, create=self._create)
        self._create = False
        return stream
