"""MLRun's alert calls of a project on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelmon.alerting.mlrun_templates import templates
from modelmon.from_mlrun.alerts import AlertActivation
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.mlrun_alerts import (
    Storing,
    config,
    configs,
    delete_config,
    reset_config,
    store_config,
)
from modelmon.settings import Settings
from modelmon.views.activations import ActivationQuery, activation_of, before_of, read_activations
from modelmon.views.alert_rules import results_of


class LocalAlertCalls:
    """`AlertCalls` of a project on this machine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def store(self, name: str, config: Mapping[str, Any], force_reset: bool) -> dict[str, Any]:
        given = msgspec.to_builtins({**config, "name": name})
        return store_config(self._settings, Storing(given, force_reset=force_reset))

    def configs(self, limit: int, offset: int) -> list[dict[str, Any]]:
        return configs(self._settings)[offset:][:limit]

    def config(self, name: str) -> dict[str, Any]:
        return config(self._settings, name)

    def delete(self, name: str) -> None:
        delete_config(self._settings, name)

    def reset(self, name: str) -> None:
        reset_config(self._settings, name)

    def templates(self) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(each) for each in templates()]

    def activations(self, **query: Any) -> tuple[list[AlertActivation], str | None]:
        wanted = ActivationQuery(
            query["name"] or "", query["entity"] or "", query["since"], query["until"],
            query["severity"] or (), query["entity_kind"] or "", query["event_kind"] or "",
            query["page_size"], before_of(query.get("page_token", "")), 1, self._settings.project,
        )  # fmt: skip
        with opened(self._settings) as database, database.read() as connection:
            found, before = read_activations(connection, self._settings, wanted)
        shown = [activation_of(self._settings.project, each) for each in found]
        return shown, None if before is None else str(before)

    def results(self, endpoint_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {each: [] for each in endpoint_ids}
        with opened(self._settings) as database, database.read() as connection:
            for uid, app, name in results_of(connection, endpoint_ids):
                found[uid].append((app, name))
        return found
