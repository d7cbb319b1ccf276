"""The rules that are built in: what a result, or an app that failed, says of a window."""

from __future__ import annotations

from typing import NamedTuple

from modelmon.incidents.course import Said
from modelmon.model import ResultKindApp, ResultStatusApp, ValuePoint

RESULT_STATUS = "result-status"
APP_FAILED = "app-failed"
_FOUND = {1: ("suspected", "medium"), 2: ("detected", "high")}
_SAID = {
    ResultStatusApp.irrelevant: Said.SILENT,
    ResultStatusApp.no_detection: Said.CALM,
    ResultStatusApp.potential_detection: Said.SUSPECTED,
    ResultStatusApp.detected: Said.DETECTED,
}


class IncidentKey(NamedTuple):
    """Which rule, and of what: "" where there is no app, or no one result."""

    rule: str
    endpoint_id: str
    application_name: str = ""
    result_name: str = ""


def what_result(result: ValuePoint, *, whole: bool) -> Said:
    """What a result says; of a window that is not `whole` it is suspected at most.

    >>> drift = ValuePoint("e", "app", 0, 60, "general_drift", 0.8, 1, kind=0, status=2)
    >>> what_result(drift, whole=True).name, what_result(drift, whole=False).name
    ('DETECTED', 'PARTLY')
    """
    said = Said.SILENT if result.status is None else _SAID[ResultStatusApp(result.status)]
    return Said.PARTLY if said.is_bad and not whole else said


def what_failed(*, final: bool) -> Said:
    """What a failure of an app says; one that is not `final` is tried again."""
    return Said.DETECTED if final else Said.FAILING


def event_kind(rule: str, kind: int, status: int) -> str:
    """What MLRun calls it.

    >>> event_kind(RESULT_STATUS, 0, 1), event_kind(APP_FAILED, 4, 2)
    ('data-drift-suspected', 'mm-app-failed')
    """
    if rule == APP_FAILED:
        return "mm-app-failed"
    found, _ = _FOUND[status]
    return f"{ResultKindApp(kind).name.replace('_', '-')}-{found}"


def severity(status: int) -> str:
    """How bad what was found is, in MLRun's words."""
    _, severe = _FOUND[status]
    return severe
