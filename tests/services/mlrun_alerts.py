"""Prints as JSON what MLRun's own client stores, reads, resets and deletes: `mlrun_alerts.py PROJECT UID`.

Runs under MLRun's Python; MLRUN_DBPATH says where. The code is as MLRun's documentation has it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import mlrun
import mlrun.common.schemas.alert as objects
from mlrun.alerts import AlertConfig


def alert(project: str, name: str, entity: str) -> AlertConfig:
    notification = mlrun.model.Notification(
        kind="slack",
        name="slack_notification",
        message="drift was detected",
        severity="warning",
        when=["now"],
        condition="failed",
        secret_params={"webhook": "${env:SLACK_HOOK}"},
    ).to_dict()
    return AlertConfig(
        project=project,
        name=name,
        summary="a drift was detected in {{project}}",
        severity=objects.AlertSeverity.LOW,
        entities=objects.EventEntities(
            kind=objects.EventEntityKind.MODEL_ENDPOINT_RESULT, project=project, ids=[entity]
        ),
        trigger=objects.AlertTrigger(events=[objects.EventKind.DATA_DRIFT_DETECTED]),
        criteria=objects.AlertCriteria(count=3, period="5h"),
        notifications=[objects.AlertNotification(notification=notification)],
    )


def handle(project: str, uid: str) -> dict[str, Any]:
    db = mlrun.get_run_db()
    given = alert(project, "drift-alert", f"{uid}.*.result.*")
    stored = db.store_alert_config("drift-alert", given, project=project)
    again = db.store_alert_config("drift-alert", db.get_alert_config("drift-alert", project), project=project)
    template = db.get_alert_template("DataDriftSuspected")
    made = AlertConfig(
        project=project,
        name="From_a--template",
        template=template,
        entities=given.entities,
        notifications=given.notifications,
    )
    db.store_alert_config(made.name, made, project=project)
    named = [each.name for each in db.list_alerts_configs(project)]
    db.reset_alert_config("drift-alert", project)
    db.delete_alert_config("drift-alert", project)
    try:
        db.get_alert_config("drift-alert", project)
        gone = False
    except mlrun.errors.MLRunNotFoundError:
        gone = True
    try:
        job = alert(project, "of-a-job", "*")
        job.trigger = objects.AlertTrigger(events=[objects.EventKind.FAILED])
        db.store_alert_config(job.name, job, project=project)
        refused = ""
    except mlrun.errors.MLRunBadRequestError as error:
        refused = str(error)
    kept = db.get_alert_config("From_a--template", project)
    return {
        "stored": stored.to_dict(), "again": again.to_dict(), "kept": kept.to_dict(), "named": named,
        "gone": gone, "refused": refused,
    }  # fmt: skip


print(json.dumps(handle(*sys.argv[1:]), default=str))
