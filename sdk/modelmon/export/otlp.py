"""Verdicts in the words of OpenTelemetry: MLRun's two gauges, with its attributes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from modelmon import __version__
from modelmon.model import Endpoint, ResultKindApp, ResultStatusApp, ValuePoint

SERVICE = "modelmon"
REVISION_NS = 1_000_000  # what many stores round times to: a revision less would be the same time
WORDS = {"result": "What an application found in a window.", "metric": "What an application measured."}


def request_of(
    values: Iterable[ValuePoint], endpoints: Mapping[str, Endpoint], prefix: str
) -> ExportMetricsServiceRequest:
    """The request that sends these values; one of an endpoint that is not among `endpoints` is left out."""
    points: dict[str, list[NumberDataPoint]] = {kind: [] for kind in WORDS}
    for value in values:
        endpoint = endpoints.get(value.endpoint_id)
        if endpoint is not None:
            points["metric" if value.kind is None else "result"].append(_point(value, endpoint))
    metrics = [
        Metric(name=f"{prefix}.{kind}", description=WORDS[kind], gauge=Gauge(data_points=some))
        for kind, some in points.items()
        if some
    ]
    scope = InstrumentationScope(name=SERVICE, version=__version__)
    resource = Resource(attributes=_attributes({"service.name": SERVICE, "service.version": __version__}))
    told = ResourceMetrics(resource=resource, scope_metrics=[ScopeMetrics(scope=scope, metrics=metrics)])
    return ExportMetricsServiceRequest(resource_metrics=[told])


def time_ns(value: ValuePoint) -> int:
    """The end of the window, and a millisecond more for each revision after the first: a verdict that was
    revised is another point at its window's place, the newest one last, and the same whenever it is sent."""
    return value.end_us * 1_000 + max(0, value.revision - 1) * REVISION_NS


def _point(value: ValuePoint, endpoint: Endpoint) -> NumberDataPoint:
    return NumberDataPoint(
        start_time_unix_nano=value.start_us * 1_000,
        time_unix_nano=time_ns(value),
        as_double=value.value,
        attributes=_attributes(dict(_said_of(value, endpoint))),
    )


def _said_of(value: ValuePoint, endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    yield "project", endpoint.project
    yield "app.name", value.application_name
    yield "function.name", endpoint.function_name
    yield "endpoint.uid", endpoint.endpoint_id
    yield "endpoint.name", endpoint.name
    if value.kind is None:
        yield "metric.name", value.name
        return
    yield "result.name", value.name
    yield "result.kind", ResultKindApp(value.kind).name
    if value.status is not None:
        yield "result.status", ResultStatusApp(value.status).name


def _attributes(said: Mapping[str, str]) -> list[KeyValue]:
    """Those that say something."""
    return [KeyValue(key=name, value=AnyValue(string_value=text)) for name, text in said.items() if text]
