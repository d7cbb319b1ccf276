"""Files that were logged to the project itself: which there are, and each as a download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from modelmon.api.asked import Asked
from modelmon.api.downloads import attachment
from modelmon.api.foreign_pages import sandboxed
from modelmon.api.problems import Problem, refused
from modelmon.api.routes import Kind, Route
from modelmon.errors import ConfigError
from modelmon.model_monitoring.logged_artifacts import LoggedArtifact, get_logged, list_logged, read_logged

BASE = "/api/v1/projects/{project}/artifacts/logged"


class OneLogged(msgspec.Struct, kw_only=True, frozen=True):
    """By its key."""

    key: str


class LoggedPage(OneLogged, kw_only=True, frozen=True):
    """`scripts`: what draws in it may run, in a frame that reaches nothing."""

    scripts: bool = False


@dataclass(frozen=True, slots=True)
class LoggedArtifacts:
    """By key."""

    artifacts: tuple[LoggedArtifact, ...]


def listed(asked: Asked, parameters: Any) -> LoggedArtifacts:
    return LoggedArtifacts(list_logged(asked.settings))


def content(asked: Asked, wanted: OneLogged) -> Response:
    found, kept = _read(asked, wanted)
    return attachment(found.path.rpartition("/")[2], kept)


def framed(asked: Asked, wanted: LoggedPage) -> Response:
    found, kept = _read(asked, wanted)
    if found.media_type != "text/html":
        raise Problem(415, f"{wanted.key!r} is no page; `content` has it as a download", "key")
    return sandboxed(kept, scripts=wanted.scripts and not asked.is_by_itself)


def _read(asked: Asked, wanted: OneLogged) -> tuple[LoggedArtifact, bytes]:
    """Raises Problem 404 for a key that nothing has, 409 for what is not given out from here."""
    try:
        get_logged(asked.settings, wanted.key)
    except ConfigError as error:
        raise refused(error, 404, "key") from None
    try:
        return read_logged(asked.settings, wanted.key)
    except ConfigError as error:
        raise refused(error, 409, "key") from None


ROUTES = (
    Route("GET", BASE, listed, "Files that were logged to the project, by key."),
    Route("GET", f"{BASE}/content", content, "A file that was logged.", OneLogged, kind=Kind.RAW),
    Route(
        "GET", f"{BASE}/framed", framed, "A page that was logged, for a frame that reaches nothing.",
        LoggedPage, kind=Kind.RAW,
    ),
)  # fmt: skip
