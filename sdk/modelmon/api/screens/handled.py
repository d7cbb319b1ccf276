"""Buttons of the page of an incident: at it, not at it, a note, over, an action after all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.responses import RedirectResponse, Response

from modelmon.api.asked import Asked
from modelmon.api.frame import address
from modelmon.api.parameters import NoParameters
from modelmon.api.problems import Problem
from modelmon.api.rest.paging import whole_number
from modelmon.api.roles import Role
from modelmon.api.routes import Kind, Route
from modelmon.model_monitoring import action_runs, handling
from modelmon.views.incidents import Incident

LENGTHS = {"": "until it is over or gets worse", "1h": "for an hour", "4h": "for 4 hours", "1d": "for a day"}
_DO: Mapping[str, Callable[[Asked, int, str], Incident]] = {
    "acknowledge": lambda asked, number, note: handling.acknowledge(
        asked.settings, number, note, until=asked.form.get("until") or None, who=asked.who
    ),
    "give back": lambda asked, number, note: handling.give_back(asked.settings, number, asked.who),
    "note": lambda asked, number, note: handling.add_note(asked.settings, number, note, asked.who),
    "resolve": lambda asked, number, note: handling.resolve(asked.settings, number, note, asked.who),
}


def handle(asked: Asked, parameters: NoParameters) -> Response:
    """What the button says is done, and back to the page."""
    number, what = _number(asked), asked.form.get("do", "")
    if what not in _DO:
        raise Problem(400, f"do: must be one of {', '.join(_DO)}, got {what!r}", "do")
    _DO[what](asked, number, asked.form.get("note", "").strip())
    return RedirectResponse(f"{address(asked, 'incidents', str(number))}#people", 303)


def rerun(asked: Asked, parameters: NoParameters) -> Response:
    """The action is started after all, and back to the page."""
    number = _number(asked)
    action_runs.retry_run(asked.settings, asked.form.get("run", ""), asked.who)
    return RedirectResponse(f"{address(asked, 'incidents', str(number))}#actions", 303)


def _number(asked: Asked) -> int:
    number = whole_number(asked.path["number"])
    if number is None:
        raise Problem(404, f"there is no incident {asked.path['number']!r}; the list shows which there are")
    return number


ROUTES = (
    Route(
        "POST", "/projects/{project}/incidents/{number}/handle", handle,
        "Be at an incident or not, write a note, or end it.", role=Role.OPERATOR, audits=True, kind=Kind.PAGE,
    ),
    Route(
        "POST", "/projects/{project}/incidents/{number}/rerun", rerun,
        "Have an action of an incident started after all.", role=Role.OPERATOR, audits=True, kind=Kind.PAGE,
    ),
)  # fmt: skip
