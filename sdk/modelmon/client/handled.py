"""What people do about incidents, from another machine: as `project.handled` has it, for operators."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from modelmon.client.asking import Server
from modelmon.errors import ConfigError
from modelmon.model import from_us, wall_clock_us
from modelmon.model_monitoring.action_runs import check_limit
from modelmon.model_monitoring.false_alarms import check_mark
from modelmon.model_monitoring.silencing import match_of
from modelmon.model_monitoring.until import Until, until_us
from modelmon.views.action_runs import ShownRun
from modelmon.views.incidents import Incident
from modelmon.views.silences import ShownSilence, SilencePreview

Names = Collection[str] | str | None


class _Silences(msgspec.Struct, frozen=True):
    silences: list[ShownSilence]


class _Runs(msgspec.Struct, frozen=True):
    runs: list[ShownRun]


class RemoteHandled:
    """As `modelmon.project.handled.HandledProject`; who calls is kept by the name of the token."""

    server: Server
    base: str

    def acknowledge_incident(self, incident_id: int, note: str = "", *, until: Until = None) -> Incident:
        """Say that somebody is at it: it is told no more until it is worse or over, or until then."""
        body = {"note": note, "until": _written(until)}
        return self.server.post(self._path(incident_id, "acknowledge", note), Incident, body)

    def give_incident_back(self, incident_id: int) -> Incident:
        """Nobody is at it any more."""
        return self.server.ask("DELETE", self._path(incident_id, "acknowledge"), Incident)

    def note_incident(self, incident_id: int, note: str) -> Incident:
        """Write something into the history of an incident, open or over."""
        return self.server.post(self._path(incident_id, "notes", note), Incident, {"note": note})

    def resolve_incident(self, incident_id: int, note: str = "") -> Incident:
        """End an open one; the next bad window raises a new one."""
        return self.server.post(self._path(incident_id, "resolve", note), Incident, {"note": note})

    def silence(
        self,
        until: Until,
        note: str = "",
        *,
        incident_id: int | None = None,
        endpoints: Names = None,
        functions: Names = None,
        apps: Names = None,
        results: Names = None,
        kinds: Names = None,
        labels: Mapping[str, str] | None = None,
    ) -> ShownSilence:
        """Tell nobody of what fits, until then; it goes on, and what is open at the end is told then."""
        check_mark(1, note, undo=False)
        hits = _hits(
            incident_id, endpoints=endpoints, functions=functions, apps=apps, results=results, kinds=kinds,
            labels=labels,
        )  # fmt: skip
        body = {**hits, "until": _written(until), "note": note}
        return self.server.post(f"{self.base}/silences", ShownSilence, body)

    def preview_silence(
        self,
        *,
        incident_id: int | None = None,
        endpoints: Names = None,
        functions: Names = None,
        apps: Names = None,
        results: Names = None,
        kinds: Names = None,
        labels: Mapping[str, str] | None = None,
    ) -> SilencePreview:
        """What of that which is open such a silence would hit; nothing changes."""
        hits = _hits(
            incident_id, endpoints=endpoints, functions=functions, apps=apps, results=results, kinds=kinds,
            labels=labels,
        )  # fmt: skip
        return self.server.post(f"{self.base}/silences/preview", SilencePreview, hits)

    def list_silences(self) -> list[ShownSilence]:
        """Those that hold and those that are over, the newest first."""
        return self.server.get(f"{self.base}/silences", _Silences).silences

    def end_silence(self, silence_id: int) -> ShownSilence:
        """End one before its time."""
        if isinstance(silence_id, bool) or not isinstance(silence_id, int):
            raise ConfigError(f"silence_id: must be the number of a silence, got {silence_id!r}")
        return self.server.ask("DELETE", f"{self.base}/silences/{silence_id}", ShownSilence)

    def list_action_runs(self, incident_id: int | None = None, *, limit: int = 100) -> list[ShownRun]:
        """The newest runs of actions that rules asked for, of one incident or of all."""
        check_mark(1 if incident_id is None else incident_id, "", undo=False)
        check_limit(limit)
        asked: dict[str, Any] = {"page-size": limit}
        if incident_id is not None:
            asked["incident"] = incident_id
        return self.server.get(f"{self.base}/action-runs", _Runs, **asked).runs

    def retry_action_run(self, run_id: str) -> ShownRun:
        """Have one that failed, was skipped or was dry started after all."""
        if not isinstance(run_id, str) or not run_id:
            raise ConfigError(f"run: must be the id of a run, got {run_id!r}")
        return self.server.post(f"{self.base}/action-runs/{quote(run_id, safe='')}/retry", ShownRun, {})

    def _path(self, incident_id: int, what: str, note: str = "") -> str:
        check_mark(incident_id, note, undo=False)
        return f"{self.base}/incidents/{incident_id}/{what}"


def _hits(incident_id: int | None, **given: Any) -> dict[str, Any]:
    check_mark(1 if incident_id is None else incident_id, "", undo=False)
    found: dict[str, Any] = msgspec.to_builtins(match_of(**given))
    return found if incident_id is None else {**found, "incident_id": incident_id}


def _written(until: Until) -> str | None:
    """As it goes over the wire; what is no text is a moment."""
    if until is None or isinstance(until, str):
        return until
    moment = until_us(until, wall_clock_us())
    assert moment is not None, "it was given"
    return from_us(moment).isoformat()
