"""A window of an endpoint as one HTML file, to download."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from modelmon.api.asked import Asked
from modelmon.api.problems import refused
from modelmon.api.routes import Kind, Route
from modelmon.api.time_range import Ranged
from modelmon.errors import ConfigError
from modelmon.pages.report import make_report


class Reported(Ranged, kw_only=True, frozen=True):
    """`window`: a moment inside it; without one the newest window that was judged whole."""

    window: datetime | None = None


def report(asked: Asked, wanted: Reported) -> Response:
    """Raises Problem 404 for an endpoint that is not there, and for a moment that no window holds."""
    try:
        found = make_report(asked.database, asked.series, asked.looking, asked.path["uid"], wanted.window)
    except ConfigError as error:
        raise refused(error, 404) from None
    headers = {"Content-Disposition": f'attachment; filename="{found.file_name}"'}
    return Response(found.html, headers=headers, media_type="text/html; charset=utf-8")


ROUTES = (
    Route(
        "GET", "/projects/{project}/endpoints/{uid}/report.html", report,
        "A window of an endpoint as one HTML file that loads nothing.", Reported, kind=Kind.RAW,
    ),
    Route(
        "GET", "/api/v1/projects/{project}/model-endpoints/{uid}/report", report,
        "A window of an endpoint as one HTML file that loads nothing.", Reported, kind=Kind.RAW,
    ),
)  # fmt: skip
