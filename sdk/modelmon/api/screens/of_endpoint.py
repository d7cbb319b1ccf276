"""What every page of one endpoint has: which endpoint it is, and the tabs."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.api.asked import Asked
from modelmon.api.frame import Frame, Link, address, frame_of, window_shown
from modelmon.api.problems import refused
from modelmon.api.time_range import Ranged
from modelmon.errors import ConfigError
from modelmon.views.endpoints import EndpointSummary, find_endpoint

TABS = {
    "overview": "Overview", "features": "Features Analysis", "metrics": "Metrics", "alerts": "Alerts",
    "rows": "Rows",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OfEndpoint:
    """What `endpoint_page.html` shows above each page of an endpoint. `report`: where it is to be had as one
    file, of the window that is shown; `compare`: where another one is put beside it."""

    frame: Frame
    endpoint: EndpointSummary
    tabs: tuple[Link, ...]
    tab: str
    report: str
    compare: str


def of_endpoint(asked: Asked, ranged: Ranged, tab: str) -> OfEndpoint:
    """Of the endpoint that the address names, by id or name. Raises Problem 404."""
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "endpoints", ranged)
        try:
            endpoint = find_endpoint(connection, asked.looking, asked.path["uid"])
        except ConfigError as error:
            raise refused(error, 404, "endpoint") from None
    tabs = tuple(Link(name, title, tab_address(asked, endpoint, name)) for name, title in TABS.items())
    report = address(asked, "endpoints", endpoint.endpoint_id, "report.html", window=window_shown(asked))
    beside = address(asked, "compare", endpoint=endpoint.endpoint_id)
    return OfEndpoint(frame, endpoint, tabs, tab, report, beside)


def tab_address(asked: Asked, endpoint: EndpointSummary, tab: str, /, **query: object) -> str:
    """Of another page of the same endpoint, with the time range that is shown."""
    if tab == "alerts":
        return address(asked, "incidents", endpoint=endpoint.endpoint_id, **query)
    places = () if tab == "overview" else (tab,)
    return address(asked, "endpoints", endpoint.endpoint_id, *places, **query)
