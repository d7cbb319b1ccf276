"""Prints as JSON what MLRun's own client is told when it changes a project: `python mlrun_deploys.py PROJECT
APP NAME UID`.

Runs under MLRun's Python; MLRUN_DBPATH says where, MLRUN_HTTPDB__TOKEN who asks.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import mlrun


def change(project: str, app: str, name: str, uid: str) -> dict[str, Any]:
    db = mlrun.get_run_db()
    db.enable_model_monitoring(project, base_period=20, deploy_histogram_data_drift_app=False)
    after_enabling = [each.name for each in db.get_monitoring_function_summaries(project)]
    try:
        db.enable_model_monitoring(project, base_period=30)
        refused = ""
    except mlrun.errors.MLRunHTTPError as error:
        refused = str(error)
    db.update_model_monitoring_controller(project, base_period=30)
    db.delete_model_endpoint(name, project, endpoint_id=uid)
    return {
        "after_enabling": after_enabling,
        "refused": refused,
        "removed": db.delete_model_monitoring_function(project, [app]),
        "disabled": db.disable_model_monitoring(project),
        "endpoints": [each.metadata.uid for each in db.list_model_endpoints(project).endpoints],
        "functions": [each.name for each in db.get_monitoring_function_summaries(project)],
    }


print(json.dumps(change(*sys.argv[1:]), default=str))
