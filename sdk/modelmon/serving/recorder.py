"""The part of tracking that runs inside a request: decide, copy, enqueue. Nothing else."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

import msgspec

from modelmon.serving.tracking import Tracking
from modelmon.wire.plain_lists import name_of, plain


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What stays the same in all events of one endpoint."""

    endpoint_id: str
    endpoint_name: str
    function_uri: str
    model_class: str
    version: str
    labels: dict[str, str]
    inputs: tuple[str, ...] | None
    outputs: tuple[str, ...] | None
    host: str
    sampling_percentage: float


# Made for each request: structs cost as little as tuples, and gc=False spares the collector.


class Call(msgspec.Struct, frozen=True, gc=False):
    """One request: its operation, id and start, microseconds since the epoch."""

    op: str
    id: Any
    start_us: int


class Logged(msgspec.Struct, frozen=True, gc=False):
    """One request on its way to the stream.

    `request` is a copy of the request (see `copied`); `response` the bytes that the caller got, or such a
    copy of what the model wants logged instead. `rows` are the numbers of the rows that sampling took,
    None for all. An error has no response.
    """

    source: Source
    call: Call
    latency_us: int
    request: bytes
    response: bytes
    rows: tuple[int, ...] | None
    metrics: dict[str, Any] | None
    error: str | None = None


class Sink(Protocol):
    """Where logged requests go; never waits."""

    def put(self, logged: Logged) -> None:
        """Take a request."""

    def lose(self, source: Source, error: BaseException) -> None:
        """Count a request that can't be logged."""


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """A request as it came in, held until its response is there."""

    request: bytes
    rows: tuple[int, ...] | None


NO_ROWS: tuple[int, ...] = ()


class Recorder:
    """Logs the requests of one endpoint. No method raises or waits, whatever a model hands it.

    `draws_late`: the rows to sample are known after the answer only, because `logged_results` makes them.
    """

    def __init__(
        self,
        source: Source,
        tracking: Tracking,
        sink: Sink,
        draw: Callable[[], float] = random.random,
        *,
        draws_late: bool = False,
    ) -> None:
        self._source = source
        self._sink = sink
        self._sample = tracking.sample
        self._share = tracking.sampling_percentage / 100
        self._draw = draw
        self._draws_late = draws_late
        self._requests = count(1)

    def take(self, request: dict[str, Any]) -> Ticket | None:
        """Copy a request before the model sees it, and decide which of its rows will be logged."""
        try:
            due = self._sample == 1 or next(self._requests) % self._sample == 0
            if not due:
                return Ticket(copied(request), NO_ROWS)
            return Ticket(copied(request), None if self._draws_late else self._chosen(request["inputs"]))
        except Exception as error:  # noqa: BLE001 - seam: tracking never harms serving
            self._sink.lose(self._source, error)
            return None

    def served(
        self, call: Call, ticket: Ticket, latency_us: int, response: bytes, metrics: dict[str, Any]
    ) -> None:
        """Log an answered request; `response` is a JSON object or a copy, with "outputs"."""
        if ticket.rows == NO_ROWS:
            return
        try:
            taken = metrics.copy() if metrics else None
            self._sink.put(
                Logged(self._source, call, latency_us, ticket.request, response, ticket.rows, taken)
            )
        except Exception as error:  # noqa: BLE001 - seam: tracking never harms serving
            self._sink.lose(self._source, error)

    def replaced(
        self,
        call: Call,
        ticket: Ticket,
        latency_us: int,
        inputs: Any,
        response: bytes | dict[str, Any],
        metrics: dict[str, Any],
    ) -> None:
        """Log an answered request with other inputs (None: its own) or another response than it had."""
        if ticket.rows == NO_ROWS:
            return
        try:
            if inputs is not None:
                ticket = Ticket(copied({"inputs": inputs}), ticket.rows)
            if self._draws_late:
                ticket = Ticket(ticket.request, self._chosen(restored(ticket.request)["inputs"]))
            answer = copied(response) if isinstance(response, dict) else response
        except Exception as error:  # noqa: BLE001 - seam: tracking never harms serving
            self._sink.lose(self._source, error)
        else:
            self.served(call, ticket, latency_us, answer, metrics)

    def refused(self, call: Call, request: Ticket | dict[str, Any], error: str) -> None:
        """Log a request that failed. Errors are never sampled."""
        try:
            body = request.request if isinstance(request, Ticket) else copied(request)
        except Exception:  # noqa: BLE001 - seam: the error counts, also without its inputs
            body = copied({})
        self._sink.put(Logged(self._source, call, 0, body, b"", None, None, error))

    def lose(self, error: BaseException) -> None:
        """Count an answered request that can't be logged."""
        self._sink.lose(self._source, error)

    def _chosen(self, inputs: Any) -> tuple[int, ...] | None:
        if not len(inputs):
            return NO_ROWS
        if self._share >= 1:
            return None
        draw, share = self._draw, self._share
        return tuple(row for row in range(row_count(inputs)) if draw() < share)


def row_count(inputs: Any) -> int:
    """Rows that `inputs` holds: a flat list is one sample; a list of lists or dicts (or an array of more
    than one dimension, or a dict of columns) has one for each.

    >>> row_count([[1, 2], [3, 4]]), row_count([1, 2, 3])
    (2, 1)
    """
    if isinstance(inputs, list):
        return len(inputs) if set(map(type, inputs)) in _ROWS else 1
    if isinstance(inputs, dict):
        return max((len(column) for column in inputs.values() if isinstance(column, list)), default=1)
    return len(inputs) if len(getattr(inputs, "shape", ())) > 1 else 1


_ROWS: tuple[set[type], ...] = ({list}, {dict}, {list, dict})


def _plain(value: Any) -> Any:
    """As the answer would have it; of what nobody can read the name of its type, never its contents."""
    # Not iterators: reading one here would empty it for the model.
    try:
        return plain(value)
    except TypeError:
        return f"<{name_of(value)}>"


_pack = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_unpack = msgspec.msgpack.Decoder().decode


def copied(value: dict[str, Any]) -> bytes:
    """A deep copy of JSON-like values that nobody can change: MessagePack (3 µs for 100 rows of 10
    numbers), or JSON where MessagePack can't hold a value (integers above 64 bits).
    """
    try:
        return _pack(value)
    except (ValueError, OverflowError):
        return json.dumps(value, default=_plain).encode()


def restored(copy: bytes) -> dict[str, Any]:
    """What `copied` was given, as plain values."""
    value: dict[str, Any] = json.loads(copy) if copy[:1] == b"{" else _unpack(copy)
    return value
