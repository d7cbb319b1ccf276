"""Endpoints as programs list them: as the page does, with the small pictures as numbers."""

from __future__ import annotations

from datetime import datetime

from modelmon.api.asked import Asked
from modelmon.api.rest.mlrun.metric_values import Between, span_asked
from modelmon.api.rest.paging import Paged
from modelmon.api.routes import Route
from modelmon.model import from_us
from modelmon.views.endpoint_rows import EndpointRows, read_endpoint_rows
from modelmon.views.endpoints import EndpointQuery, Sort
from modelmon.views.overview import Overview, read_overview

BASE = "/api/v1/projects/{project}"


class EndpointsListed(Paged, kw_only=True, frozen=True):
    """Filters as in `modelmon status`: `q` is text in a name, id, function or model; of each filter one value
    has to hold. `end`: the recent traffic is that before it, before now where it is not given."""

    q: str = ""
    state: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    function: tuple[str, ...] = ()
    mode: tuple[str, ...] = ()
    sort: Sort = "trouble"
    end: datetime | None = None


def endpoints(asked: Asked, wanted: EndpointsListed) -> EndpointRows:
    query = EndpointQuery(
        wanted.state, (), wanted.app, wanted.function, wanted.sort, wanted.page_size, wanted.page_token,
        wanted.q, wanted.label, wanted.kind, wanted.mode,
    )  # fmt: skip
    end = wanted.end or from_us(asked.now_us)
    return read_endpoint_rows(asked.database, asked.series, asked.looking, query, end)


def overview(asked: Asked, wanted: Between) -> Overview:
    start, end = span_asked(asked, wanted)
    # No stream is opened: a broker that does not answer must not hold the answer up.
    return read_overview(asked.database, asked.series, {}, asked.looking, start, end)


ROUTES = (
    Route("GET", f"{BASE}/endpoints", endpoints, "The endpoints, the worst first.", EndpointsListed),
    Route("GET", f"{BASE}/overview", overview, "The project at one look.", Between),
)
