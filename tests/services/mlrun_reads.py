"""Prints as JSON what MLRun's own client reads of a project: `python mlrun_reads.py PROJECT UID RESULT`.

Runs under MLRun's Python; MLRUN_DBPATH says where. Every answer is parsed into MLRun's own types, which print
what they have understood.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import mlrun
from mlrun.common.schemas.model_monitoring.model_endpoints import (
    ModelEndpointMonitoringMetricNoData,
    ModelEndpointMonitoringMetricValues,
    ModelEndpointMonitoringResultValues,
)
from pydantic.v1 import parse_obj_as

TYPES = list[
    ModelEndpointMonitoringMetricValues
    | ModelEndpointMonitoringResultValues
    | ModelEndpointMonitoringMetricNoData
]


def read(project: str, uid: str, result: str) -> dict[str, Any]:
    db = mlrun.get_run_db()
    end = datetime.now(UTC)
    start = end - timedelta(hours=24)
    listed = db.list_model_endpoints(project, tsdb_metrics=True).endpoints
    (chosen,) = (each for each in listed if each.metadata.uid == uid)
    name, calls = chosen.metadata.name, f"{project}.mlrun-infra.metric.invocations"
    params = {"name": [result, calls, f"{project}.nobody.metric.nothing"], "start": start, "end": end}
    path = f"projects/{project}/model-endpoints/{uid}/metrics-values"
    values = parse_obj_as(TYPES, db.api_call("GET", path, params=params).json())
    activations, _ = db._list_alert_activations(project, page_size=10)
    named = db.get_metrics_by_multiple_endpoints(project, [uid, listed[0].metadata.uid])
    return {
        "version": db.server_version,
        "endpoints": [each.dict() for each in listed],
        "one": db.get_model_endpoint(name, project, endpoint_id=uid, feature_analysis=True).dict(),
        "metrics": [each.dict() for each in db.get_model_endpoint_monitoring_metrics(project, uid)],
        "of_several": {each: [one.full_name for one in some] for each, some in named.items()},
        "values": [each.dict() for each in values],
        "drift": db.get_drift_over_time(project, start=start, end=end).dict()["values"],
        "functions": [
            each.dict() for each in db.get_monitoring_function_summaries(project, include_stats=True)
        ],
        "function": db.get_monitoring_function_summary(
            project, result.split(".")[1], include_latest_metrics=True
        ).dict(),
        "summary": db.get_project_summary(project).dict(),
        "alert_configs": db.list_alerts_configs(project),
        "alert_templates": [each.dict() for each in db.list_alert_templates()],
        "alerts": [each.dict() for each in activations],
    }


print(json.dumps(read(*sys.argv[1:]), default=str))
