"""Results and metrics as they are shown, as JSON values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from modelmon.model import ValuePoint
from modelmon.stores.base import SeriesStore
from modelmon.wire import write_moment

_FAR_US = 2**62
_RESULT = (
    "application_name", "start_infer_time", "end_infer_time", "window_revision", "stale", "result_name",
    "result_value", "result_kind", "result_status", "result_extra_data",
)  # fmt: skip
Rows = list[dict[str, Any]]


def newest_values(
    series: SeriesStore, shown: Sequence[Mapping[str, Any]], newest: Collection[tuple[str, str, int]]
) -> tuple[Rows, Rows]:
    """The newest word on each result, and the metrics of these newest windows: (endpoint, app, start)."""
    names = _names(shown)
    results = [
        {"endpoint_id": entry["endpoint_id"], "endpoint_name": entry["endpoint_name"]}
        | {name: verdict[name] for name in _RESULT}
        for entry in shown
        for verdict in entry["verdicts"]
    ]
    values = series.read_windows([place for place in newest if place[0] in names])
    return results, [_metric(value, names) for value in values if value.kind is None]


def values_since(series: SeriesStore, shown: Sequence[Mapping[str, Any]], since_us: int) -> tuple[Rows, Rows]:
    """Results and metrics of every window that starts at `since_us` or later, by endpoint, app and time."""
    names = _names(shown)
    believed = {
        (entry["endpoint_id"], each["application_name"], each["result_name"], each["start_infer_time"])
        for entry in shown
        for each in entry["verdicts"]
        if not each["stale"]
    }
    values = series.read_values(names, since_us, _FAR_US)
    results = [_result(value, names, believed) for value in values if value.kind is not None]
    return results, [_metric(value, names) for value in values if value.kind is None]


def _names(shown: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {entry["endpoint_id"]: entry["endpoint_name"] for entry in shown}


def _result(
    value: ValuePoint, names: Mapping[str, str], believed: set[tuple[str, str, str, str]]
) -> dict[str, Any]:
    place = _place(value, names)
    key = value.endpoint_id, value.application_name, value.name, place["start_infer_time"]
    return {
        **place,
        "stale": key not in believed,
        "result_name": value.name,
        "result_value": value.value,
        "result_kind": value.kind,
        "result_status": value.status,
        "result_extra_data": value.extra_data,
    }


def _metric(value: ValuePoint, names: Mapping[str, str]) -> dict[str, Any]:
    return {**_place(value, names), "metric_name": value.name, "metric_value": value.value}


def _place(value: ValuePoint, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "endpoint_id": value.endpoint_id,
        "endpoint_name": names[value.endpoint_id],
        "application_name": value.application_name,
        "start_infer_time": write_moment(value.start_us),
        "end_infer_time": write_moment(value.end_us),
        "window_revision": value.revision,
    }
