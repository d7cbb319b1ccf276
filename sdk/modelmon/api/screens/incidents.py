"""Alerts: the incidents that are open and those that ended, and one of them with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, here
from modelmon.api.parameters import NoParameters
from modelmon.api.problems import Problem
from modelmon.api.rest.paging import whole_number
from modelmon.api.roles import Role
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.alert_tabs import alert_tabs
from modelmon.api.screens.handled import LENGTHS
from modelmon.api.time_range import Ranged
from modelmon.charts import Mark, Sample, timeline
from modelmon.charts.markup import Svg
from modelmon.incidents import FLAPPING, IncidentState, Reason, is_failure
from modelmon.model_monitoring.false_alarms import mark_false_alarm
from modelmon.pages.marks import marks_of_deployments
from modelmon.views.action_runs import shown_runs
from modelmon.views.alarm_counts import last_alarm_counts
from modelmon.views.deployments import Deployment, read_deployments
from modelmon.views.endpoints import find_endpoint
from modelmon.views.incident_lists import IncidentPage, IncidentQuery, ended_page, list_incidents
from modelmon.views.incident_rules import runbook_of
from modelmon.views.incidents import IncidentHistory, IncidentWindow, history_of
from modelmon.views.result_evidence import evidence_of
from modelmon.views.results_in_words import extra_data
from modelmon.views.silences import as_handled, one_handled
from modelmon.views.thresholds import thresholds_of

PAGE = 100
RUNS = 100
NOT_OPEN = IncidentState.PENDING.value, IncidentState.RESOLVED.value
STATES = {FLAPPING, *(each.value for each in IncidentState)}
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
    """The open ones, the worst first, or those that ended, the newest first."""
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "incidents", shown)
        page = _page(connection, asked, shown)
        page = replace(page, incidents=as_handled(connection, page.incidents, asked.now_us))
        counts = last_alarm_counts(connection, asked.settings, _ids(connection, asked, shown), asked.now_us)
    values = {
        "frame": frame, "page": page, "shown": shown,
        "alert_tabs": alert_tabs(asked, shown.show.capitalize(), lambda show: here(asked, show=show)),
        "resolved": here(asked, show="resolved"),
        "more": here(asked, after=page.after) if page.after else "",
        "everything": here(asked, endpoint=None, app=None),
        "of": lambda each: address(asked, "incidents", str(each.incident_id)),
        "endpoint_of": lambda each: _subject(asked, each.endpoint_id), "counts": counts,
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
        runs = [] if number is None else shown_runs(connection, RUNS, number)
        runbook = "" if history is None else runbook_of(connection, history.incident.rule)
        handled = None if history is None else one_handled(connection, history.incident, asked.now_us)
    if history is None or handled is None:
        raise Problem(404, f"there is no incident {text!r}; the list shows which there are")
    found = handled
    values = {
        "frame": frame, "incident": found, "history": history, "deployments": deployments,
        "chart": _chart(history, deployments), "mark": address(asked, "incidents", text, "false-alarm"),
        "runs": runs, "is_open": found.state not in NOT_OPEN, "lengths": LENGTHS,
        "handle": address(asked, "incidents", text, "handle"),
        "rerun": address(asked, "incidents", text, "rerun"),
        "silences": address(asked, "silences"), "silence": address(asked, "silences", incident=text),
        "may_act": asked.user.role >= Role.OPERATOR, "form_token": asked.form_token,
        "may_mark": not is_failure(found.application_name, found.result_name)
        and found.reason != Reason.WITHDRAWN.value,
        "endpoint": _subject(asked, found.endpoint_id),
        "evidence": evidence_of(extra_data(found.detail)), "runbook": runbook,
        "features": lambda window: address(
            asked, "endpoints", found.endpoint_id, "features", window=_written(window.start_infer_time)
        ),
    }  # fmt: skip
    return Page("incident.html", values)


def _subject(asked: Asked, endpoint_id: str) -> str:
    """Where it is shown what an incident is of: an endpoint, or the functions of the project."""
    return address(asked, "endpoints", endpoint_id) if endpoint_id else address(asked, "functions")


def _page(connection: Connection, asked: Asked, shown: IncidentsShown) -> IncidentPage:
    ids = _ids(connection, asked, shown)
    query = IncidentQuery(ids, shown.app, only_open=shown.show == "open", limit=PAGE, after=shown.after)
    read = list_incidents if query.only_open else ended_page
    return read(connection, asked.settings, query)


def _ids(connection: Connection, asked: Asked, shown: IncidentsShown) -> list[str] | None:
    known = find_endpoint(connection, asked.looking, shown.endpoint) if shown.endpoint else None
    return [known.endpoint_id] if known else None


def mark(asked: Asked, parameters: NoParameters) -> Response:
    """One is marked as a false alarm, or the mark is taken back, and back to it."""
    number, form = whole_number(asked.path["number"]), asked.form
    if number is None:
        raise Problem(404, f"there is no incident {asked.path['number']!r}; the list shows which there are")
    undo = form.get("undo") == "yes"
    note = "" if undo else form.get("note", "").strip()
    mark_false_alarm(asked.settings, number, note, undo=undo, who=asked.who)
    return RedirectResponse(f"{address(asked, 'incidents', str(number))}#false-alarm", 303)


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
        Sample(
            each.start_infer_time,
            each.end_infer_time,
            each.result_value,
            _STATUSES.get(each.said, -1),
            *thresholds_of(each.detail),
        )
        for each in windows
    ]
    marks = [
        Mark(each.window + length / 2, each.after, _kind(each.after))
        for each in history.events
        if each.after in STATES  # what people did is of no window
    ]
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
    Route(
        "POST", "/projects/{project}/incidents/{number}/false-alarm", mark,
        "Mark an incident as a false alarm, or take that back.",
        role=Role.OPERATOR, audits=True, kind=Kind.PAGE,
    ),
)  # fmt: skip
