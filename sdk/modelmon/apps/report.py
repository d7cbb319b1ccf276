"""What an app found, as the envelopes that the writer reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modelmon import wire
from modelmon.apps.results import (
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationResult,
    Output,
)
from modelmon.model import to_us

LONGEST_ERROR = 4_000  # characters of an error's text that travel


def done(event: wire.AppEvent, outputs: Sequence[Output], rows: int) -> bytes:
    """The report of a window that was judged, with or without outputs.

    Raises RejectedError for an output that no reader of the wire would take.
    """
    envelopes = [_envelope(event, *_content(output)) for output in outputs]
    return wire.write_report([*envelopes, _window(event, "done", "", len(envelopes), rows)])


def failed(event: wire.AppEvent, error: str, rows: int = 0) -> bytes:
    """The report of a window that could not be judged."""
    return wire.write_report([_window(event, "failed", _readable(error), 0, rows)])


def unavailable(event: wire.AppEvent, reason: str) -> bytes:
    """The report of a window that is to be asked for again once what the app depends on answers."""
    return wire.write_report([_window(event, "unavailable", _readable(reason), 0, 0)])


def _readable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()[:LONGEST_ERROR]


def _content(output: Output) -> tuple[str, dict[str, Any]]:
    if isinstance(output, ModelMonitoringApplicationResult):
        return "result", {
            "result_name": output.name,
            "result_value": output.value,
            "result_kind": int(output.kind),
            "result_status": int(output.status),
            "result_extra_data": msgspec.json.encode(output.extra_data).decode(),
        }
    if isinstance(output, ModelMonitoringApplicationMetric):
        return "metric", {"metric_name": output.name, "metric_value": output.value}
    return "stats", {
        "stats_name": output.name,
        "stats": output.stats,
        "timestamp": wire.write_moment(to_us(output.timestamp)),
    }


def _window(event: wire.AppEvent, outcome: str, error: str, envelopes: int, rows: int) -> wire.Envelope:
    data = {"outcome": outcome, "error": error, "envelopes": envelopes, "rows": rows}
    return _envelope(event, "window", data)


def _envelope(event: wire.AppEvent, event_kind: str, data: dict[str, Any]) -> wire.Envelope:
    return wire.Envelope(
        endpoint_id=event.endpoint_id,
        endpoint_name=event.endpoint_name,
        application_name=event.application_name,
        window=event.window,
        event_kind=event_kind,
        data=data,
        window_revision=event.window_revision,
    )
