"""Alerts: the incidents that are open and those that ended, and one of them with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, here
from modelmon.api.problems import Problem
from modelmon.api.rest.paging import whole_number
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.time_range import Ranged
from modelmon.charts import Mark, Sample, timeline
from modelmon.charts.markup import Svg
from modelmon.pages.marks import marks_of_deployments
from modelmon.views.deployments import Deployment, read_deployments
from modelmon.views.endpoints import find_endpoint
from modelmon.views.incident_lists import IncidentPage, IncidentQuery, ended_page, list_incidents
from modelmon.views.incidents import IncidentHistory, IncidentWindow, history_of

PAGE = 100
WINDOWS = 400
"""So many windows of an incident are drawn, the newest."""
_STATUSES = {"detected": 2, "suspected": 1, "partial": 1, "calm": 0}


class IncidentsShown(Ranged, kw_only=True, frozen=True):
    """Parameters of the list: `endpoint` a name or id, `after` where the page before ended."""

    show: Literal["open", "resolved"] = "open"
    endpoint: str = ""
    app: tuple[str, ...] = ()
    after: str = ""


def incidents(asked: Asked, shown: IncidentsShown) -> Page:
    """The open ones, or those that ended; the newest first."""
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "incidents", shown)
        page = _page(connection, asked, shown)
    values = {
        "frame": frame, "page": page, "shown": shown,
        "tabs": [(each, here(asked, show=each)) for each in ("open", "resolved")],
        "more": here(asked, after=page.after) if page.after else "",
        "everything": here(asked, endpoint=None, app=None),
        "of": lambda each: address(asked, "incidents", str(each.incident_id)),
        "endpoint_of": lambda each: address(asked, "endpoints", each.endpoint_id),
    }  # fmt: skip
    return Page("incidents.html", values)


def incident(asked: Asked, ranged: Ranged) -> Page:
    """One with what it was found in, and how it went."""
    text = asked.path["number"]
    number = whole_number(text)
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "incidents", ranged)
        history = None if number is None else history_of(connection, asked.settings, number, WINDOWS)
        deployments = _deployments(connection, history)
    if history is None:
        raise Problem(404, f"there is no incident {text!r}; the list shows which there are")
    found = history.incident
    values = {
        "frame": frame, "incident": found, "history": history, "deployments": deployments,
        "chart": _chart(history, deployments),
        "endpoint": address(asked, "endpoints", found.endpoint_id),
        "features": lambda window: address(
            asked, "endpoints", found.endpoint_id, "features", window=_written(window.start_infer_time)
        ),
    }  # fmt: skip
    return Page("incident.html", values)


def _page(connection: Connection, asked: Asked, shown: IncidentsShown) -> IncidentPage:
    known = find_endpoint(connection, asked.looking, shown.endpoint) if shown.endpoint else None
    ids = [known.endpoint_id] if known else None
    query = IncidentQuery(ids, shown.app, only_open=shown.show == "open", limit=PAGE, after=shown.after)
    read = list_incidents if query.only_open else ended_page
    return read(connection, asked.settings, query)


def _reach(history: IncidentHistory) -> tuple[datetime, datetime, timedelta]:
    """Of the chart: a window more at each end. The length of a window comes third."""
    oldest, newest = history.windows[-1], history.windows[0]
    length = oldest.end_infer_time - oldest.start_infer_time
    return oldest.start_infer_time - length, newest.end_infer_time + length, length


def _deployments(connection: Connection, history: IncidentHistory | None) -> Sequence[Deployment]:
    if history is None or not history.windows:
        return ()
    start, end, _ = _reach(history)
    return read_deployments(connection, history.incident.endpoint_id, start, end)


def _chart(history: IncidentHistory, deployments: Sequence[Deployment]) -> Svg | None:
    windows: Sequence[IncidentWindow] = history.windows[::-1]
    if not windows or history.incident.result_value is None:
        return None
    start, end, length = _reach(history)
    samples = [
        Sample(each.start_infer_time, each.end_infer_time, each.result_value, _STATUSES.get(each.said, -1))
        for each in windows
    ]
    marks = [Mark(each.window + length / 2, each.after, _kind(each.after)) for each in history.events]
    marks += marks_of_deployments(deployments)
    label = f"{history.incident.result_name} of {history.incident.endpoint_name}"
    return timeline(samples, start, max(end, start + timedelta(minutes=1)), label=label, marks=marks)


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _kind(after: str) -> str:
    return "resolved" if after in ("resolved", "eased") else "raised"


ROUTES = (
    Route(
        "GET", "/projects/{project}/incidents", incidents, "The incidents that are open, or ended.",
        IncidentsShown, kind=Kind.PAGE,
    ),
    Route(
        "GET", "/projects/{project}/incidents/{number}", incident,
        "An incident, with its evidence and its course.", Ranged, kind=Kind.PAGE,
    ),
)  # fmt: skip
