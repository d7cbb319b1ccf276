"""A window of an endpoint as a report, to look at, save or send."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from modelmon.model import Endpoint, from_us, wall_clock_us
from modelmon.model_monitoring.locating import HasSettings, opened, settings_of
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.pages.report import Report


def report(project: HasSettings | str, endpoint: Endpoint | str, window: Time = None) -> Report:
    """The report on the window that holds this moment, without one on the newest window that was judged.

    `endpoint` is one, or its name or id. A notebook shows it; `save("churn.html")` writes it as one HTML file
    that loads nothing, `html` is that file, `size` its bytes. Raises ConfigError for an endpoint that nothing
    or several things are called, and for a moment that no window holds; UnavailableError when a store does
    not answer.
    """
    name = endpoint.endpoint_id if isinstance(endpoint, Endpoint) else endpoint
    return read_report(settings_of(project), name, window)


def read_report(settings: Settings, name: str, window: Time = None) -> Report:
    """As `report`, of the endpoint of this name or id."""
    from modelmon.pages.report import make_report
    from modelmon.stores.series import open_series
    from modelmon.views.endpoint_facts import Looking

    moment = None if window is None else from_us(moment_us(window, "window", 0))
    with opened(settings) as database, closing(open_series(settings)) as series:
        return make_report(database, series, Looking(wall_clock_us(), settings), name, moment)
