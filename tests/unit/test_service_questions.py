"""What the service app asks of a window's traffic: against past weeks, or limits that were given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from modelmon.apps.service_limits import ServiceLimits
from modelmon.apps.service_questions import LOST, NO_PAST, QUESTIONS, Answer, ask
from modelmon.apps.window_traffic import HOUR_US, WEEK_US, WindowTraffic, like_spans
from modelmon.errors import ConfigError

ALPHA = 1e-4
START = datetime(2026, 11, 30, 12, tzinfo=UTC)
NO_LIMITS = ServiceLimits()


def traffic(
    requests: int, errors: int = 0, slow: int = 0, start: datetime = START, sampled: float = 1.0
) -> WindowTraffic:
    """Answered requests take 1 to 2 ms, or 65 to 131 ms where they are slow."""
    histogram = [0] * 18
    histogram[11], histogram[17] = requests - slow, slow
    end = start + timedelta(hours=1)
    return WindowTraffic(
        start, end, requests, requests, errors, requests * sampled, tuple(histogram), 131_000
    )


def past(
    level: float = 1_000, errors: float = 2, slow: float = 10, seed: int = 1, many: int = 20
) -> list[WindowTraffic]:
    random = np.random.default_rng(seed)
    return [
        traffic(
            int(random.poisson(level)), int(random.poisson(errors)), int(random.poisson(slow)),
            START - timedelta(weeks=1 + number % 4),
        )
        for number in range(many)
    ]  # fmt: skip


def answers(
    now: WindowTraffic, like: Sequence[WindowTraffic], limits: ServiceLimits = NO_LIMITS
) -> dict[str, Answer]:
    return {each.name: each for each in ask(now, like, ALPHA, limits)}


def test_a_window_like_those_of_past_weeks_is_calm_in_every_question() -> None:
    found = answers(traffic(1_000, 2, 10), past())
    lost = found.pop(LOST)
    assert (lost.state, lost.value) == ("no numbers", 0)
    assert list(found) == list(QUESTIONS)
    assert not any(each.is_broken or each.state for each in found.values())
    for each in found.values():
        assert each.threshold is not None
        assert each.value < each.threshold
        assert all((each.compared, each.found, each.why, each.power)), each


@pytest.mark.parametrize(
    ("now", "broken"),
    [
        (traffic(600, 2, 6), {"traffic_missing"}),
        (traffic(1_700, 3, 17), {"traffic_surplus"}),
        (traffic(960, 40, 10), {"error_share"}),
        (traffic(1_000, 2, 60), {"slow_requests"}),
        (traffic(0, 1_000), {"error_share"}),
    ],
    ids=["fewer", "more", "failing", "slow", "all failing"],
)
def test_each_trouble_breaks_its_own_question(now: WindowTraffic, broken: set[str]) -> None:
    assert {
        name for name, each in answers(now, past()).items() if each.is_broken and not each.state
    } == broken


def test_from_the_threshold_on_it_is_an_alarm_and_not_before() -> None:
    like = past()
    first = answers(traffic(1_000, 2, 10), like)["traffic_missing"]
    least = first.detail["least"]
    assert answers(traffic(int(least) - 3), like)["traffic_missing"].is_broken
    assert not answers(traffic(int(least) + 3), like)["traffic_missing"].is_broken
    errors = first_errors(like)
    assert not answers(traffic(1_000, errors - 1), like)["error_share"].is_broken


def first_errors(like: Sequence[WindowTraffic]) -> int:
    return next(
        many for many in range(1, 200) if answers(traffic(1_000, many), like)["error_share"].is_broken
    )


def test_without_past_weeks_there_is_no_verdict_and_never_a_calm_one() -> None:
    for like in ([], past(many=5)):
        found = answers(traffic(1_000, 900, 900), like)
        assert {each.state for name, each in found.items() if name != LOST} == {NO_PAST}
        assert "6 are needed" in found["traffic_missing"].found


def test_a_service_of_few_requests_is_said_to_be_too_quiet() -> None:
    quiet = [traffic(2) for _ in range(20)]
    found = answers(traffic(0, 1), quiet)
    assert found["traffic_missing"].state == "too few requests"
    assert found["error_share"].state == NO_PAST, "spans of two requests say nothing of errors"


def test_a_bad_hour_of_past_weeks_is_not_worth_an_alarm_when_it_comes_again() -> None:
    like = [*past()[1:], traffic(1_000, 300)]
    assert not answers(traffic(1_000, 250), like)["error_share"].is_broken
    assert answers(traffic(1_000, 250), past())["error_share"].is_broken


@pytest.mark.parametrize(
    ("lost", "value", "broken"), [(0, 0.0, False), (10, 10 / 1_010, False), (11, 11 / 1_011, True)]
)
def test_events_that_publishers_numbered_and_that_never_came_are_counted_without_any_past(
    lost: int, value: float, broken: bool
) -> None:
    found = answers(replace(traffic(1_000), lost=lost), [])[LOST]
    assert (found.value, found.is_broken, found.state) == (value, broken, "")
    assert found.found.startswith(f"{lost:,} of {1_000 + lost:,} events that were published never came")


def test_where_all_events_are_lost_that_is_all_of_them() -> None:
    assert answers(replace(traffic(0), lost=7), [])[LOST].value == 1
    assert answers(replace(traffic(0), lost=0), [])[LOST].value == 0


def test_limits_that_were_given_are_judged_without_any_past() -> None:
    limits = ServiceLimits(max_error_share=0.01, slow_ms=50, max_slow_share=0.05)
    bad = answers(traffic(1_000, 100, 200), [], limits)
    assert bad["error_share"].is_broken
    assert bad["slow_requests"].is_broken
    assert bad["error_share"].compared == "a limit of 1 % that was given"
    good = answers(traffic(1_000, 10, 50), [], limits)
    assert not good["error_share"].is_broken, "at the limit"
    assert not good["slow_requests"].is_broken


def test_a_limit_of_none_is_broken_by_one() -> None:
    assert answers(traffic(10, 1), [], ServiceLimits(max_error_share=0.0))["error_share"].is_broken


def test_requests_that_tell_no_latency_are_not_fast() -> None:
    silent = WindowTraffic(START, START + timedelta(hours=1), 1_000, 1_000, 0, 1_000.0)
    assert answers(silent, past())["slow_requests"].state == "no latencies"
    assert silent.percentile_ms(0.95) is None


def test_another_share_of_sampling_is_no_other_traffic() -> None:
    now = traffic(100, sampled=10.0)
    assert not answers(now, past(errors=0))["traffic_missing"].is_broken
    assert not answers(now, past(errors=0))["traffic_surplus"].is_broken


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_error_share": 1.0}, {"max_error_share": -0.1}, {"max_error_share": "1 %"}, {"slow_ms": 0},
        {"slow_ms": float("nan")}, {"slow_ms": True}, {"max_slow_share": float("inf")}, {"slow_ms": 1e12},
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        ServiceLimits(**arguments)


@pytest.mark.slow
def test_false_alarms_of_all_questions_together_stay_within_the_budget() -> None:
    """A budget of a twentieth, three hundred windows: more than 26 have a probability of 0.002 at 0.05."""
    alarms = 0
    for seed in range(300):
        now, *like = past(300, 3, 5, seed=seed, many=21)
        alarms += any(each.is_broken and not each.state for each in ask(now, like, 0.05, NO_LIMITS))
    assert alarms <= 26


@pytest.mark.parametrize(("hours", "many"), [(1 / 6, 20), (1, 20), (3, 12), (24, 8), (168, 8), (400, 8)])
def test_like_windows_are_of_the_same_hours_of_past_weeks_and_of_the_past_alone(
    hours: float, many: int
) -> None:
    length, start = round(hours * HOUR_US), 200 * WEEK_US
    spans = like_spans(start, start + length)
    assert len(spans) == len(set(spans)) == many
    for first, last in spans:
        assert last - first == length
        assert last <= start
        away = min((start - first) % WEEK_US, -(start - first) % WEEK_US)
        assert away <= 2 * length
    assert like_spans(0, length) == []
