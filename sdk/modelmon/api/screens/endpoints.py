"""The endpoints of a project: how all of them are, and each in a line, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from msgspec import Meta

from modelmon.api.asked import Asked
from modelmon.api.frame import Link, address, frame_of, here
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.features import written
from modelmon.api.time_range import Ranged
from modelmon.pages.endpoint_pictures import Pictures, drift_bars, pictures_of
from modelmon.views.endpoint_rows import EndpointRow
from modelmon.views.endpoint_states import WORST_FIRST
from modelmon.views.endpoints import PAGE, EndpointQuery, Sort
from modelmon.views.health import every_health
from modelmon.views.last_verdicts import LastVerdict
from modelmon.views.overview import read_home

MOST = 500
"""So many endpoints are on one page."""
FILTERS = ("q", "label", "function", "app", "kind", "mode")
"""What the form sets; states are chosen by chips."""
SORTS: Mapping[str, Sort] = {
    "State": "trouble", "Endpoint": "name", "Received": "received", "Last request": "last_request",
}  # fmt: skip


class EndpointsShown(Ranged, kw_only=True, frozen=True):
    """Parameters of the list: `q` is text in a name, function or model, `after` the page before; the others
    as in `modelmon status`."""

    q: str = ""
    state: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    function: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    mode: tuple[str, ...] = ()
    sort: Sort = "trouble"
    limit: Annotated[int, Meta(le=MOST)] = PAGE
    after: str = ""

    @property
    def query(self) -> EndpointQuery:
        return EndpointQuery(
            self.state, (), self.app, self.function, self.sort, self.limit, self.after, self.q, self.label,
            self.kind, self.mode,
        )  # fmt: skip

    @property
    def is_filtered(self) -> bool:
        return any(getattr(self, name) for name in ("state", *FILTERS))


@dataclass(frozen=True, slots=True)
class Line:
    """One endpoint: what is known of it, its small pictures, and where they lead; `last` and `highest`: to
    the features in the windows of its last verdict and of the highest one."""

    row: EndpointRow
    pictures: Pictures
    address: str
    features: str
    last: str
    highest: str
    incidents: str


def endpoints(asked: Asked, shown: EndpointsShown) -> Page:
    """The worst first, in pages, with the reason in words."""
    database = asked.database
    with database.read() as connection:
        frame = frame_of(connection, asked, "endpoints", shown)
    span = frame.span
    overview, rows = read_home(
        database, asked.series, {}, asked.looking, shown.query, span.start, span.end
    )  # no stream is opened: a broker that does not answer must not hold the page up
    if not overview.endpoints:
        return Page("first_run.html", {"frame": frame})
    page = rows.page
    values = {
        "frame": frame, "overview": overview, "page": page, "shown": shown,
        "health": every_health(database, [], asked.now_us),
        "bars": drift_bars(overview.drift, span.start, span.end),
        "lines": [_line(asked, each) for each in rows.rows], "sorts": SORTS,
        "more": here(asked, after=page.after) if page.after else "",
        "ended": address(asked, "incidents", show="resolved"),
        **choosing(asked, shown, page.chips),
    }  # fmt: skip
    return Page("endpoints.html", values)


def choosing(asked: Asked, shown: EndpointsShown, chips: Mapping[str, int]) -> dict[str, Any]:
    """What both views of the list choose by: chips, the form, and the way to the other view."""
    return {
        "chips": [*_chips(asked, shown, chips)],
        "kept": [(n, v) for n, v in parse_qsl(urlsplit(asked.address).query) if n not in (*FILTERS, "after")],
        "everything": here(asked, state=None, **dict.fromkeys(FILTERS)),
        "sorted_by": lambda sort: here(asked, sort=sort),
        "to_list": _other(asked, ""), "to_map": _other(asked, "heat-map"),
        "alerts": address(asked, "incidents"), "functions": address(asked, "functions"),
    }  # fmt: skip


def _chips(asked: Asked, shown: EndpointsShown, counts: Mapping[str, int]) -> Iterator[tuple[Link, bool]]:
    """Each puts its state to those that are shown, or takes it away."""
    for state in WORST_FIRST:
        if state not in counts and state not in shown.state:
            continue
        is_on = state in shown.state
        left = [each for each in shown.state if each != state] + [state] * (not is_on)
        yield Link(state, state, here(asked, state=",".join(left)), counts.get(state, 0)), is_on


def _other(asked: Asked, view: str) -> str:
    places = ("endpoints", view) if view else ("endpoints",)
    query = [(name, value) for name, value in parse_qsl(urlsplit(asked.address).query) if name != "after"]
    return address(asked, *places, **dict(query))


def _line(asked: Asked, row: EndpointRow) -> Line:
    place = ("endpoints", row.endpoint.endpoint_id)
    one = row.headline.incident_id if row.headline and row.open_incidents == 1 else None
    incidents = (
        address(asked, "incidents", str(one))
        if one
        else address(asked, "incidents", endpoint=row.endpoint.endpoint_id)
    )
    features = address(asked, *place, "features")
    last, highest = last_addresses(asked, row.last) if row.last else ("", "")
    return Line(row, pictures_of(row), address(asked, *place), features, last, highest, incidents)


def last_addresses(asked: Asked, found: LastVerdict) -> tuple[str, str]:
    """Of the features in the windows of the last verdict, and of the highest one."""
    place = "endpoints", found.endpoint_id, "features"
    last, highest = (written(each.start) for each in (found.last, found.highest))
    return address(asked, *place, window=last), address(asked, *place, window=highest)


ROUTES = (
    Route(
        "GET", "/projects/{project}/endpoints", endpoints, "The endpoints, the worst first.", EndpointsShown,
        kind=Kind.PAGE,
    ),
)  # fmt: skip
