"""What raises an incident, as MLRun lists templates of alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from modelmon.incidents import event_kind, severity
from modelmon.model import ResultKindApp

SUMMARY = "{{project}}: {{entity}}, {{name}}"


@dataclass(frozen=True, slots=True)
class AlertTemplate:
    """What raises an incident, as `AlertTemplate` of MLRun has it."""

    template_name: str
    template_description: str
    severity: str
    trigger: Mapping[str, Any]
    template_id: int
    system_generated: bool = True
    summary: str = SUMMARY
    criteria: Mapping[str, Any] = field(default_factory=lambda: {"count": 1})
    reset_policy: Literal["auto"] = "auto"


def templates() -> tuple[AlertTemplate, ...]:
    """Of each kind of result what is suspected and what is detected; an app that fails."""
    found = [(False, kind.value, status) for kind in ResultKindApp for status in (1, 2)]
    return tuple(
        _template(number, event_kind(*each), severity(each[2]))
        for number, each in enumerate([*found, (True, 0, 2)], 1)
    )


def _template(number: int, event: str, severity: str) -> AlertTemplate:
    name = "".join(word.capitalize() for word in event.split("-"))
    return AlertTemplate(name, f"Raised when an app says {event}.", severity, {"events": [event]}, number)
