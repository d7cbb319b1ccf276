"""Endpoints as programs list them: as the page does, with the small pictures as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from modelmon.api.asked import Asked
from modelmon.api.rest.mlrun.metric_values import Between, span_asked
from modelmon.api.rest.paging import Paged
from modelmon.api.routes import Route
from modelmon.model import from_us
from modelmon.views.endpoint_filters import EndpointChoices
from modelmon.views.endpoint_rows import EndpointRow, read_endpoint_rows
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


@dataclass(frozen=True, slots=True)
class EndpointsAnswered:
    """A page of endpoints: `rows`, and what else `EndpointPage` tells of them."""

    rows: tuple[EndpointRow, ...]
    total: int
    matching: int
    by_state: Mapping[str, int]
    after: str
    chips: Mapping[str, int]
    choices: EndpointChoices


def endpoints(asked: Asked, wanted: EndpointsListed) -> EndpointsAnswered:
    query = EndpointQuery(
        wanted.state, (), wanted.app, wanted.function, wanted.sort, wanted.page_size, wanted.page_token,
        wanted.q, wanted.label, wanted.kind, wanted.mode,
    )  # fmt: skip
    end = wanted.end or from_us(asked.now_us)
    found = read_endpoint_rows(asked.database, asked.series, asked.looking, query, end)
    page = found.page
    return EndpointsAnswered(
        found.rows, page.total, page.matching, page.by_state, page.after, page.chips, page.choices
    )


def overview(asked: Asked, wanted: Between) -> Overview:
    start, end = span_asked(asked, wanted)
    # No stream is opened: a broker that does not answer must not hold the answer up.
    return read_overview(asked.database, asked.series, {}, asked.looking, start, end)


ROUTES = (
    Route("GET", f"{BASE}/endpoints", endpoints, "The endpoints, the worst first.", EndpointsListed),
    Route("GET", f"{BASE}/overview", overview, "The project at one look.", Between),
)
