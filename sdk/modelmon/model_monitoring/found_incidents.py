"""Incidents of a project, for code that asks: the newest page of them, or the next one."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from modelmon.model import wall_clock_us
from modelmon.model_monitoring.endpoints import called
from modelmon.model_monitoring.locating import HasSettings, opened, settings_of

if TYPE_CHECKING:
    from modelmon.views.incident_lists import IncidentPage


def list_incidents(
    project: HasSettings | str,
    endpoints: Collection[str] | str | None = None,
    applications: Collection[str] | str | None = None,
    *,
    only_open: bool = False,
    limit: int = 100,
    after: str = "",
) -> IncidentPage:
    """The incidents of these endpoints (names or ids) and apps, of None all: the open ones, the worst
    first, then those that ended unless `only_open`, each the newest first.

    At most `limit`: `incidents` of the page, whose `after` gives the next page, and is "" on the last one.
    Raises ConfigError for an endpoint that nothing or several things are called, and for an `after` that no
    page ended with; UnavailableError when the records can't be reached.
    """
    from modelmon.model_monitoring.shown_incidents import ShownIncidents
    from modelmon.views.incident_lists import IncidentQuery
    from modelmon.views.incident_lists import list_incidents as read_page
    from modelmon.views.silences import as_handled

    settings = settings_of(project)
    with opened(settings) as database, database.read() as connection:
        names = _names(endpoints)
        ids = None if names is None else [called(connection, name).endpoint_id for name in names]
        query = IncidentQuery(ids, _names(applications) or (), only_open, limit, after)
        page = read_page(connection, settings, query)
        found = as_handled(connection, page.incidents, wall_clock_us())
    return ShownIncidents(found, page.after)


def _names(given: Collection[str] | str | None) -> Collection[str] | None:
    return [given] if isinstance(given, str) else given
