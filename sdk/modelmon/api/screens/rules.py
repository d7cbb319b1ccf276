"""Rules: which count, what each looks at now, and the alerts.yaml that they stand in, to be changed."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import RedirectResponse, Response

from modelmon.alerting import Alerts, read_alerts
from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of
from modelmon.api.parameters import NoParameters
from modelmon.api.problems import Problem
from modelmon.api.roles import Role
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.alert_tabs import RULES, alert_tabs
from modelmon.api.time_range import Ranged
from modelmon.checked_yaml.findings import Finding
from modelmon.errors import ConfigError
from modelmon.ledger.alert_files import AlertFile
from modelmon.model_monitoring import alert_rules, alerts
from modelmon.views.alert_rules import AlertRule

NEW = """\
format: 1
channels: {}
rules: []
"""
LONGEST = 200_000
"""So much of a file is changed on a page; what is longer by `modelmon alerts set`."""


def rules(asked: Asked, shown: Ranged) -> Page:
    """What counts, and the file."""
    file = _newest(asked)
    return _page(asked, shown, file.text if file else "", ())


def change(asked: Asked, parameters: NoParameters) -> Page | Response:
    """Check what was written, or have it count if it has no mistake."""
    form = asked.form
    text = form.get("text", "").replace("\r\n", "\n")
    found = alert_rules.check_beside(asked.settings, text).findings
    if form.get("do") != "set" or any(each.level == "error" for each in found):
        return _page(asked, Ranged(), text, found, checked=True)
    _check_role(asked, text)
    alerts.set_alerts(asked.settings, text, asked.who)
    return RedirectResponse(address(asked, "rules"), 303)


def _page(
    asked: Asked, shown: Ranged, text: str, found: tuple[Finding, ...], *, checked: bool = False
) -> Page:
    problem, listed = "", tuple[AlertRule, ...]()
    try:
        listed = alert_rules.list_rules(asked.settings)
    except ConfigError as error:  # a file of a later version
        problem = str(error)
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "incidents", shown)
    file = _newest(asked)
    values = {
        "frame": frame, "rules": listed, "problem": problem, "text": text or NEW, "findings": found,
        "checked": checked, "file": file, "set_at": alerts.shown_file(file).at if file else None,
        "too_long": len(text) > LONGEST, "alert_tabs": alert_tabs(asked, RULES),
        "here": address(asked, "rules"),
        "endpoint": lambda name: address(asked, "endpoints", q=name),
        "may_act": asked.user.role >= Role.OPERATOR, "may_all": asked.user.role >= Role.ADMIN,
        "form_token": asked.form_token,
    }  # fmt: skip
    return Page("rules.html", values)


def _newest(asked: Asked) -> AlertFile | None:
    return next(iter(alerts.alert_versions(asked.settings, 1)), None)


def _check_role(asked: Asked, text: str) -> None:
    """An operator changes rules alone: what else is there says where secrets of this machine go."""
    if asked.user.role >= Role.ADMIN:
        return
    file = _newest(asked)
    before = file.alerts if file else Alerts()
    if replace(read_alerts(text), rules=()) != replace(before, rules=()):
        raise Problem(
            403, "this changes more than rules, and needs the role admin: channels and actions may send "
            "secrets of this machine somewhere",
        )  # fmt: skip


ROUTES = (
    Route(
        "GET", "/projects/{project}/rules", rules, "The rules that count, and what each looks at now.",
        Ranged, kind=Kind.PAGE,
    ),
    Route(
        "POST", "/projects/{project}/rules", change, "Check an alerts.yaml, or have it count.",
        role=Role.OPERATOR, audits=True, kind=Kind.PAGE,
    ),
)  # fmt: skip
