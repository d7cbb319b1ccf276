"""MLRun's alert calls of a project on another machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from modelmon.client.asking import Server
from modelmon.from_mlrun.alerts import AlertActivation

SOME = 50


class _Configs(msgspec.Struct, frozen=True):
    alerts: list[dict[str, Any]]


class _Activations(msgspec.Struct, frozen=True):
    activations: list[AlertActivation]
    pagination: dict[str, Any]


class _Result(msgspec.Struct, frozen=True):
    app: str
    name: str


class RemoteAlertCalls:
    """`AlertCalls` over the API of a server."""

    def __init__(self, server: Server, base: str) -> None:
        self._server = server
        self._base = base

    def store(self, name: str, config: Mapping[str, Any], force_reset: bool) -> dict[str, Any]:
        asked = {"force_reset": "true"} if force_reset else {}
        return self._server.ask("PUT", self._of(name), dict[str, Any], asked, body=config)

    def configs(self, limit: int, offset: int) -> list[dict[str, Any]]:
        return self._server.get(f"{self._base}/alerts", _Configs, page_size=limit, offset=offset).alerts

    def config(self, name: str) -> dict[str, Any]:
        return self._server.get(self._of(name), dict[str, Any])

    def delete(self, name: str) -> None:
        self._server.ask("DELETE", self._of(name), dict[str, Any])

    def reset(self, name: str) -> None:
        self._server.ask("POST", f"{self._of(name)}/reset", dict[str, Any])

    def templates(self) -> list[dict[str, Any]]:
        return self._server.get("/api/v1/alert-templates", list[dict[str, Any]])

    def activations(self, **query: Any) -> tuple[list[AlertActivation], str | None]:
        for key in ("since", "until"):
            query[key] = query[key].isoformat() if query[key] is not None else None
        found = self._server.get(f"{self._base}/alert-activations", _Activations, **query)
        return found.activations, found.pagination["page-token"]

    def results(self, endpoint_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[_Result]] = {}
        for first in range(0, len(endpoint_ids), SOME):
            found |= self._server.get(
                f"{self._base}/model-monitoring/metrics", dict[str, list[_Result]],
                endpoint_id=list(endpoint_ids[first : first + SOME]), type="results",
            )  # fmt: skip
        return {uid: [(each.app, each.name) for each in several] for uid, several in found.items()}

    def _of(self, name: str) -> str:
        return f"{self._base}/alerts/{quote(name, safe='')}"
