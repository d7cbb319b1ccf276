"""A collector of OpenTelemetry for tests: a server of our own on loopback, which reads requests with the
Protobuf messages of `opentelemetry-proto`. It is no real collector; what one answers is told to it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Point:
    """A point of a gauge, with its attributes; times in nanoseconds."""

    name: str
    value: float
    start_ns: int
    time_ns: int
    said: Mapping[str, str]

    @property
    def about(self) -> str:
        return self.said.get("result.name") or self.said["metric.name"]


@dataclass(frozen=True)
class Reply:
    """An answer; `hangs`: there is none until the collector ends."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False


def partly(refused: int, why: str) -> Reply:
    """It took all but so many points."""
    partial = ExportMetricsPartialSuccess(rejected_data_points=refused, error_message=why)
    said = ExportMetricsServiceResponse(partial_success=partial)
    return Reply(body=said.SerializeToString(), headers={"Content-Type": PROTOBUF})


Answering = Callable[[list[Point]], Reply]


class Collector:
    """Listens until the end of the `with`. `answers` says what a request gets; `taken` is what it took."""

    def __init__(self, port: int = 0) -> None:
        self.answers: Answering = lambda points: Reply()
        self.requests: list[list[Point]] = []
        self.taken: list[Point] = []
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self._ends = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Collector:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ends.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        request = ExportMetricsServiceRequest.FromString(gzip.decompress(body))
        points = points_of(request)
        self.paths.append(path)
        self.headers.append(headers)
        self.requests.append(points)
        reply = self.answers(points)
        if reply.hangs:
            self._ends.wait()
        elif reply.status == 200:
            self.taken += points
        return reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                reply = collector.take(self.path, dict(self.headers), body)
                if reply.hangs:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        return Handler


def points_of(request: ExportMetricsServiceRequest) -> list[Point]:
    return [
        Point(
            metric.name, each.as_double, each.start_time_unix_nano, each.time_unix_nano,
            {one.key: one.value.string_value for one in each.attributes},
        )
        for of_resource in request.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
        for each in metric.gauge.data_points
    ]  # fmt: skip
