"""Files that apps kept of the windows they judged: which there are, and each as a download."""

from __future__ import annotations

from datetime import datetime

import msgspec
from starlette.responses import Response

from modelmon.api.asked import Asked
from modelmon.api.downloads import attachment
from modelmon.api.foreign_pages import sandboxed
from modelmon.api.problems import Problem
from modelmon.api.rest.paging import Paged
from modelmon.api.routes import Kind, Route
from modelmon.stores.artifacts import MOST_BYTES, open_artifacts
from modelmon.views.artifacts import ArtifactPage, ArtifactQuery, ArtifactView, find_artifact, list_artifacts

BASE = "/api/v1/projects/{project}/artifacts"


class ArtifactsListed(Paged, kw_only=True, frozen=True):
    """Of this endpoint (its id), of this app, of the window that starts then."""

    endpoint: str | None = None
    application: str | None = None
    window: datetime | None = None


class OneArtifact(msgspec.Struct, kw_only=True, frozen=True):
    """Of which endpoint (its id), app and window, by the name that the list has."""

    endpoint: str
    application: str
    window: datetime
    name: str


class ArtifactAsPage(OneArtifact, kw_only=True, frozen=True):
    """`scripts`: what draws in it may run, in a frame that reaches nothing."""

    scripts: bool = False


def listed(asked: Asked, wanted: ArtifactsListed) -> ArtifactPage:
    query = ArtifactQuery(
        wanted.endpoint, wanted.application, wanted.window, wanted.page_size, wanted.page_token
    )
    with asked.database.read() as connection:
        return list_artifacts(connection, query)


def content(asked: Asked, wanted: OneArtifact) -> Response:
    found, kept = _read(asked, wanted)
    return attachment(found.name.rpartition("/")[2], kept)


def framed(asked: Asked, wanted: ArtifactAsPage) -> Response:
    found, kept = _read(asked, wanted)
    if found.media_type != "text/html":
        raise Problem(415, f"{found.name!r} is no page; `content` has it as a download", "name")
    return sandboxed(kept, scripts=wanted.scripts and not asked.is_by_itself)


def _read(asked: Asked, wanted: OneArtifact) -> tuple[ArtifactView, bytes]:
    with asked.database.read() as connection:
        found = find_artifact(connection, wanted.endpoint, wanted.application, wanted.window, wanted.name)
    if found is None:
        raise Problem(404, f"there is no artifact {wanted.name!r} of that endpoint, app and window", "name")
    if not found.is_here:
        raise Problem(409, f"the app keeps {found.name!r} elsewhere, at {found.path}: fetch it there", "name")
    try:
        return found, open_artifacts(asked.settings).read(found.path, MOST_BYTES)
    except FileNotFoundError:
        raise Problem(404, f"the file of {found.name!r} is gone", "name") from None


ROUTES = (
    Route("GET", BASE, listed, "What apps kept of windows, the newest first.", ArtifactsListed),
    Route(
        "GET",
        f"{BASE}/framed",
        framed,
        "A page that an app kept, to be shown in a frame that reaches nothing.",
        ArtifactAsPage,
        kind=Kind.RAW,
    ),
    Route("GET", f"{BASE}/content", content, "A file that an app kept.", OneArtifact, kind=Kind.RAW),
)
