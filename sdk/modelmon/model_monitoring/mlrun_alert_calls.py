"""MLRun's alert calls of a project, here or on another machine: each leads to what keeps rules."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Protocol

from modelmon.errors import ConfigError
from modelmon.from_mlrun.alerts import (
    LAG_ALERT,
    AlertActivation,
    AlertActivations,
    AlertConfig,
    AlertCriteria,
    AlertNotification,
    AlertSeverity,
    AlertTemplate,
    AlertTrigger,
    EventEntities,
    EventEntityKind,
    EventKind,
    Notification,
    ResetPolicy,
)

MOST = 500


class AlertCalls(Protocol):
    """What keeps alert configurations; dicts are as MLRun's client sends and reads them."""

    def store(self, name: str, config: Mapping[str, Any], force_reset: bool) -> dict[str, Any]: ...

    def configs(self, limit: int, offset: int) -> list[dict[str, Any]]: ...

    def config(self, name: str) -> dict[str, Any]: ...

    def delete(self, name: str) -> None: ...

    def reset(self, name: str) -> None: ...

    def templates(self) -> list[dict[str, Any]]: ...

    def activations(self, **query: Any) -> tuple[list[AlertActivation], str | None]: ...

    def results(self, endpoint_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]: ...


class MLRunAlerts(ABC):
    """Methods of MLRun's project that are about alerts. An alert configuration is a rule of `alerts.yaml`,
    and an alert that was raised is an incident."""

    name: str

    @abstractmethod
    def _alert_calls(self) -> AlertCalls:
        """How they are done: here, or by a server."""

    def store_alert_config(
        self, alert_data: AlertConfig, alert_name: str | None = None, force_reset: bool = False
    ) -> AlertConfig:
        """Keep an alert as a rule of `alerts.yaml`, and its notifications as channels.

        Events are windows: `criteria` of 3 in "1h" are 3 bad ones of those that an hour has. ConfigError for
        what has no counterpart here, and for a secret that is no reference like ${env:HOOK}.
        """
        config = _config(alert_data)
        name = alert_name or config.name
        if config.name not in ("", name):
            raise ConfigError(f"alert_name: {name!r} is not the alert's own, {config.name!r}")
        kept = self._alert_calls().store(name, {**config.dict(), "name": name}, force_reset)
        return AlertConfig.from_dict(kept)

    def get_alert_config(self, alert_name: str) -> AlertConfig:
        """The alert of this name. ConfigError where there is none."""
        return AlertConfig.from_dict(self._alert_calls().config(alert_name))

    def list_alerts_configs(self, limit: int | None = None, offset: int | None = None) -> list[AlertConfig]:
        """The own rules that MLRun has words for, in the order of `alerts.yaml`."""
        found = self._alert_calls().configs(limit or MOST, offset or 0)
        return [AlertConfig.from_dict(each) for each in found]

    def delete_alert_config(
        self, alert_data: AlertConfig | None = None, alert_name: str | None = None
    ) -> None:
        """Take its rule out of `alerts.yaml`; the channels stay."""
        self._alert_calls().delete(_name(alert_data, alert_name))

    def reset_alert_config(
        self, alert_data: AlertConfig | None = None, alert_name: str | None = None
    ) -> None:
        """End what the alert has open: a bad window that comes later raises anew."""
        self._alert_calls().reset(_name(alert_data, alert_name))

    def get_alert_template(self, template_name: str) -> AlertTemplate:
        """The template of this name. ConfigError where there is none."""
        known = {each.template_name: each for each in self.list_alert_templates()}
        if template_name not in known:
            raise ConfigError(f"template_name: there is no {template_name!r}; there are {', '.join(known)}")
        return known[template_name]

    def list_alert_templates(self) -> list[AlertTemplate]:
        """What of each kind of result is suspected and detected, and an app that failed."""
        return [AlertTemplate(**each) for each in self._alert_calls().templates()]

    def list_alert_activations(
        self,
        name: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        entity: str | None = None,
        severity: Sequence[str] | None = None,
        entity_kind: str | None = None,
        event_kind: str | None = None,
    ) -> AlertActivations:
        """The incidents, the newest first, as MLRun tells alerts; `name` and `entity` whole, or a part after
        a `~`."""
        given: dict[str, Any] = {
            "name": name, "since": since, "until": until, "entity": entity, "severity": severity,
            "entity_kind": entity_kind, "event_kind": event_kind, "page_size": MOST,
        }  # fmt: skip
        found, token = self._alert_calls().activations(**given)
        while token:
            more, token = self._alert_calls().activations(**given, page_token=token)
            found += more
        return AlertActivations(found)

    def create_model_monitoring_alert_configs(
        self,
        name: str,
        summary: str,
        endpoints: Iterable[Any],
        events: Sequence[EventKind | str] | EventKind | str,
        notifications: Sequence[AlertNotification],
        result_names: Sequence[str] | None = None,
        severity: AlertSeverity | str = AlertSeverity.MEDIUM,
        criteria: AlertCriteria | None = None,
        reset_policy: ResetPolicy | str = ResetPolicy.AUTO,
    ) -> list[AlertConfig]:
        """An alert for each result of these endpoints, to be stored one by one.

        `result_names` are patterns like `app1.result-*` or whole `uid.app.result.name`; None: every result.
        One rule with a `match` covers endpoints and results that come later, too: see `set_alert_rule`.
        """
        chosen = _chosen(self._alert_calls().results(_ids(endpoints)), result_names)
        if not chosen:
            warnings.warn("no alert was made: no result of these endpoints fits result_names", stacklevel=2)
        listed = [EventKind(each) for each in ([events] if isinstance(events, str) else events)]
        return [
            AlertConfig(
                self.name, f"{name}--{'_'.join(entity.split('.')[each] for each in (0, 1, 3))}",
                summary=summary, severity=severity, trigger=AlertTrigger(listed),
                criteria=criteria or AlertCriteria(1, "10m"), reset_policy=reset_policy,
                notifications=list(notifications),
                entities=EventEntities(EventEntityKind.MODEL_ENDPOINT_RESULT, self.name, [entity]),
            )
            for entity in chosen
        ]  # fmt: skip

    def set_model_monitoring_lag_alert(
        self,
        notifications: Sequence[Notification] | Notification,
        *,
        period: str | None = None,
        count: int | None = None,
    ) -> None:
        """Tell these when messages wait for longer than a base period: `count` of the minutes in `period`."""
        several = [notifications] if isinstance(notifications, Notification) else notifications
        infra = EventEntities(EventEntityKind.MODEL_MONITORING_INFRA, self.name, ["*"])
        config = AlertConfig(
            self.name, LAG_ALERT, summary="Model monitoring lags in project {{project}}.",
            severity=AlertSeverity.MEDIUM, entities=infra, criteria=AlertCriteria(count or 1, period),
            trigger=AlertTrigger([EventKind.MODEL_MONITORING_LAG_DETECTED]),
            notifications=[AlertNotification(each) for each in several],
        )  # fmt: skip
        self.store_alert_config(config)

    def delete_model_monitoring_lag_alert(self) -> None:
        """Tell nobody of lag any more; nothing happens where nobody was to be told."""
        if any(each.name == LAG_ALERT for each in self.list_alerts_configs()):
            self.delete_alert_config(alert_name=LAG_ALERT)


