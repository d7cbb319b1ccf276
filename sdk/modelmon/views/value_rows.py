"""Results and metrics as they are shown, as JSON values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from modelmon.model import ValuePoint, WindowKey
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.stores.series.reading import read_all_values, read_windows
from modelmon.wire import write_moment

_FAR_US = 2**62
Rows = list[dict[str, Any]]


def newest_values(
    database: Database, series: SeriesStore, shown: Sequence[Mapping[str, Any]], newest: Collection[WindowKey]
) -> tuple[Rows, Rows]:
    """Results and metrics of these windows, by endpoint, app and time."""
    known = _names(shown)
    return _split(read_windows(database, series, [key for key in newest if key.endpoint_id in known]), shown)


def values_since(
    database: Database, series: SeriesStore, shown: Sequence[Mapping[str, Any]], since_us: int
) -> tuple[Rows, Rows]:
    """Results and metrics of every window that starts at `since_us` or later, by endpoint, app and time."""
    return _split(list(read_all_values(database, series, _names(shown), since_us, _FAR_US)), shown)


def _split(values: Sequence[ValuePoint], shown: Sequence[Mapping[str, Any]]) -> tuple[Rows, Rows]:
    """Results, which say whether they may still be believed, and metrics."""
    names = _names(shown)
    believed = {
        (entry["endpoint_id"], each["application_name"], each["start_infer_time"], each["result_name"])
        for entry in shown
        for each in entry["verdicts"]
        if not each["stale"]
    }
    results = [_result(value, names, believed) for value in values if value.kind is not None]
    return results, [_metric(value, names) for value in values if value.kind is None]


def _names(shown: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {entry["endpoint_id"]: entry["endpoint_name"] for entry in shown}


def _result(
    value: ValuePoint, names: Mapping[str, str], believed: set[tuple[str, str, str, str]]
) -> dict[str, Any]:
    result = {
        **_place(value, names),
        "result_name": value.name,
        "result_value": value.value,
        "result_kind": value.kind,
        "result_status": value.status,
        "result_extra_data": value.extra_data,
    }
    key = value.endpoint_id, value.application_name, result["start_infer_time"], value.name
    return {**result, "stale": key not in believed}


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
