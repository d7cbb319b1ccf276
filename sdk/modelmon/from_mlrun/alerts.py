"""MLRun's shapes of alerts: configurations, what they are about, what they wait for, whom they tell.

They can be changed after they are made, as MLRun's can: code written for it does that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self, TypeAlias

from modelmon.errors import ConfigError

LAG_ALERT = "monitoring-lag-detected"


class EventEntityKind(StrEnum):
    """What an alert may be about."""

    MODEL_ENDPOINT_RESULT = "model-endpoint-result"
    MODEL_MONITORING_APPLICATION = "model-monitoring-application"
    MODEL_MONITORING_INFRA = "model-monitoring-infra"
    JOB = "job"


class EventKind(StrEnum):
    """What may bring an alert about."""

    DATA_DRIFT_DETECTED = "data-drift-detected"
    DATA_DRIFT_SUSPECTED = "data-drift-suspected"
    CONCEPT_DRIFT_DETECTED = "concept-drift-detected"
    CONCEPT_DRIFT_SUSPECTED = "concept-drift-suspected"
    MODEL_PERFORMANCE_DETECTED = "model-performance-detected"
    MODEL_PERFORMANCE_SUSPECTED = "model-performance-suspected"
    SYSTEM_PERFORMANCE_DETECTED = "system-performance-detected"
    SYSTEM_PERFORMANCE_SUSPECTED = "system-performance-suspected"
    MM_APP_ANOMALY_DETECTED = "mm-app-anomaly-detected"
    MM_APP_ANOMALY_SUSPECTED = "mm-app-anomaly-suspected"
    MM_APP_FAILED = "mm-app-failed"
    MODEL_MONITORING_LAG_DETECTED = "model-monitoring-lag-detected"
    FAILED = "failed"


class AlertSeverity(StrEnum):
    """How bad it is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class AlertActiveState(StrEnum):
    """Whether an alert has something open."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class ResetPolicy(StrEnum):
    """Who ends what an alert has raised: calm windows, or a person."""

    MANUAL = "manual"
    AUTO = "auto"


class NotificationKind(StrEnum):
    """How somebody is told."""

    console = "console"
    git = "git"
    ipython = "ipython"
    slack = "slack"
    mail = "mail"
    webhook = "webhook"


class NotificationSeverity(StrEnum):
    """How a notification looks; it changes nothing here."""

    INFO = "info"
    DEBUG = "debug"
    VERBOSE = "verbose"
    WARNING = "warning"
    ERROR = "error"


_Dict: TypeAlias = dict[str, Any]


class _Shaped:
    """As a dict, under the names that MLRun's classes have for that."""

    def dict(self) -> _Dict:
        """It as a dict."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    def to_dict(self) -> _Dict:
        """It as a dict."""
        return self.dict()


@dataclass
class EventEntities(_Shaped):
    """What an alert is about: one id, in which `*` stands for anything."""

    kind: EventEntityKind | str
    project: str
    ids: list[str]


@dataclass
class AlertTrigger(_Shaped):
    """The events that bring an alert about."""

    events: list[EventKind] = field(default_factory=list)
    prometheus_alert: str | None = None


@dataclass
class AlertCriteria(_Shaped):
    """So many events within a time like "10m"; here events are windows of one result."""

    count: int = 1
    period: str | None = None


@dataclass
class Notification(_Shaped):
    """Whom an alert tells. With a name alone it means the channel of this name in `alerts.yaml`."""

    kind: NotificationKind | str = NotificationKind.slack
    name: str = ""
    message: str = ""
    severity: NotificationSeverity | str = NotificationSeverity.INFO
    when: Sequence[str] = ("completed",)
    condition: str = ""
    secret_params: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    status: str | None = None
    sent_time: datetime | str | None = None
    reason: str | None = None


@dataclass
class AlertNotification(_Shaped):
    """A notification of an alert; for `cooldown_period` after an end nothing new begins."""

    notification: Notification | Mapping[str, Any]
    cooldown_period: str | None = None


@dataclass
class AlertTemplate(_Shaped):
    """An alert to begin with: all but its name, what it is about and whom it tells."""

    template_name: str
    template_description: str = ""
    severity: str = AlertSeverity.MEDIUM
    trigger: AlertTrigger | Mapping[str, Any] = field(default_factory=AlertTrigger)
    criteria: AlertCriteria | Mapping[str, Any] = field(default_factory=AlertCriteria)
    summary: str = ""
    reset_policy: str = ResetPolicy.AUTO
    cooldown_period: str | None = None
    system_generated: bool = True
    template_id: int = 0


@dataclass
class AlertConfig(_Shaped):
    """An alert configuration: here a rule of the project's `alerts.yaml`."""

    project: str = ""
    name: str = ""
    template: AlertTemplate | None = None
    description: str | None = None
    summary: str | None = None
    severity: AlertSeverity | str | None = None
    trigger: AlertTrigger | Mapping[str, Any] | None = None
    criteria: AlertCriteria | Mapping[str, Any] | None = None
    reset_policy: ResetPolicy | str | None = None
    cooldown_period: str | None = None
    notifications: list[AlertNotification] = field(default_factory=list)
    entities: EventEntities | Mapping[str, Any] | None = None
    id: int | None = None
    state: str | None = None
    created: str | None = None
    count: int | None = None
    updated: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.template, str):
            raise ConfigError(f"template: give project.get_alert_template({self.template!r})")
        if self.template is not None:
            for name in ("summary", "severity", "criteria", "trigger", "reset_policy", "cooldown_period"):
                setattr(self, name, getattr(self, name) or getattr(self.template, name))

    def dict(self) -> _Dict:
        """It as a dict, as it is stored; without what nobody has said."""
        found = asdict(self)
        del found["template"]
        return {key: each for key, each in found.items() if each is not None}

    @classmethod
    def from_dict(cls, struct: Mapping[str, Any]) -> Self:
        """The configuration in a dict."""
        known = {each.name for each in fields(cls)} - {"template"}
        given = {key: each for key, each in struct.items() if key in known and each is not None}
        for key, kind in _KINDS.items():
            if key in given:
                given[key] = kind(**given[key])
        given["notifications"] = [
            AlertNotification(Notification(**each["notification"]), each.get("cooldown_period"))
            for each in given.get("notifications") or ()
        ]
        return cls(**given)

    def with_notifications(self, notifications: Sequence[AlertNotification]) -> Self:
        """It with further notifications."""
        self.notifications += notifications
        return self

    def with_entities(self, entities: EventEntities) -> Self:
        """It, about something else."""
        self.entities = entities
        return self


