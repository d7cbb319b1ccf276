"""Endpoints by time: each a line, each bin of time a cell, so that one sees what began together."""

from __future__ import annotations

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, here
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.endpoints import EndpointsShown, choosing
from modelmon.charts import heat, heat_times
from modelmon.views.endpoints import list_endpoints
from modelmon.views.heat_map import read_heat_map
from modelmon.views.told_apart import told_apart


def heat_map(asked: Asked, shown: EndpointsShown) -> Page:
    """The same endpoints as the list, in its order."""
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "endpoints", shown)
        page = list_endpoints(connection, asked.looking, shown.query)
        ids = [each.endpoint_id for each in page.endpoints]
        found = read_heat_map(connection, asked.settings, ids, frame.span.start, frame.span.end)
    if not page.total:
        return Page("first_run.html", {"frame": frame})
    names = told_apart(page.endpoints)
    lines = [
        (each, names[one], address(asked, "endpoints", one), heat(found.cells[one], found.starts))
        for one, each in zip(ids, page.endpoints, strict=True)
    ]
    states = {state for cells in found.cells.values() for state in cells}
    values = {
        "frame": frame, "page": page, "shown": shown, "lines": lines, "found": found, "states": states,
        "axis": heat_times(found.starts, found.minutes),
        "more": here(asked, after=page.after) if page.after else "",
        **choosing(asked, shown, page.chips),
    }  # fmt: skip
    return Page("heat_map.html", values)


ROUTES = (
    Route(
        "GET", "/projects/{project}/endpoints/heat-map", heat_map, "The endpoints by time, in cells.",
        EndpointsShown, kind=Kind.PAGE,
    ),
)  # fmt: skip
