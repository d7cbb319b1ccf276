"""Models: what was logged, what is served by which endpoints, and what it is compared with."""

from __future__ import annotations

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, here, kept, of_api
from modelmon.api.rest.models import ShownModel, logged_models
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.time_range import Ranged
from modelmon.ledger.challengers import AWAITING
from modelmon.views.challengers import list_challengers
from modelmon.views.models import list_models

LOGGED = 50


class ModelsShown(Ranged, kw_only=True, frozen=True):
    """Parameters of the list: `after` where the page before ended, `logged-after` that of logged models."""

    after: str = ""
    logged_after: str = ""


def models(asked: Asked, shown: ModelsShown) -> Page:
    """A line for each endpoint, in the order of their models, and those that were logged with their files."""
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "models", shown)
        page = list_models(connection, after=shown.after)
        known = list_challengers(connection, asked.settings).challengers
    logged = logged_models(asked.settings, LOGGED, shown.logged_after)
    values = {
        "challengers": address(asked, "challengers"), "challenging": len(known),
        "awaiting": sum(each.state == AWAITING for each in known),
        "left": sum(each.is_left for each in known),
        "frame": frame, "page": page, "kept": kept(asked),
        "compare": address(asked, "compare").partition("?")[0],
        "logged": [(each, _files(asked, each)) for each in logged.models],
        "more_logged": here(asked, **{"logged-after": logged.after}) if logged.after else "",
        "more": here(asked, after=page.after) if page.after else "",
        "endpoint_of": lambda each: address(asked, "endpoints", each.endpoint_id),
    }  # fmt: skip
    return Page("models.html", values)


def _files(asked: Asked, model: ShownModel) -> list[tuple[str, int, str]]:
    """Name and bytes of each, and where it is downloaded."""
    return [
        (name, size, of_api(asked, "models", model.key, "files", *name.split("/")))
        for name, size in model.files.items()
    ]


ROUTES = (
    Route(
        "GET", "/projects/{project}/models", models,
        "The models that are served, with what they are compared with.", ModelsShown, kind=Kind.PAGE,
    ),
)  # fmt: skip
