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


FUNCTION = "function "
"""What an incident of a function has before its name, in the place of an app: no app is called so."""


class IncidentKey(NamedTuple):
    """Which rule, and of what: "" where there is no app, or no one result. Of a function the app is
    `of_function`, and there is no endpoint."""

    rule: str
    endpoint_id: str
    application_name: str = ""
    result_name: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether it is of an app itself, which failed."""
        return is_failure(self.application_name, self.result_name)


def of_function(name: str) -> str:
    """What stands in the place of an app in an incident of a function.

    >>> of_function("modelmon-writer"), function_of(of_function("modelmon-writer")), function_of("drift")
    ('function modelmon-writer', 'modelmon-writer', '')
    """
    return FUNCTION + name


def function_of(application_name: str) -> str:
    """The function that an incident is of; "" where it is of none."""
    return application_name.removeprefix(FUNCTION) if application_name.startswith(FUNCTION) else ""


def is_failure(application_name: str, result_name: str) -> bool:
    """Whether an incident of these is of an app that failed; without an app it is of an endpoint or of the
    monitoring itself.

    >>> is_failure("drift", ""), is_failure("drift", "drift")
    (True, False)
    """
    return bool(application_name) and not result_name


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


def event_kind(failure: bool, kind: int, status: int) -> str:
    """What MLRun calls it; `failure`: an app failed.

    >>> event_kind(False, 0, 1), event_kind(True, 4, 2)
    ('data-drift-suspected', 'mm-app-failed')
    """
    if failure:
        return "mm-app-failed"
    found, _ = _FOUND[status]
    return f"{ResultKindApp(kind).name.replace('_', '-')}-{found}"


def severity(status: int) -> str:
    """How bad what was found is, in MLRun's words."""
    _, severe = _FOUND[status]
    return severe
