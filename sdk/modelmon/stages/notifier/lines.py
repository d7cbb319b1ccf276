"""A fact of the outbox as a line of a message: what happened, where, what was found, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from modelmon.alerting.rules import Rule
from modelmon.counting import count
from modelmon.incidents import FLAPPING, TAKEN_BACK, Flapping, is_failure
from modelmon.ledger import outbox
from modelmon.ledger.outbox import Fact
from modelmon.notify import Line
from modelmon.views.result_evidence import Evidence, evidence_of
from modelmon.views.results_in_words import beginning, extra_data, first_line, words

RESOLVED, GOES_ON = "resolved", "goes on"
WHAT = {
    outbox.INCIDENT_RAISED: "raised",
    outbox.INCIDENT_ESCALATED: "worse",
    outbox.INCIDENT_FLAPPING: FLAPPING,
    outbox.INCIDENT_RESOLVED: RESOLVED,
}
"""Facts that are told; that something has eased is shown on the page alone."""
MOST_FOUND, MOST_CAUSES = 3, 2
_NAMED = re.compile(r"\{\{\s*(project|name|entity)\s*\}\}")
LONGEST = 400


def what_of(fact: Fact) -> str:
    """What happened to the incident of a fact, in a word; "" where nobody is told."""
    is_back = fact.kind in WHAT and fact.body["why"] == TAKEN_BACK
    return GOES_ON if is_back else WHAT.get(fact.kind, "")


def line_of(
    body: Mapping[str, Any],
    what: str,
    project: str,
    page_url: str,
    rows: int | None,
    rule: Rule | None,
    over: str = "",
) -> Line:
    """The line of a fact about an incident, from its `body`; `rows` of its window, or None; `over`: why it is
    over, in words."""
    detail = extra_data(body["detail"])
    evidence = evidence_of(detail)
    summary = _summary(rule, project, body) if rule else ""
    return Line(
        what=what,
        severity=body["severity"],
        endpoint=body["endpoint_name"] or body["endpoint_id"] or f"project {project}",
        application=body["application_name"],
        found="\n".join(filter(None, (summary, _found(body, evidence, is_over=what == RESOLVED)))),
        facts=tuple(_facts(body, evidence, rows, rule, over, beginning(detail))),
        todo=evidence.next if what != RESOLVED else "",
        link=incident_link(page_url, project, body["incident_id"]),
        incident_id=body["incident_id"],
        kind=body["kind"],
        rule=body["rule"],
        endpoint_id=body["endpoint_id"],
        window=_window(body),
        report=_report_link(page_url, project, body) if what != RESOLVED else "",
    )


def _summary(rule: Rule, project: str, body: Mapping[str, Any]) -> str:
    """The rule's words, with what MLRun's summaries have names for."""
    entity = ", ".join(
        str(body[each]) for each in ("endpoint_name", "application_name", "result_name") if body.get(each)
    )
    words = {"project": project, "name": rule.called or rule.name, "entity": entity}
    return _NAMED.sub(lambda found: words[found[1]], rule.summary)


def incident_link(page_url: str, project: str, incident_id: int) -> str:
    """The page of an incident; "" where nobody said where the page is. A link only opens a page: programs
    that look into mails follow links."""
    return f"{page_url.rstrip('/')}/projects/{quote(project)}/incidents/{incident_id}" if page_url else ""


def span_of(application_name: str) -> str:
    """What is judged at a time: a window by an app, a minute by a rule that looks by the clock."""
    return "window" if application_name else "minute"


def _report_link(page_url: str, project: str, body: Mapping[str, Any]) -> str:
    """The report on the window, as a file; "" where no app has judged one."""
    failed = is_failure(body["application_name"], body["result_name"])
    window = _window(body)
    if not page_url or not window or failed:
        return ""
    place = f"{page_url.rstrip('/')}/projects/{quote(project)}/endpoints/{quote(body['endpoint_id'])}"
    return f"{place}/report.html?{urlencode({'window': window})}"


def _window(body: Mapping[str, Any]) -> str:
    """When the window begins that an app has judged; "" of what is seen by the clock."""
    said = body["start_infer_time"] if body["application_name"] else ""
    return f"{datetime.fromisoformat(said):%Y-%m-%dT%H:%M:%SZ}" if said else ""


def trouble(kind: str) -> str:
    """What kind of trouble it is, however bad.

    >>> trouble("data-drift-suspected"), trouble("mm-app-failed")
    ('data drift', 'app failed')
    """
    return kind.removesuffix("-suspected").removesuffix("-detected").removeprefix("mm-").replace("-", " ")


def _found(body: Mapping[str, Any], evidence: Evidence, *, is_over: bool) -> str:
    """What its worst window said; where it is over, that is not the window which is told beside it."""
    if is_failure(body["application_name"], body["result_name"]):
        return f"{body['application_name']} failed: {first_line(body['detail'])}"[:LONGEST]
    value = body["result_value"]
    said = "" if value is None else words(body["result_name"], value, body["detail"])
    more = "; ".join(evidence.found[:MOST_FOUND])
    found = ": ".join(filter(None, (said, more)))
    return (f"at worst {found}" if is_over and found else found)[:LONGEST]


def _facts(
    body: Mapping[str, Any],
    evidence: Evidence,
    rows: int | None,
    rule: Rule | None,
    over: str,
    began: datetime | None,
) -> Iterator[tuple[str, str]]:
    if body["start_infer_time"] and body["end_infer_time"]:
        yield "window", f"{_minute(body['start_infer_time'])} to {_minute(body['end_infer_time'])} UTC"
    if rows is not None:
        yield "rows", f"{rows:,}"
    yield "since", f"{_minute(began.isoformat() if began else body['first'])} UTC"
    if body["windows"] > 1:
        yield f"bad {span_of(body['application_name'])}s", f"{body['windows']:,}"
    if body.get("flapping") and not body["reason"]:  # facts of before know nothing of it
        yield "flapping", _held_open(body, rule)
    if over:
        yield "why over", over[:LONGEST]
    if evidence.causes:
        yield "cause", "; ".join(evidence.causes[:MOST_CAUSES])
    if evidence.why:
        yield "threshold", _threshold(evidence.why)
    if rule is not None and rule.runbook:
        yield "runbook", rule.runbook


def _held_open(body: Mapping[str, Any], rule: Rule | None) -> str:
    numbers = (rule.flapping if rule else None) or Flapping()
    calm = count(numbers.calm, f"calm {span_of(body['application_name'])}")
    return f"it comes and goes; held open, and told no more, until {calm} in a row"


def _threshold(why: str) -> str:
    """The limit itself: how it was come by stands on the page, and helps nobody at night.

    >>> _threshold("1 is the least that alarms: the budget '1 a month' lets 1 of 4,320 windows alarm falsely")
    '1 is the least that alarms'
    >>> _threshold("the rule: nothing came for 2 h or more")
    'nothing came for 2 h or more'
    """
    first, _, rest = why.partition(": ")
    return (rest if first == "the rule" else first)[:LONGEST]


def _minute(moment: str) -> str:
    """To the minute, in UTC, as the page shows it.

    >>> _minute("2023-11-14T22:20:00+00:00")
    '2023-11-14 22:20'
    """
    return moment[:16].replace("T", " ")
