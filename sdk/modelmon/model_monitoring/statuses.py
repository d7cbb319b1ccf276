"""Endpoints with how they stand, as `modelmon status` says it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection

from modelmon.from_mlrun.views import EndpointStatus
from modelmon.model import Endpoint, wall_clock_us
from modelmon.model_monitoring.shown import EndpointList, HereReading, with_reading
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.settings import Settings
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointSummary, read_summaries
from modelmon.wire.times import LATEST_US

NO_VERDICT = -1


def with_status(connection: Connection, found: Iterable[Endpoint], settings: Settings) -> EndpointList:
    """The same endpoints, each with its status of now."""
    endpoints = list(found)
    looking, ids = Looking(wall_clock_us(), settings), [endpoint.endpoint_id for endpoint in endpoints]
    summaries = read_summaries(connection, looking, ids)
    reading = HereReading(settings)
    return EndpointList(
        with_reading(replace(endpoint, status=_status(endpoint, summary)), reading)
        for endpoint, summary in zip(endpoints, summaries, strict=True)
    )


def requested_within(found: EndpointList, start: Time, end: Time) -> EndpointList:
    """Those whose last request is in [start, end); without either all."""
    if start is None and end is None:
        return found
    start_us, end_us = moment_us(start, "start", 0), moment_us(end, "end", LATEST_US)
    lasts = ((endpoint, endpoint.status.last_request) for endpoint in found)
    return EndpointList(
        endpoint
        for endpoint, last in lasts
        if last and start_us <= moment_us(last, "last_request", 0) < end_us
    )


def _status(endpoint: Endpoint, summary: EndpointSummary) -> EndpointStatus:
    return EndpointStatus(
        state=summary.state,
        why=summary.why,
        result_status=max(summary.status.values(), default=NO_VERDICT),
        first_request=summary.first_request,
        last_request=summary.last_request,
        error_count=summary.errors,
        monitoring_mode=str(endpoint.policy.get("monitoring_mode", "enabled")),
    )
