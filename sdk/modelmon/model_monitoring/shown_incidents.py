"""Incidents that a notebook shows as a table."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.views.incident_lists import IncidentPage


@dataclass(frozen=True, slots=True)
class ShownIncidents(IncidentPage):
    """A page of incidents, which a notebook shows."""

    __hash__ = IncidentPage.__hash__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IncidentPage):
            return NotImplemented
        return (self.incidents, self.after) == (other.incidents, other.after)

    def _repr_html_(self) -> str:
        from modelmon.pages.notebook import shown_or_why_not
        from modelmon.pages.notebook_objects import incidents_in_notebook

        return shown_or_why_not(lambda: incidents_in_notebook(self.incidents, self.after))
