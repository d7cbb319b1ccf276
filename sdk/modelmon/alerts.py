"""When an alert fires, what it is called and how severe it is: pure.

Whether it is still open is a matter of the windows that follow (`ledger/answers.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelmon.from_mlrun import missing_name
from modelmon.model import ResultKindApp, ResultStatusApp, ValuePoint

__path__: list[str] = []  # so that `from … import name` is told what MLRun has here and we have not
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise missing_name(__name__, name)


APP_FAILED = "mm-app-failed"
_FOUND = {
    ResultStatusApp.potential_detection: ("suspected", "medium"),
    ResultStatusApp.detected: ("detected", "high"),
}


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding about one window. `name` is the result's, "" when the app itself failed; `detail` is the
    result's extra data, as JSON, or the app's error."""

    name: str
    kind: str
    severity: str
    value: float | None
    detail: str


def alerts_of(result: ValuePoint) -> tuple[Alert, ...]:
    """The alerts that a result calls for: none, or one. A metric calls for none.

    >>> drift = ValuePoint("e", "app", 0, 60, "general_drift", 0.8, 1, kind=0, status=2)
    >>> [(alert.kind, alert.severity) for alert in alerts_of(drift)]
    [('data-drift-detected', 'high')]
    """
    if result.kind is None or result.status not in (1, 2):
        return ()
    _, severity = _FOUND[ResultStatusApp(result.status)]
    kind = alert_kind(result.kind, result.status)
    return (Alert(result.name, kind, severity, result.value, result.extra_data),)


def alert_kind(kind: int, status: int) -> str:
    """What the alert of a result of this kind and status is called; "" when the status calls for none.

    >>> alert_kind(0, 1), alert_kind(0, 0)
    ('data-drift-suspected', '')
    """
    found, _ = _FOUND.get(ResultStatusApp(status), ("", ""))
    return f"{ResultKindApp(kind).name.replace('_', '-')}-{found}" if found else ""


def alert_of_failure(error: str) -> Alert:
    """The alert for an app that failed on a window and will not be asked again."""
    return Alert("", APP_FAILED, "high", None, error)