def _config(alert_data: object) -> AlertConfig:
    if isinstance(alert_data, Mapping):
        return AlertConfig.from_dict(alert_data)
    if not isinstance(alert_data, AlertConfig):
        raise ConfigError(f"alert_data: must be an AlertConfig, got {alert_data!r}")
    return alert_data


def _name(alert_data: AlertConfig | None, alert_name: str | None) -> str:
    name = alert_name or (_config(alert_data).name if alert_data is not None else "")
    if not name:
        raise ConfigError("alert_name: give the alert, or its name")
    return name


def _ids(endpoints: Iterable[Any]) -> list[str]:
    listed = getattr(endpoints, "endpoints", endpoints)
    return [getattr(each, "endpoint_id", None) or each.metadata.uid for each in listed]


def _chosen(results: Mapping[str, Sequence[tuple[str, str]]], patterns: Sequence[str] | None) -> list[str]:
    """Ids of results, each once, in order; whole ids among the patterns whether they are there or not."""
    wanted = ["*"] if patterns is None else list(patterns)
    whole = [each for each in wanted if each.count(".") == 3 and "*" not in each]
    for each in wanted:
        if each != "*" and each not in whole and each.count(".") != 1:
            raise ConfigError(f"result_names: {each!r} must be <app>.<result>, or <uid>.<app>.result.<name>")
    found = [
        f"{uid}.{app}.result.{result}"
        for uid, each in results.items()
        for app, result in each
        if any(fnmatchcase(f"{app}.{result}", pattern) for pattern in wanted)
    ]
    return list(dict.fromkeys([*whole, *found]))
