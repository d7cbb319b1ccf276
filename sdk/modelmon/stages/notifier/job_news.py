"""A challenger that waits for a person, and a run of a job that failed, as a line of a message.

They are of no incident, so no silence holds them back, and nobody's being at one; the quiet hours of the rule
that began it do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

import msgspec
from sqlalchemy import Connection

from modelmon.alerting import Alerts
from modelmon.errors import ConfigError
from modelmon.ledger import challengers, endpoints, job_runs, notices, outbox
from modelmon.ledger.challengers import AWAITING
from modelmon.ledger.job_runs import FAILED, TIMED_OUT
from modelmon.ledger.notices import DROPPED, Notice
from modelmon.ledger.outbox import Entry
from modelmon.model import from_us
from modelmon.notify import Line
from modelmon.private_columns import shown_error
from modelmon.settings import Settings
from modelmon.views.challenger_words import sentences
from modelmon.views.challengers import Challenger, one_challenger

FACTS = (outbox.CHALLENGER_WAITS, outbox.JOB_RUN_FAILED)
WHAT = (AWAITING, FAILED, TIMED_OUT)
"""What is said of them in a word, beside what happens to incidents."""
WAITS, DECIDED = "a challenger waits for a review", "it was decided on before anybody was told of it"
_CHALLENGER = "challenger:"
LONGEST = 400


def event_of(entry: Entry) -> str:
    """What is told once to each channel: of a challenger, or of a run."""
    body = entry.fact.body
    if entry.fact.kind == outbox.CHALLENGER_WAITS:
        return f"{_CHALLENGER}{body['challenger']}"
    return f"job:{body['run_id']}"


def line_of_job(connection: Connection, settings: Settings, entry: Entry, page_url: str) -> Line | None:
    """None where there is nothing to tell any more: somebody has decided, or it is gone."""
    base = f"{page_url.rstrip('/')}/projects/{quote(settings.project)}/challengers" if page_url else ""
    if entry.fact.kind == outbox.CHALLENGER_WAITS:
        return _waiting(connection, settings, entry, base)
    return _failed(connection, settings, entry, base)


def in_time(connection: Connection, alerts: Alerts, news: Sequence[Notice], now_us: int) -> list[Notice]:
    """What of this news is to be told now; a challenger that was decided on is not, and at quiet hours what
    is of no incident waits for their end."""
    kept = []
    for each in news:
        if each.incident_id:
            kept.append(each)
        elif _is_decided(connection, each):
            notices.settle(connection, [each], DROPPED, why=DECIDED)
        elif not alerts.hours_of(msgspec.json.decode(each.line, type=Line).rule).is_muted(from_us(now_us)):
            kept.append(each)
    return kept


def _is_decided(connection: Connection, news: Notice) -> bool:
    if not news.event.startswith(_CHALLENGER):
        return False
    try:
        return challengers.one(connection, int(news.event.removeprefix(_CHALLENGER))).state != AWAITING
    except ConfigError:  # its endpoint was forgotten
        return True


def _waiting(connection: Connection, settings: Settings, entry: Entry, base: str) -> Line | None:
    body = entry.fact.body
    try:
        found = one_challenger(connection, settings, body["challenger"])
    except ConfigError:
        return None
    if found.state != AWAITING:
        return None
    said = sentences(found.review)[0] if found.review else "It is not judged yet."
    return Line(
        AWAITING, "low", found.endpoint_name, "", f"{WAITS}\n{said}"[:LONGEST],
        tuple(_facts(connection, found, body["incident_id"])),
        f"Look at it beside the champion, then approve or reject it: modelmon challenger show {found.number}",
        f"{base}/{found.number}" if base else "", kind="challenger", rule=body["rule"],
        endpoint_id=found.endpoint_id,
    )  # fmt: skip


def _facts(connection: Connection, found: Challenger, incident_id: int) -> Iterator[tuple[str, str]]:
    yield "challenger", f"{found.model} (number {found.number})"
    endpoint = endpoints.get(connection, found.endpoint_id)
    yield (
        "champion",
        endpoint.model_uri.rpartition("/")[2] if endpoint and endpoint.model_uri else "not known",
    )
    if found.review and found.review.known:
        yield "judged on", f"{found.review.known:,} rows"
    if incident_id:
        yield "incident", f"{incident_id}"


def _failed(connection: Connection, settings: Settings, entry: Entry, base: str) -> Line | None:
    body = entry.fact.body
    run = job_runs.one_run(connection, body["run_id"])
    if run is None:
        return None
    name = body["endpoint_name"]
    facts = [("run", run.run_id[:8]), ("asked for by", run.who)]
    if body["challenger"]:
        facts.append(("logged before, and not judged", f"challenger {body['challenger']}"))
    if body["incident_id"]:
        facts.append(("incident", f"{body['incident_id']}"))
    return Line(
        run.state, "medium", name, "",
        f"the job {run.job} {_SAID[run.state]}\n{shown_error(settings, run.why)}"[:LONGEST], tuple(facts),
        f"Look at the log of {run.job}, then run it again: modelmon job run {run.job} --endpoint {name}",
        base, kind="job-run", rule=body["rule"], endpoint_id=run.endpoint_id,
    )  # fmt: skip


_SAID = {FAILED: "has failed", TIMED_OUT: "ran out of time"}
