"""Models: what is served, by which endpoints, and what it is compared with."""

from __future__ import annotations

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, here, kept
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.time_range import Ranged
from modelmon.views.models import list_models


class ModelsShown(Ranged, kw_only=True, frozen=True):
    """Parameters of the list: `after` where the page before ended."""

    after: str = ""


def models(asked: Asked, shown: ModelsShown) -> Page:
    """A line for each endpoint, in the order of their models."""
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "models", shown)
        page = list_models(connection, after=shown.after)
    values = {
        "frame": frame, "page": page, "kept": kept(asked),
        "compare": address(asked, "compare").partition("?")[0],
        "more": here(asked, after=page.after) if page.after else "",
        "endpoint_of": lambda each: address(asked, "endpoints", each.endpoint_id),
    }  # fmt: skip
    return Page("models.html", values)


ROUTES = (
    Route(
        "GET", "/projects/{project}/models", models,
        "The models that are served, with what they are compared with.", ModelsShown, kind=Kind.PAGE,
    ),
)  # fmt: skip
