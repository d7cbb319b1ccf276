"""Two endpoints side by side, for programs."""

from __future__ import annotations

from datetime import datetime

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem, refused
from modelmon.api.rest.mlrun.metric_values import Between, span_asked
from modelmon.api.routes import Route
from modelmon.errors import ConfigError
from modelmon.views.comparison import Comparison, read_comparison

BASE = "/api/v1/projects/{project}/comparison"


class Compared(Between, kw_only=True, frozen=True):
    """`endpoint` twice: two names or ids. `window`: a moment in the window whose features are compared;
    without one the newest that both have."""

    endpoint: tuple[str, ...] = ()
    window: datetime | None = None


def comparison(asked: Asked, wanted: Compared) -> Comparison:
    start, end = span_asked(asked, wanted)
    return compared(asked, wanted.endpoint, start, end, wanted.window)


def compared(
    asked: Asked, names: tuple[str, ...], start: datetime, end: datetime, window: datetime | None
) -> Comparison:
    """Raises Problem 400 unless two are named, 404 for one that is not there."""
    if len(names) != 2:
        raise Problem(400, f"endpoint: name two to be compared, got {len(names)}", "endpoint")
    if names[0] == names[1]:
        raise Problem(400, f"endpoint: {names[0]!r} is named twice; name two of them", "endpoint")
    try:
        return read_comparison(
            asked.database, asked.series, asked.looking, (names[0], names[1]), start, end, window
        )
    except ConfigError as error:
        raise refused(error, 404, "endpoint") from None


ROUTES = (
    Route(
        "GET", BASE, comparison, "Two endpoints on the same windows: facts, metrics, features, traffic.",
        Compared,
    ),
)  # fmt: skip
