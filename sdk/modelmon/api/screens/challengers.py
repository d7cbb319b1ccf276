"""Challengers: those that wait for a review, those that were decided on, and one beside the champion."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import RedirectResponse, Response

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, here
from modelmon.api.parameters import NoParameters
from modelmon.api.rest.challengers import decided, known_number
from modelmon.api.roles import Role
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.time_range import Ranged
from modelmon.charts import Sample, pair
from modelmon.charts.markup import Svg
from modelmon.ledger.challengers import APPROVED, AWAITING, DEPLOYED
from modelmon.ledger.registry import list_functions
from modelmon.model import ResultStatusApp
from modelmon.model_monitoring.telling import quietly
from modelmon.views.challenger_reviews import NOT_JUDGED, Review
from modelmon.views.challenger_words import CLASSES, left, metric_rows, sentences, standing
from modelmon.views.challengers import list_challengers, list_runs, one_challenger
from modelmon.views.endpoints import EndpointQuery, list_endpoints

PAGE, CHOICES = 50, 100
KIND = "job"


class ChallengersShown(Ranged, kw_only=True, frozen=True):
    """Parameters of the list: `after` where the page before ended."""

    after: str = ""


def challengers(asked: Asked, shown: ChallengersShown) -> Page:
    """The newest first, and the newest runs of jobs."""
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "models", shown)
        page = list_challengers(connection, asked.settings, PAGE, shown.after)
        runs = list_runs(connection, asked.settings)
        jobs = [each.name for each in list_functions(connection, KIND)]
        query = EndpointQuery(sort="name", limit=CHOICES)
        offered = list_endpoints(connection, asked.looking, query).endpoints if jobs else ()
    values = {
        "frame": frame, "page": page, "runs": runs,
        "of": lambda number: address(asked, "challengers", str(number)),
        "endpoint_of": lambda each: address(asked, "endpoints", each.endpoint_id),
        "more": here(asked, after=page.after) if page.after else "",
        "jobs": jobs, "names": dict.fromkeys(each.endpoint_name for each in offered),
        "ask": address(asked, "job-runs"),
        "may_act": asked.user.role >= Role.OPERATOR, "form_token": asked.form_token,
    }  # fmt: skip
    return Page("challengers.html", values)


def challenger(asked: Asked, ranged: Ranged) -> Page:
    """One beside the champion, and what a person can do with it."""
    number = known_number(asked)
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "models", ranged)
        found = one_challenger(connection, asked.settings, number)
    acts = {AWAITING: ("approve", "reject"), APPROVED: ("rollback",), DEPLOYED: ("rollback",)}
    values = {
        "frame": frame, "found": found, "standing": standing(found),
        "left": left(found),
        "unjudged": found.state == AWAITING and (not found.review or found.review.verdict == NOT_JUDGED),
        "said": sentences(found.review) if found.review else [],
        "metrics": metric_rows(found.review) if found.review else [],
        "chart": _chart(found.review) if found.review else None,
        "acts": [
            (each, address(asked, "challengers", str(number), each)) for each in acts.get(found.state, ())
        ],
        "may_act": asked.user.role >= Role.OPERATOR, "form_token": asked.form_token,
        "endpoint": address(asked, "endpoints", found.endpoint_id),
        "all": address(asked, "challengers"),
    }  # fmt: skip
    return Page("challenger.html", values)


def decide(asked: Asked, parameters: NoParameters) -> Response:
    """What was decided is done, and back to it."""
    what = asked.address.partition("?")[0].rpartition("/")[2]
    found = decided(asked, what, asked.form.get("comment", "").strip())
    return RedirectResponse(address(asked, "challengers", str(found.number)), 303)


def run_job(asked: Asked, parameters: NoParameters) -> Response:
    """A run is asked for, and back to the runs."""
    from modelmon.project.jobs import ask_run

    given = {name: asked.form.get(name, "").strip() for name in ("job", "endpoint", "start", "end")}
    with quietly():
        ask_run(
            asked.settings, given["job"], given["endpoint"], given["start"] or None, given["end"] or None,
            who=asked.who,
        )  # fmt: skip
    return RedirectResponse(f"{address(asked, 'challengers')}#runs", 303)


def _chart(review: Review) -> Svg | None:
    if len(review.spans) < 2:
        return None
    sides = [
        [Sample(each.start, each.end, _shown(getattr(each, name), review), ResultStatusApp.irrelevant.value)
         for each in review.spans]
        for name in ("champion", "challenger")
    ]  # fmt: skip
    what = "accuracy" if review.loss == CLASSES else review.loss
    start, end = review.spans[0].start, review.spans[-1].end
    return pair(
        sides[0], sides[1], start, max(end, start + timedelta(minutes=1)), label=what,
        names=("champion", "challenger"),
    )  # fmt: skip


def _shown(loss: float, review: Review) -> float:
    return 1 - loss if review.loss == CLASSES else loss


ROUTES = (
    Route(
        "GET", "/projects/{project}/challengers", challengers,
        "The models that wait to take the place of served ones, and the runs of jobs.", ChallengersShown,
        kind=Kind.PAGE,
    ),
    Route(
        "GET", "/projects/{project}/challengers/{number}", challenger,
        "A challenger beside the champion.", Ranged, kind=Kind.PAGE,
    ),
    Route(
        "POST", "/projects/{project}/job-runs", run_job, "Ask for a run of a job.",
        role=Role.OPERATOR, audits=True, kind=Kind.PAGE,
    ),
    *(
        Route(
            "POST", f"/projects/{{project}}/challengers/{{number}}/{what}", decide, words,
            role=Role.OPERATOR, audits=True, kind=Kind.PAGE,
        )
        for what, words in {
            "approve": "Have a challenger take the place of the champion.",
            "reject": "Say that a challenger is not wanted.",
            "rollback": "Bring the champion back.",
        }.items()
    ),
)  # fmt: skip
