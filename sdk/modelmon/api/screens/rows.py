"""The rows behind a verdict: some of a window, or those that moved a feature most."""

from __future__ import annotations

from starlette.responses import Response

from modelmon.api.asked import Asked
from modelmon.api.csv_answers import csv_answer
from modelmon.api.frame import here, kept
from modelmon.api.problems import Problem, refused
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.features import FeaturesShown, beside, window_of, written
from modelmon.api.screens.of_endpoint import OfEndpoint, of_endpoint, tab_address
from modelmon.errors import ConfigError
from modelmon.views.feature_page import FeaturePage
from modelmon.views.sample_rows import MOST, SampleRows, as_csv, read_sample_rows

SHOWN, IN_FILE = 100, 1_000


class RowsShown(FeaturesShown, kw_only=True, frozen=True):
    """`feature`: the rows that moved it most, else any; `limit`: at most so many."""

    feature: str = ""
    limit: int = 0


def rows(asked: Asked, shown: RowsShown) -> Page:
    """Rows of a window as a table."""
    of = of_endpoint(asked, shown, "rows")
    page = window_of(asked, of, shown.window)
    if page is None:
        return Page("features_empty.html", {"of": of})
    window = page.features.window
    found = _read(asked, of, page, shown, SHOWN)
    moment = written(window.start_infer_time)
    values = {
        "of": of, "page": page, "window": window, "sample": found, "feature": shown.feature,
        "features": sorted(each.feature for each in page.features.features if each.reference is not None),
        "kept": {**kept(asked), "feature": shown.feature} if shown.feature else kept(asked),
        "any": here(asked, feature=None), "most": MOST,
        "csv": tab_address(
            asked, of.endpoint, "rows.csv", window=moment, feature=shown.feature, limit=IN_FILE
        ),
        "in_file": IN_FILE, **beside(asked, shown, page),
    }  # fmt: skip
    return Page("rows.html", values)


def rows_csv(asked: Asked, shown: RowsShown) -> Response:
    of = of_endpoint(asked, shown, "rows")
    page = window_of(asked, of, shown.window)
    if page is None:
        raise Problem(404, f"endpoint {of.endpoint.endpoint_name!r} has no window yet", "window")
    found = _read(asked, of, page, shown, IN_FILE)
    which = f"-{shown.feature}" if shown.feature else ""
    return csv_answer(f"{of.endpoint.endpoint_name}{which}-{found.start:%Y-%m-%dT%H%M}.csv", as_csv(found))


def _read(asked: Asked, of: OfEndpoint, page: FeaturePage, shown: RowsShown, limit: int) -> SampleRows:
    window = page.features.window
    try:
        return read_sample_rows(
            asked.database, asked.settings, of.endpoint.endpoint_id, window.start_infer_time,
            window.end_infer_time, asked.now_us, shown.feature, shown.limit or limit,
        )  # fmt: skip
    except ConfigError as error:
        raise refused(error, 400, str(error).partition(":")[0]) from None


ROUTES = (
    Route(
        "GET", "/projects/{project}/endpoints/{uid}/rows", rows,
        "Rows of a window, or those that moved a feature most.", RowsShown, kind=Kind.PAGE,
    ),
    Route(
        "GET", "/projects/{project}/endpoints/{uid}/rows.csv", rows_csv,
        "The same rows as CSV, at most 10,000.", RowsShown, kind=Kind.RAW,
    ),
)  # fmt: skip
