"""One app: its windows by state, its newest runs, those that failed with a button, what it kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import RedirectResponse, Response

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, here, of_api
from modelmon.api.parameters import NoParameters
from modelmon.api.problems import Problem
from modelmon.api.rest.artifacts import ArtifactAsPage
from modelmon.api.roles import Role
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.features import written
from modelmon.api.time_range import Ranged
from modelmon.errors import no_such
from modelmon.ledger.requirements import ACTUALS_OR_SCORES, requiring
from modelmon.model_monitoring.judging import judge_windows
from modelmon.views.app_runs import newest_runs
from modelmon.views.app_windows import AppWindows, windows_by_state
from modelmon.views.artifacts import ArtifactQuery, ArtifactView, find_artifact, list_artifacts

FILES = 25


class AppShown(Ranged, kw_only=True, frozen=True):
    """`files-after`: where the page of files before ended."""

    files_after: str = ""


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file that the app kept: where it is downloaded, and where it is looked at; "" where it can't be."""

    file: ArtifactView
    download: str
    look: str


def app(asked: Asked, shown: AppShown) -> Page:
    """What it judged, what it failed over, what it kept."""
    name = asked.path["app"]
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "functions", shown)
        counts = _counts(windows_by_state(connection, asked.settings), name)
        sleeping = requiring(connection, ACTUALS_OR_SCORES)
        runs = newest_runs(connection, asked.settings, name)
        failed = newest_runs(connection, asked.settings, name, failed=True)
        query = ArtifactQuery(application_name=name, limit=FILES, after=shown.files_after)
        files = list_artifacts(connection, query)
    values = {
        "frame": frame, "app": counts, "sleeps": name in sleeping and not counts.endpoints,
        "runs": runs, "failed": failed,
        "files": [_file(asked, each) for each in files.artifacts],
        "more": here(asked, **{"files-after": files.after}) if files.after else "",
        "endpoint_of": lambda each: address(asked, "endpoints", each.endpoint_id),
        "features_of": lambda each: address(
            asked, "endpoints", each.endpoint_id, "features", window=written(each.window.start_infer_time)
        ),
        "rerun": address(asked, "apps", name, "rerun"), "all": address(asked, "functions"),
        "may_act": asked.user.role >= Role.OPERATOR, "form_token": asked.form_token,
    }  # fmt: skip
    return Page("app.html", values)


def rerun(asked: Asked, parameters: NoParameters) -> Response:
    """One window is asked for again, and back to the app."""
    name, form = asked.path["app"], asked.form
    missing = [each for each in ("endpoint", "start", "end") if not form.get(each)]
    if missing:
        raise Problem(400, f"{missing[0]}: missing; the form says which window of which endpoint", missing[0])
    found = judge_windows(asked.settings, name, form["start"], form["end"], [form["endpoint"]])
    if not found.windows:
        raise Problem(409, "the rows of this window are kept no longer: it can't be judged again", "start")
    return RedirectResponse(f"{address(asked, 'apps', name)}#failed", 303)


def look(asked: Asked, wanted: ArtifactAsPage) -> Page:
    """An HTML file that an app kept, in a frame that reaches nothing."""
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "functions", Ranged())
        found = find_artifact(connection, wanted.endpoint, wanted.application, wanted.window, wanted.name)
    if found is None or not _is_page(found):
        raise Problem(404, f"there is no page {wanted.name!r} of that endpoint, app and window", "name")
    query = _query(wanted.endpoint, wanted.application, wanted.window, wanted.name)
    values = {
        "frame": frame, "file": found, "scripts": wanted.scripts,
        "framed": of_api(asked, "artifacts", "framed", **query, scripts=wanted.scripts or None),
        "drawn": address(asked, "artifacts", **query, scripts="true"),
        "download": of_api(asked, "artifacts", "content", **query),
        "app": address(asked, "apps", found.application_name),
    }  # fmt: skip
    return Page("artifact.html", values)


def _counts(found: tuple[AppWindows, ...], name: str) -> AppWindows:
    known = {each.name: each for each in found}
    if name not in known:
        raise Problem(404, str(no_such(f"there is no app {name!r}", name, known)), "app")
    return known[name]


def _file(asked: Asked, file: ArtifactView) -> ShownFile:
    if not file.is_here:
        return ShownFile(file, "", "")
    query = _query(file.endpoint_id, file.application_name, file.start_infer_time, file.name)
    shown = address(asked, "artifacts", **query) if _is_page(file) else ""
    return ShownFile(file, of_api(asked, "artifacts", "content", **query), shown)


def _is_page(file: ArtifactView) -> bool:
    return file.is_here and file.media_type == "text/html"


def _query(endpoint: str, app: str, start: datetime, name: str) -> dict[str, object]:
    return {"endpoint": endpoint, "application": app, "window": written(start), "name": name}


ROUTES = (
    Route(
        "GET", "/projects/{project}/apps/{app}", app,
        "An app: its windows by state, its newest runs, what failed, what it kept.", AppShown, kind=Kind.PAGE,
    ),
    Route(
        "POST", "/projects/{project}/apps/{app}/rerun", rerun, "Ask an app for one window again.",
        role=Role.OPERATOR, kind=Kind.PAGE,
    ),
    Route(
        "GET", "/projects/{project}/artifacts", look,
        "A page that an app kept, in a frame that reaches nothing.",
        ArtifactAsPage, kind=Kind.PAGE,
    ),
)  # fmt: skip
