"""`/metrics`, for Prometheus."""

from __future__ import annotations

from starlette.responses import Response

from modelmon.api.asked import Asked
from modelmon.api.opened import OpenProject
from modelmon.api.parameters import NoParameters
from modelmon.api.routes import Kind, Opening, Route
from modelmon.errors import ModelMonError
from modelmon.export.exposition import CONTENT_TYPE, text
from modelmon.export.prometheus import Scrape, families
from modelmon.function_spec.project_streams import open_streams
from modelmon.views.lag import PartitionLag, read_lag


def metrics(asked: Asked, parameters: NoParameters) -> Response:
    """Of all projects that are served here; of several, those that can be read."""
    scrapes, unread = [], []
    for each in asked.projects.values():
        try:
            scrapes.append(Scrape(each.database, each.series, each.settings, asked.now_us, _lags(each)))
        except ModelMonError:
            if len(asked.projects) == 1:
                raise
            unread.append(each.name)
    return Response(text(families(scrapes, unread)), media_type=CONTENT_TYPE)


def _lags(project: OpenProject) -> tuple[PartitionLag, ...]:
    """Of the streams that answer."""
    with open_streams(project.settings) as (streams, _):
        return read_lag(streams, project.settings)[0]


ROUTES = (
    Route("GET", "/metrics", metrics, "Everything for Prometheus.", kind=Kind.RAW, opening=Opening.METRICS),
)
