"""Endpoints with how they stand, as `modelmon status` says it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from modelmon.from_mlrun.views import EndpointStatus
from modelmon.model import Endpoint, from_us
from modelmon.model_monitoring.locating import now_us
from modelmon.model_monitoring.moments import Time, moment_us
from modelmon.settings import Settings
from modelmon.views.status import read_endpoints
from modelmon.wire import read_moment
from modelmon.wire.moments import LATEST_US

NO_VERDICT = -1


class EndpointList(list[Endpoint]):
    """A list of endpoints; `endpoints` is the list itself, for code written for MLRun."""

    @property
    def endpoints(self) -> EndpointList:
        return self


def with_status(connection: Connection, found: Iterable[Endpoint], settings: Settings) -> EndpointList:
    """The same endpoints, each with its status of now."""
    entries = {each["endpoint_id"]: each for each in read_endpoints(connection, now_us(), settings)}
    return EndpointList(
        replace(endpoint, status=_status(endpoint, entries[endpoint.endpoint_id])) for endpoint in found
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


def _status(endpoint: Endpoint, entry: dict[str, Any]) -> EndpointStatus:
    return EndpointStatus(
        state=entry["state"],
        why=entry["why"],
        result_status=max(entry["status"].values(), default=NO_VERDICT),
        first_request=_moment(entry["first_request"]),
        last_request=_moment(entry["last_request"]),
        error_count=entry["errors"],
        monitoring_mode=str(endpoint.policy.get("monitoring_mode", "enabled")),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_us(read_moment(text, "time"))
