"""Silences: those that hold and those that are over; one is tried before it is made."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from modelmon.alerting.rules import KINDS, Match
from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, kept
from modelmon.api.parameters import NoParameters
from modelmon.api.problems import Problem
from modelmon.api.rest.paging import whole_number
from modelmon.api.roles import Role
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.alert_tabs import SILENCES, alert_tabs
from modelmon.api.time_range import Ranged
from modelmon.errors import ConfigError
from modelmon.model_monitoring import silencing
from modelmon.views.silences import SilencePreview, list_silences

SHOWN = 200
LENGTHS = {
    "1h": "an hour", "4h": "4 hours", "8h": "8 hours", "1d": "a day", "3d": "3 days", "7d": "a week",
}  # fmt: skip
FIELDS = {
    "endpoints": "Endpoint", "apps": "App", "results": "Result", "functions": "Function", "kinds": "Kind",
    "label": "Label",
}  # fmt: skip


class SilencesShown(Ranged, kw_only=True, frozen=True):
    """Parameters: what one that is tried hits, a pattern each, `label` as team=ads; else of `incident`."""

    endpoints: str = ""
    apps: str = ""
    results: str = ""
    functions: str = ""
    kinds: str = ""
    label: str = ""
    incident: str = ""


def silences(asked: Asked, shown: SilencesShown) -> Page:
    """The list, and what one that is tried would hit."""
    fields = {name: getattr(shown, name) for name in FIELDS}
    tried, problem = _tried(asked, fields, shown.incident)
    if tried is not None:
        fields = _fields(tried.match)
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "incidents", shown)
        found = list_silences(connection, asked.now_us, SHOWN)
    values = {
        "frame": frame, "silences": found, "fields": [(*each, fields[each[0]]) for each in FIELDS.items()],
        "kinds": KINDS, "tried": tried, "problem": problem, "lengths": LENGTHS, "kept": kept(asked).items(),
        "alert_tabs": alert_tabs(asked, SILENCES), "add": address(asked, "silences"),
        "of": lambda each: address(asked, "incidents", str(each.incident_id)),
        "end": lambda each: address(asked, "silences", str(each.silence_id), "end"),
        "may_act": asked.user.role >= Role.OPERATOR, "form_token": asked.form_token,
    }  # fmt: skip
    return Page("silences.html", values)


def add(asked: Asked, parameters: NoParameters) -> Response:
    """One is made of what was tried, and back to the list."""
    form = asked.form
    match = _match({name: form.get(name, "") for name in FIELDS})
    silencing.silence(
        asked.settings, match, form.get("until") or None, form.get("note", "").strip(), who=asked.who
    )
    return RedirectResponse(address(asked, "silences"), 303)


def end(asked: Asked, parameters: NoParameters) -> Response:
    """One is over, and back to the list."""
    number = whole_number(asked.path["number"])
    if number is None:
        raise Problem(404, f"there is no silence {asked.path['number']!r}; the list shows which there are")
    silencing.end_silence(asked.settings, number, asked.who)
    return RedirectResponse(address(asked, "silences"), 303)


def _tried(asked: Asked, fields: dict[str, str], incident: str) -> tuple[SilencePreview | None, str]:
    """What it would hit, or what is wrong with it; nothing of either where nothing is tried."""
    if not incident and not any(fields.values()):
        return None, ""
    number = whole_number(incident) if incident else None
    if incident and number is None:
        return None, f"there is no incident {incident!r}"
    try:
        return silencing.preview(asked.settings, _match(fields), incident_id=number), ""
    except ConfigError as error:
        return None, str(error)


def _match(fields: dict[str, str]) -> Match:
    label, sign, pattern = fields["label"].partition("=")
    if fields["label"] and not sign:
        raise ConfigError(f"label: must be a name with a pattern, as team=ads, got {fields['label']!r}")
    given = {name: each or None for name, each in fields.items() if name != "label"}
    return silencing.match_of(**given, labels={label: pattern} if label else None)


def _fields(match: Match) -> dict[str, str]:
    """As the form shows it; one pattern each is what the form gave."""
    said = {name: next(iter(getattr(match, name)), "") for name in FIELDS if name != "label"}
    return {**said, "label": next((f"{name}={each}" for name, each in match.labels.items()), "")}


ROUTES = (
    Route(
        "GET", "/projects/{project}/silences", silences, "The silences, and what one would hit.",
        SilencesShown, kind=Kind.PAGE,
    ),
    Route(
        "POST", "/projects/{project}/silences", add, "Make a silence.",
        role=Role.OPERATOR, audits=True, kind=Kind.PAGE,
    ),
    Route(
        "POST", "/projects/{project}/silences/{number}/end", end, "End a silence before its time.",
        role=Role.OPERATOR, audits=True, kind=Kind.PAGE,
    ),
)  # fmt: skip
