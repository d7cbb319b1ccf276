"""One endpoint as a person looks at it: its history, its windows, its features before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from modelmon.ledger import endpoints, registry
from modelmon.ledger.schema import app_stats, windows
from modelmon.model import Endpoint, WindowKey
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.stores.series.reading import read_windows
from modelmon.views.alert_rows import read_alerts
from modelmon.views.shown import states_of_rows
from modelmon.windows import DONE, has_tries_left, state_of
from modelmon.wire import write_moment

CURRENT, MEASURES = "current_stats", "drift_measures"
_FAR_US = 2**62


def one_endpoint(
    database: Database, series: SeriesStore, entry: Mapping[str, Any], settings: Settings, limit: int
) -> dict[str, Any]:
    """What there is of an endpoint, `entry` as `status` shows it, as JSON values.

    Of each app the newest `limit` windows: `windows`, the newest first, and `history`, for each metric and
    result the points of these windows, the oldest first. `features` of the newest window that an app gave
    statistics of, the most changed first. `alerts`, the newest first.
    """
    endpoint_id = entry["endpoint_id"]
    with database.read() as connection:
        rows = [
            row
            for app in registry.active_apps(connection)
            for row in _newest(connection, endpoint_id, app.name, limit)
        ]
        record = endpoints.get(connection, endpoint_id)
        features = _features(connection, endpoint_id, record)
        alerts = read_alerts(connection, {endpoint_id: entry["endpoint_name"]}, endpoint_id=endpoint_id)
    return {
        "endpoint": {**entry, "model_uri": record.model_uri if record else ""},
        "history": _history(database, series, endpoint_id, rows),
        "windows": [_window(row, settings) for row in sorted(rows, key=lambda row: -row.start_us)],
        "features": features,
        "alerts": alerts,
    }


def _newest(connection: Connection, endpoint_id: str, app: str, limit: int) -> Sequence[Row[Any]]:
    query = select(windows).where(windows.c.endpoint_id == endpoint_id, windows.c.application_name == app)
    return connection.execute(query.order_by(windows.c.start_us.desc()).limit(limit)).all()


def _history(
    database: Database, series: SeriesStore, endpoint_id: str, rows: Sequence[Row[Any]]
) -> list[dict[str, Any]]:
    """Points by app and name; of windows without one there is none."""
    keys = [WindowKey(endpoint_id, row.application_name, row.start_us) for row in rows]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for value in read_windows(database, series, keys):
        place = {"application_name": value.application_name, "name": value.name, "kind": value.kind}
        line = found.setdefault((value.application_name, value.name), {**place, "points": []})
        line["points"].append(
            {"start": write_moment(value.start_us), "value": value.value, "status": value.status}
        )
    return [*found.values()]


def _window(row: Row[Any], settings: Settings) -> dict[str, Any]:
    tried = row.attempts if row.attempt_revision == row.sent else 0
    state = state_of(
        wanted=row.wanted, sent=row.sent, answered=row.answered, outcome=row.outcome,
        checked=row.check_us is not None, tries_left=has_tries_left(row.sends, tried, settings.app_attempts),
    )  # fmt: skip
    is_done = row.outcome == DONE
    beside = states_of_rows(row.rows, row.incomplete, settings.app_min_rows) if is_done else set()
    return {
        "application_name": row.application_name,
        "start_infer_time": write_moment(row.start_us),
        "end_infer_time": write_moment(row.end_us),
        "state": state.value,
        "states": sorted(beside),
        "rows": row.rows,
        "late": row.late,
        "revision": row.answered,
        "error": row.error,
    }


def _features(connection: Connection, endpoint_id: str, record: Endpoint | None) -> list[dict[str, Any]]:
    """Every feature of the newest statistics that an app gave, with its reference; the most changed first."""
    query = select(app_stats).where(app_stats.c.endpoint_id == endpoint_id).order_by(app_stats.c.start_us)
    stats = {(row.application_name, row.name): row for row in connection.execute(query)}
    newest = [row for (_, name), row in stats.items() if name == CURRENT]
    if not newest:
        return []
    current = newest[-1]
    measured = stats.get((current.application_name, MEASURES))
    reference = record.feature_stats if record else {}
    predictions = record.label_names if record else ()
    sample = msgspec.json.decode(current.stats)
    measures = msgspec.json.decode(measured.stats) if measured else {}
    found = [
        {
            "feature": name,
            "is_prediction": name in predictions,
            "application_name": current.application_name,
            "start_infer_time": write_moment(current.start_us),
            "score": _score(measures.get(name)),
            "reference": reference.get(name),
            "sample": sample.get(name),
        }
        for name in dict.fromkeys([*reference, *sample])
    ]
    return sorted(found, key=lambda each: -1.0 if each["score"] is None else each["score"], reverse=True)


def _score(measures: object) -> float | None:
    score = measures.get("score") if isinstance(measures, Mapping) else None
    return float(score) if isinstance(score, int | float) else None
