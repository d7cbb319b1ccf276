"""A collector of OpenTelemetry over HTTP: one request, and what its answer means for what was sent.

Waiting and trying again are the caller's: here nothing sleeps, and no request is made twice.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import httpx
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from modelmon import __version__
from modelmon.errors import UnavailableError
from modelmon.export.export_settings import ExportSettings, headers_of, metrics_address
from modelmon.retry_after import retry_after_seconds

PROTOBUF = "application/x-protobuf"
REFUSING = (400, 413, 422)
"""Statuses that speak of what was sent: it would be refused again. All others speak of the collector."""
MOST_WAIT_SECONDS = 3600.0
MOST_ANSWER_BYTES, MOST_WORDS = 2**16, 300
SECRET_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the points of a request: so many were `refused`, for the reason that the collector
    `said`. `whole`: none of them was taken."""

    refused: int = 0
    said: str = ""
    whole: bool = False


class CollectorError(UnavailableError):
    """The collector takes nothing now. It may have said after how many seconds to come again."""

    def __init__(self, reason: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class Collector:
    """Keeps its connection until closed."""

    def __init__(self, settings: ExportSettings) -> None:
        self._address = metrics_address(settings.otlp_endpoint)
        self._seconds = settings.otlp_timeout_seconds
        own = headers_of(settings.otlp_headers)
        self._secrets = _secrets(own)
        told = {
            "User-Agent": f"modelmon/{__version__}", "Content-Type": PROTOBUF, "Content-Encoding": "gzip",
        }  # fmt: skip
        self._client = httpx.Client(headers={**own, **told}, timeout=self._seconds)

    def send(self, request: ExportMetricsServiceRequest) -> Answer:
        """Raises CollectorError where it is not known to have been taken, and could be if sent again."""
        body = gzip.compress(request.SerializeToString(), compresslevel=6, mtime=0)
        ends = time.monotonic() + self._seconds
        try:
            with self._client.stream("POST", self._address, content=body) as found:
                answer = self._read(found, ends)
        except httpx.HTTPError as error:
            said = self._without_secrets(str(error)) or type(error).__name__
            raise CollectorError(f"{self._address} does not answer: {said}") from error
        return self._meaning(found, answer, _points(request))

    def close(self) -> None:
        self._client.close()

    def _read(self, found: httpx.Response, ends: float) -> bytes:
        """The beginning of the answer; one that trickles in is cut at the time-out."""
        read = b""
        for some in found.iter_bytes():
            read += some
            if len(read) >= MOST_ANSWER_BYTES or time.monotonic() > ends:
                break
        return read[:MOST_ANSWER_BYTES]

    def _meaning(self, found: httpx.Response, answer: bytes, points: int) -> Answer:
        if found.is_success:
            refused, said = _partial_success(found, answer)
            return Answer(min(refused, points), self._without_secrets(said))
        said = f"{found.status_code} {found.reason_phrase} {self._without_secrets(_words(answer))}".strip()
        if found.status_code in REFUSING:
            return Answer(points, said, whole=True)
        wait = retry_after_seconds(found.headers.get("Retry-After", ""), MOST_WAIT_SECONDS)
        raise CollectorError(f"{self._address} answers {said}", wait)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


def _secrets(headers: Mapping[str, str]) -> list[str]:
    """What no message may have in it: whole values, and their words that are long enough to be a key."""
    words = {word for value in headers.values() for word in value.split() if len(word) >= SECRET_LENGTH}
    return sorted({*headers.values(), *words} - {""}, key=len, reverse=True)


def _points(request: ExportMetricsServiceRequest) -> int:
    return sum(
        len(metric.gauge.data_points)
        for of_resource in request.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
    )


def _partial_success(found: httpx.Response, answer: bytes) -> tuple[int, str]:
    """An answer that can't be read says nothing of refusals."""
    if not found.headers.get("Content-Type", "").startswith(PROTOBUF):
        return 0, ""
    with suppress(DecodeError):
        partial = ExportMetricsServiceResponse.FromString(answer).partial_success
        return max(0, partial.rejected_data_points), _words(partial.error_message.encode())
    return 0, ""


def _words(answer: bytes) -> str:
    """What a person can read of it: the body of an error is a message in Protobuf, JSON, or anything."""
    text = "".join(each if each.isprintable() else " " for each in answer.decode(errors="ignore"))
    return " ".join(text.split())[:MOST_WORDS]
