"""What the alerts of a project on another machine are told.

The signatures are those of `modelmon.project.alerting`, written out because notebooks show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from modelmon.checked_yaml.given import given_text
from modelmon.client.alert_calls import RemoteAlertCalls
from modelmon.client.asking import Server
from modelmon.client.reading import Names, several
from modelmon.model_monitoring.alerts import AlertFileVersion
from modelmon.model_monitoring.mlrun_alert_calls import AlertCalls, MLRunAlerts
from modelmon.views.alert_rules import AlertRule
from modelmon.views.replaying import Replayed


class _Files(msgspec.Struct, frozen=True):
    versions: tuple[AlertFileVersion, ...]


class _Rules(msgspec.Struct, frozen=True):
    rules: tuple[AlertRule, ...]


class _Removed(msgspec.Struct, frozen=True):
    name: str


class RemoteAlerting(MLRunAlerts):
    """As `modelmon.project.alerting.AlertingProject`, over the API of a server."""

    server: Server
    base: str

    def _alert_calls(self) -> AlertCalls:
        return RemoteAlertCalls(self.server, self.base)

    def set_alerts(self, file: str | Path | None) -> AlertFileVersion:
        """Have an `alerts.yaml` count there from now on, as an admin: it may send secrets of the server
        somewhere. `file` may be a file here. As `set_alerts` on the project's own machine."""
        path = f"{self.base}/alert-file"
        if file is None:
            return self.server.ask("DELETE", path, AlertFileVersion)
        return self.server.ask("PUT", path, AlertFileVersion, body={"text": given_text(file, "alerts")})

    def list_alert_files(self) -> tuple[AlertFileVersion, ...]:
        """The versions of the `alerts.yaml`, the newest first, at most a hundred."""
        return self.server.get(f"{self.base}/alert-file", _Files).versions

    def list_alert_rules(self) -> tuple[AlertRule, ...]:
        """The rules that count, own and built-in ones, with what each looks at now."""
        return self.server.get(f"{self.base}/alert-rules", _Rules).rules

    def replay_alerts(
        self, file: str | Path | None = None, *, since: date | str = "30d", endpoints: Names = None
    ) -> Replayed:
        """What the rules of an `alerts.yaml`, which may be a file here, would have raised there. As
        `replay_alerts` on the project's own machine."""
        text = None if file is None else given_text(file, "alerts")
        given = {"since": str(since), "text": text, "endpoints": several(endpoints) or None}
        return self.server.ask("POST", f"{self.base}/alert-rules/replay", Replayed, body=given)

    def set_alert_rule(self, rule: Mapping[str, Any]) -> AlertRule:
        """Set one rule, as an operator, with the keys that it has in `alerts.yaml`. As `set_alert_rule` on
        the project's own machine."""
        return self.server.ask("POST", f"{self.base}/alert-rules", AlertRule, body={"rule": dict(rule)})

    def remove_alert_rule(self, name: str) -> None:
        """Take one rule out of the `alerts.yaml`, as an operator."""
        self.server.ask("DELETE", f"{self.base}/alert-rules/{quote(name, safe='')}", _Removed)