_KINDS: Mapping[str, Any] = {"entities": EventEntities, "trigger": AlertTrigger, "criteria": AlertCriteria}


@dataclass
class AlertActivation(_Shaped):
    """An alert that was raised: here an incident. `number_of_events` are windows, `reset_time` its end."""

    id: int
    name: str
    project: str
    severity: str
    activation_time: datetime
    entity_id: str
    entity_kind: str
    event_kind: str
    number_of_events: int
    reset_time: datetime | None = None
    criteria: Mapping[str, Any] = field(default_factory=dict)
    notifications: Sequence[Mapping[str, Any]] = ()


@dataclass
class AlertActivations:
    """Alerts that were raised, the newest first."""

    activations: list[AlertActivation]
    pagination: Mapping[str, Any] | None = None

    def __iter__(self) -> Iterator[AlertActivation]:
        return iter(self.activations)

    def __getitem__(self, index: int) -> AlertActivation:
        return self.activations[index]

    def __len__(self) -> int:
        return len(self.activations)

    def group_by(self, *attributes: str) -> dict[Any, list[AlertActivation]]:
        """By the values of these attributes; by one value alone where one is named."""
        found: dict[Any, list[AlertActivation]] = {}
        for each in self.activations:
            values = tuple(getattr(each, name) for name in attributes)
            found.setdefault(values[0] if len(values) == 1 else values, []).append(each)
        return found
