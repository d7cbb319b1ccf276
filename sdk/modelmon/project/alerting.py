"""What a project's alerts are told: the whole alerts.yaml, or one rule of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmon.checked_yaml.given import given_text
from modelmon.model_monitoring import alert_rules, alerts
from modelmon.model_monitoring.alerts import AlertFileVersion
from modelmon.model_monitoring.local_alert_calls import LocalAlertCalls
from modelmon.model_monitoring.mlrun_alert_calls import AlertCalls, MLRunAlerts
from modelmon.model_monitoring.replayed_alerts import replay_alerts
from modelmon.model_monitoring.silencing import Names
from modelmon.settings import Settings
from modelmon.views.alert_rules import AlertRule
from modelmon.views.replaying import Replayed


class AlertingProject(MLRunAlerts):
    """The methods of a project that are about alerts."""

    if TYPE_CHECKING:

        @property
        def settings(self) -> Settings: ...

    def _alert_calls(self) -> AlertCalls:
        return LocalAlertCalls(self.settings)

    def set_alerts(self, file: str | Path | None) -> AlertFileVersion:
        """Have an `alerts.yaml` count from now on, as text or as the path of a file. None takes back what was
        set: then the built-in rules count, and nobody is told.

        Every version stays on record. ConfigError tells every mistake with its line.
        """
        text = "" if file is None else given_text(file, "alerts")
        return alerts.shown_file(alerts.set_alerts(self.settings, text))

    def list_alert_files(self) -> tuple[AlertFileVersion, ...]:
        """The versions of the `alerts.yaml`, the newest first, at most a hundred."""
        found = alerts.alert_versions(self.settings, alerts.MOST_VERSIONS)
        return tuple(alerts.shown_file(each) for each in found)

    def list_alert_rules(self) -> tuple[AlertRule, ...]:
        """The rules that count, own and built-in ones, with what each looks at now."""
        return alert_rules.list_rules(self.settings)

    def replay_alerts(
        self, file: str | Path | None = None, *, since: date | str = "30d", endpoints: Names = None
    ) -> Replayed:
        """What the rules of an `alerts.yaml`, as text or as the path of a file, would have raised over stored
        results, beside what was raised; without one the rules that count. Nothing is sent or written.

        `since` is a time, or a length of time before the newest window that was judged. ConfigError tells
        every mistake, an endpoint that is not there, and that there are too many windows to look at.
        """
        text = None if file is None else given_text(file, "alerts")
        return replay_alerts(self.settings, since, text, endpoints)

    def set_alert_rule(self, rule: Mapping[str, Any]) -> AlertRule:
        """Set one rule, with the keys that it has in `alerts.yaml`, in place of the one of its name.

        The rest of the file stays as it is, comments too. ConfigError tells every mistake.
        """
        return alert_rules.set_rule(self.settings, rule)

    def remove_alert_rule(self, name: str) -> None:
        """Take one rule out of the `alerts.yaml`; what it has open is resolved by the next report."""
        alert_rules.remove_rule(self.settings, name)
