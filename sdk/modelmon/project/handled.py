"""What people do about incidents, from Python: they are at it, they silence it, they end it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from modelmon.model_monitoring import action_runs, handling, silencing
from modelmon.model_monitoring.until import Until
from modelmon.settings import Settings
from modelmon.views.action_runs import ShownRun
from modelmon.views.incidents import Incident
from modelmon.views.silences import ShownSilence, SilencePreview

Names = Collection[str] | str | None


class HandledProject:
    """The methods of a project that are about its incidents. Who calls them is kept: the machine's user."""

    if TYPE_CHECKING:

        @property
        def settings(self) -> Settings: ...

    def acknowledge_incident(self, incident_id: int, note: str = "", *, until: Until = None) -> Incident:
        """Say that somebody is at it: it is told no more until it is worse or over, or until then.

        `until` is a moment, or how long from now: `"2h"`, a timedelta. Acknowledged again, the newer word
        stands. Raises ConfigError for one that is not there or not open.
        """
        return handling.acknowledge(self.settings, incident_id, note, until=until)

    def give_incident_back(self, incident_id: int) -> Incident:
        """Nobody is at it any more. Raises ConfigError for one that is not acknowledged."""
        return handling.give_back(self.settings, incident_id)

    def note_incident(self, incident_id: int, note: str) -> Incident:
        """Write something into the history of an incident, open or over."""
        return handling.add_note(self.settings, incident_id, note)

    def resolve_incident(self, incident_id: int, note: str = "") -> Incident:
        """End an open one: what was found until now is done with, the next bad window raises a new one.

        Raises ConfigError for one that is not there or not open.
        """
        return handling.resolve(self.settings, incident_id, note)

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
        """Tell nobody of what fits, until then; it goes on, and what is open still at the end is told then.

        Patterns have `*` and `?`; `labels` are names with patterns. `incident_id` fills in endpoint, app and
        result where they are not given. Raises ConfigError for one that would hit everything.
        """
        match = silencing.match_of(
            endpoints=endpoints, functions=functions, apps=apps, results=results, kinds=kinds, labels=labels
        )
        return silencing.silence(self.settings, match, until, note, incident_id=incident_id)

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
        match = silencing.match_of(
            endpoints=endpoints, functions=functions, apps=apps, results=results, kinds=kinds, labels=labels
        )
        return silencing.preview(self.settings, match, incident_id=incident_id)

    def list_silences(self) -> list[ShownSilence]:
        """Those that hold and those that are over, the newest first; a thousand at most."""
        return silencing.silences_of(self.settings)

    def end_silence(self, silence_id: int) -> ShownSilence:
        """End one before its time. Raises ConfigError for one that is not there, or is over."""
        return silencing.end_silence(self.settings, silence_id)

    def list_action_runs(self, incident_id: int | None = None, *, limit: int = 100) -> list[ShownRun]:
        """The newest runs of actions that rules asked for, of one incident or of all."""
        return action_runs.list_runs(self.settings, incident_id, limit)

    def retry_action_run(self, run_id: str) -> ShownRun:
        """Have one that failed, was skipped or was dry started after all.

        Raises ConfigError for one that is not there, and for one that was started.
        """
        return action_runs.retry_run(self.settings, run_id)
