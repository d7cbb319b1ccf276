"""The service app: whether all the expected requests came, were answered, and in time."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from modelmon.alarm_budget import read_budget
from modelmon.apps.base import ModelMonitoringApplicationBase
from modelmon.apps.no_verdict import is_incomplete
from modelmon.apps.results import (
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationResult,
    Output,
)
from modelmon.apps.service_limits import ServiceLimits
from modelmon.apps.service_questions import NO_PAST, Answer, ask
from modelmon.ledger.requirements import EMPTY_WINDOWS
from modelmon.model import ResultKindApp, ResultStatusApp
from modelmon.stats.expected_counts import LEAST_SPANS

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.apps.window_traffic import WindowTraffic

PERCENTILES = {"latency_p50_ms": 0.5, "latency_p95_ms": 0.95, "latency_p99_ms": 0.99}
AT_MOST_SUSPECTED = ("traffic_surplus",)
"""More requests than usual harm nobody by themselves."""
NEXT = {
    "traffic_missing": "Do the clients still send? Look at the streams' lag, and at missing events.",
    "traffic_surplus": "Which client sends more? A loop of retries, a replay, or a new one.",
    "error_share": "Look at the last error on the overview, and at what was deployed just before.",
    "lost_events": "Was a model server killed, or its buffer full? Its log and `modelmon health` say so.",
    "slow_requests": "Look at the latency chart, and at what was deployed or changed when it began.",
}

NEXT_OF = {
    "incomplete": "wait for the rest of the window, which is judged again then",
    **dict.fromkeys(("warming up", "too few requests"), "judge longer windows: there are too few requests"),
    "no requests in past weeks": "nothing: requests at a time that never had any are judged in later weeks",
    "no latencies": "have the publisher send how long each request took",
    "no numbers": "publish by `set_tracking`, which numbers events, to see what is lost on the way",
    NO_PAST: f"wait for {LEAST_SPANS} like windows of past weeks, or give the app a limit",
}
CALM = "nothing: what would have been seen stands here all the same"


class ServiceApplication(ModelMonitoringApplicationBase):
    """Judges the traffic of each window against the same time of past weeks, within the endpoint's budget.

    Results, all of kind `system_performance`:

    - `traffic_missing`: the share of the expected requests that did not come;
    - `traffic_surplus`: how many more came than were expected, as a share; suspected at most;
    - `error_share`: the share of the requests that failed;
    - `slow_requests`: the share that took longer than nearly all do in past weeks;
    - `lost_events`: the share of the events that their publishers numbered and that never came.

    Metrics: `requests_per_minute`, `latency_p50_ms`, `latency_p95_ms`, `latency_p99_ms`. Until there are six
    like windows, the results have no verdict but for the limits that were given:

    - `max_error_share`: at most this share may fail;
    - `slow_ms` and `max_slow_share` (0.05): at most this share may take so long;
    - `alarm_budget`: a budget of the app's own, like `1 a month`.

    A window without rows is judged where rows are expected: the endpoint had some at that time in two of the
    past four weeks, and was heard in the last one. Where nobody at all is heard, that is told instead.
    """

    requires: Collection[str] = frozenset({EMPTY_WINDOWS})

    def __init__(
        self,
        max_error_share: float | None = None,
        slow_ms: float | None = None,
        max_slow_share: float = 0.05,
        alarm_budget: str | float | None = None,
    ) -> None:
        self._limits = ServiceLimits(max_error_share, slow_ms, max_slow_share)
        self._budget = None if alarm_budget is None else read_budget(alarm_budget)

    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> list[Output]:
        context = monitoring_context
        now = context.traffic
        budget = context.budget(self._budget)
        answers = ask(now, context.like_traffic, budget.probability, self._limits)
        about = {"rows": now.attempts, "budget": budget.shown()}
        return [*(_result(each, context, about) for each in answers), *_metrics(now, context)]


def _result(
    answer: Answer, context: MonitoringApplicationContext, about: dict[str, Any]
) -> ModelMonitoringApplicationResult:
    state = "incomplete" if is_incomplete(context) else answer.state
    if not (state or answer.is_broken) and context.rows < context.settings.app_min_rows:
        state = "warming up"  # so few show little, as everywhere else
    worst = answer.name not in AT_MOST_SUSPECTED
    told = {name: getattr(answer, name) for name in ("compared", "found", "why", "power")}
    extra = {**{name: text for name, text in told.items() if text}, **answer.detail, **about}
    if answer.threshold is not None:
        extra["detected_threshold" if worst else "potential_threshold"] = answer.threshold
    extra["next"] = NEXT[answer.name] if answer.is_broken else NEXT_OF.get(state, CALM)
    status = ResultStatusApp.irrelevant if state else _status(answer, worst)
    extra = {"state": state, **extra} if state else extra
    return ModelMonitoringApplicationResult(
        answer.name, answer.value, ResultKindApp.system_performance, status, extra
    )


def _status(answer: Answer, worst: bool) -> ResultStatusApp:
    if not answer.is_broken:
        return ResultStatusApp.no_detection
    return ResultStatusApp.detected if worst else ResultStatusApp.potential_detection


def _metrics(
    now: WindowTraffic, context: MonitoringApplicationContext
) -> list[ModelMonitoringApplicationMetric]:
    minutes = (context.window.end - context.window.start).total_seconds() / 60
    found = {"requests_per_minute": (now.estimated_requests + now.errors) / minutes}
    times = {name: now.percentile_ms(share) for name, share in PERCENTILES.items()}
    found |= {name: value for name, value in times.items() if value is not None}
    return [ModelMonitoringApplicationMetric(name, value) for name, value in found.items()]
