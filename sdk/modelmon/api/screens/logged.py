"""Files that were logged to the project itself: where each is downloaded, and a page to look at one."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, of_api
from modelmon.api.problems import Problem
from modelmon.api.rest.logged_artifacts import LoggedPage
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.time_range import Ranged
from modelmon.model_monitoring.logged_artifacts import LoggedArtifact, list_logged


@dataclass(frozen=True, slots=True)
class ShownLogged:
    """A file; `download` is "" where it is kept elsewhere, `look` where it is no page."""

    file: LoggedArtifact
    download: str
    look: str


def shown_logged(asked: Asked) -> list[ShownLogged]:
    """All of them, by key."""
    return [_shown(asked, each) for each in list_logged(asked.settings)]


def look(asked: Asked, wanted: LoggedPage) -> Page:
    """An HTML file that was logged, in a frame that reaches nothing."""
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "functions", Ranged())
    found = {each.file.key: each for each in shown_logged(asked)}.get(wanted.key)
    if found is None or not found.look:
        raise Problem(404, f"there is no page {wanted.key!r} among the project's files", "key")
    values = {
        "frame": frame, "file": found.file, "download": found.download,
        "framed": of_api(
            asked, "artifacts", "logged", "framed", key=wanted.key, scripts=wanted.scripts or None
        ),
        "drawn": address(asked, "logged", key=wanted.key, scripts="true"), "scripts": wanted.scripts,
        "back": f"{address(asked, 'functions')}#files",
    }  # fmt: skip
    return Page("logged.html", values)


def _shown(asked: Asked, file: LoggedArtifact) -> ShownLogged:
    if not file.is_here:
        return ShownLogged(file, "", "")
    place = address(asked, "logged", key=file.key) if file.media_type == "text/html" else ""
    return ShownLogged(file, of_api(asked, "artifacts", "logged", "content", key=file.key), place)


ROUTES = (
    Route(
        "GET", "/projects/{project}/logged", look,
        "A page that was logged to the project, in a frame that reaches nothing.", LoggedPage, kind=Kind.PAGE,
    ),
)  # fmt: skip
