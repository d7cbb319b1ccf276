"""The service app: against the same hours of past weeks, as they are stored; and what has no verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelmon.apps import ResultKindApp, ServiceApplication
from modelmon.apps.window_traffic import WEEK_US, TrafficReader
from modelmon.errors import ConfigError
from modelmon.ledger import schema
from modelmon.ledger.lost_events import Span, note_lost
from modelmon.ledger.publishers import note_numbers
from modelmon.model import MINUTE_US, BatchRange, TrafficPoint, ValuePoint, Window, to_us, wall_clock_us
from modelmon.sql.statements import upsert
from modelmon.stores.series import open_series
from modelmon.testing import Judgement, run_app
from query_counter import counted
from unit.test_apps_stage import END, START, Project, project  # noqa: F401 - a fixture

RESULTS = ("traffic_missing", "traffic_surplus", "error_share", "slow_requests")
WINDOW = Window(START, END)


def judged(many: int = 500, *, app: ServiceApplication | None = None, **columns: Any) -> Judgement:
    sample = pd.DataFrame({"x": np.arange(many), "latency": 1_500}).assign(**columns)
    return run_app(app or ServiceApplication(), sample, None, start=START, end=END)


def test_without_past_weeks_there_is_no_verdict_but_for_limits_that_were_given() -> None:
    found = judged()
    for name in RESULTS:
        result = found.assert_status(name, "irrelevant")
        assert result.kind == ResultKindApp.system_performance
        assert result.extra_data["state"] == "no past weeks yet"
        assert result.extra_data["budget"]["words"] == "1 a month"
    limited = judged(
        app=ServiceApplication(slow_ms=10, max_slow_share=0.01), latency=[*[90_000] * 50, *[1_500] * 450]
    )
    slow = limited.assert_status("slow_requests", "detected")
    assert slow.value == 0.1
    assert slow.extra_data["found"].startswith("50 of 500 requests took 16.4 ms or longer; half took ")
    assert "deployed or changed" in slow.extra_data["next"]
    assert slow.extra_data["detected_threshold"] < 0.1


def test_percentiles_and_requests_a_minute_are_metrics() -> None:
    found = judged(600, latency=np.r_[np.full(590, 3_000), np.full(10, 40_000)])
    assert found.metric("requests_per_minute").value == 60
    assert 2.0 <= found.metric("latency_p50_ms").value <= 4.1
    assert 30 <= found.metric("latency_p99_ms").value <= 66
    silent = judged(600, latency=None)
    assert {output.name for output in silent.outputs} == {*RESULTS, "lost_events", "requests_per_minute"}
    assert silent.result("lost_events").extra_data["state"] == "no numbers"
    assert silent.result("slow_requests").extra_data["state"] == "no latencies"


@pytest.mark.parametrize("window_incomplete", [1, 2, 3])
def test_an_incomplete_window_has_no_verdict(window_incomplete: int) -> None:
    sample = pd.DataFrame({"x": range(500), "latency": 90_000})
    app = ServiceApplication(slow_ms=10)
    found = run_app(app, sample, None, start=START, end=END, window_incomplete=window_incomplete)
    assert found.assert_status("slow_requests", "irrelevant").extra_data["state"] == "incomplete"
    partial = run_app(app, sample, None, start=START, end=END, window_incomplete=window_incomplete | 4)
    partial.assert_status("slow_requests", "potential_detection")


@pytest.mark.parametrize("arguments", [{"slow_ms": -1}, {"max_error_share": 2}, {"alarm_budget": "often"}])
def test_what_can_not_be_is_told_at_the_start(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        ServiceApplication(**arguments)


# --- live: what is stored


def put_traffic(project: Project, minutes: dict[int, TrafficPoint], first_us: int) -> None:  # noqa: F811
    series = open_series(project.settings)
    batch = BatchRange("stream", 0, 0, 0)
    series.write_traffic(batch, list(minutes.values()))
    series.close()
    zero = dict.fromkeys(("received", "stored", "errors", "rejected", "late", "missing", "committed_us"), 0)
    row = {"endpoint_id": "e1", **zero, "first_request_us": first_us, "last_error": ""}
    with project.database.write() as connection:
        upsert(connection, schema.traffic, [row])


def minute(at_us: int, requests: int, errors: int = 0, slow: int = 0) -> TrafficPoint:
    histogram = [0] * 18
    histogram[11], histogram[17] = requests - slow, slow
    return TrafficPoint(
        "e1", at_us, requests, requests, errors, float(requests), requests, requests * 1_500, 131_000,
        tuple(histogram),
    )  # fmt: skip


def weeks(project: Project, now: dict[str, int], level: int = 60, many: int = 6) -> None:  # noqa: F811
    """Every minute within an hour of the window, in each of the past weeks, and the window itself."""
    random, start_us = np.random.default_rng(3), to_us(START)
    points = {}
    for week in range(1, many + 1):
        for place in range(-60, 70):
            at_us = start_us - week * WEEK_US + place * MINUTE_US
            points[at_us] = minute(at_us, int(random.poisson(level)), int(random.poisson(0.3)), 1)
    for place in range(10):
        points[start_us + place * MINUTE_US] = minute(start_us + place * MINUTE_US, **now)
    put_traffic(project, points, start_us - 52 * WEEK_US)


def test_requests_are_counted_where_each_has_many_rows(project: Project) -> None:  # noqa: F811
    """Three requests a minute of twenty rows, of which half were logged."""
    start_us = to_us(START)
    places = [start_us + place * MINUTE_US for place in range(10)]
    many = {at_us: replace(minute(at_us, 3), rows=60, estimated_predictions=120.0) for at_us in places}
    put_traffic(project, many, start_us)
    report = project.judge(ServiceApplication())[-1]
    points = [each.content for each in report if isinstance(each.content, ValuePoint)]
    values = {each.name: each for each in points}
    assert values["requests_per_minute"].value == 6
    assert "60 requests; 0 like windows" in values["traffic_missing"].extra_data


def live(project: Project, **arguments: Any) -> dict[str, tuple[int | None, dict[str, Any]]]:  # noqa: F811
    app = ServiceApplication(alarm_budget="0.001", **arguments)
    report = project.judge(app)[-1]
    points = [each.content for each in report if isinstance(each.content, ValuePoint)]
    return {each.name: (each.status, json.loads(each.extra_data)) for each in points}


@pytest.mark.parametrize(
    ("now", "broken"),
    [
        ({"requests": 60, "slow": 1}, {}),
        ({"requests": 30, "slow": 1}, {"traffic_missing": 2}),
        ({"requests": 120, "slow": 1}, {"traffic_surplus": 1}),
        ({"requests": 57, "errors": 6, "slow": 1}, {"error_share": 2}),
        ({"requests": 60, "slow": 8}, {"slow_requests": 2}),
    ],
    ids=["as ever", "half is missing", "twice as many", "a tenth fails", "an eighth is slow"],
)
def test_a_window_is_judged_by_the_same_hours_of_past_weeks(
    project: Project,  # noqa: F811
    now: dict[str, int],
    broken: dict[str, int],
) -> None:
    weeks(project, now)
    found = live(project)
    assert {name: found[name][0] for name in RESULTS} == {**dict.fromkeys(RESULTS, 0), **broken}
    missing = found["traffic_missing"][1]
    assert missing["compared"] == "the same time of past weeks: 20 windows since 2025-01-03"
    assert f"{600:,}" in missing["found"] or "expected" in missing["found"]
    assert 500 < missing["expected"] < 700
    for name in broken:
        assert found[name][1]["next"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"requests": 0}, {"traffic_missing": 2, "traffic_surplus": -1, "error_share": -1}),
        ({"requests": 0, "errors": 60}, {"traffic_missing": -1, "error_share": 2}),
    ],
    ids=["nothing came", "every request failed"],
)
def test_a_window_without_rows_is_judged_by_its_requests(
    project: Project,  # noqa: F811
    now: dict[str, int],
    expected: dict[str, int],
) -> None:
    weeks(project, now)
    with project.database.write() as connection:
        connection.execute(schema.files.delete())
    found = live(project)
    assert {name: found[name][0] for name in expected} == expected
    if not now.get("errors"):
        assert found["traffic_missing"][1]["found"].startswith("0 requests came, ")
        assert "state" not in found["traffic_missing"][1]


def test_events_that_publishers_have_numbered_and_that_never_came_are_told(
    project: Project,  # noqa: F811
) -> None:
    weeks(project, {"requests": 60})
    assert live(project)["lost_events"][1]["state"] == "no numbers"
    with project.database.write() as connection:
        note_numbers(connection, {("p", "e1"): [1]}, {}, 0)
        spans = [Span("e1", to_us(START), to_us(END) - 1)]
        note_lost(connection, {"e1": 20}, spans, 0)
    status, extra = live(project)["lost_events"]
    assert (status, extra["found"]) == (2, "20 of 620 events that were published never came (3.23 %)")
    with project.database.write() as connection:
        note_lost(connection, {"e1": -20}, spans, 0)
    assert live(project)["lost_events"][0] == 0, "they came after all"


def test_weeks_before_the_first_request_and_those_that_are_kept_no_longer_say_nothing(
    project: Project,  # noqa: F811
) -> None:
    weeks(project, {"requests": 30})
    with project.database.write() as connection:
        row = {"endpoint_id": "e1", "first_request_us": to_us(START) - WEEK_US}
        connection.execute(schema.traffic.update().values(row))
    assert live(project)["traffic_missing"][1]["state"] == "no past weeks yet"
    weeks(project, {"requests": 30})
    kept_days = (wall_clock_us() - to_us(START) + WEEK_US) / 86_400_000_000
    reader = TrafficReader(
        project.database,
        lambda: open_series(project.settings),
        project.settings.changed(retention_days=kept_days),
    )
    assert len(reader.like("e1", WINDOW)) <= 3
    reader.close()


def test_hours_in_which_nothing_came_count_as_nothing(project: Project) -> None:  # noqa: F811
    put_traffic(project, {}, to_us(START) - 52 * WEEK_US)
    reader = TrafficReader(project.database, lambda: open_series(project.settings), project.settings)
    found = reader.like("e1", WINDOW)
    assert len(found) == 20
    assert {each.attempts for each in found} == {0}
    assert reader.of("e1", WINDOW).attempts == 0
    assert reader.like("nobody", WINDOW) == ()
    reader.close()


def test_reading_past_weeks_costs_as_much_whatever_lies_between_them(project: Project) -> None:  # noqa: F811
    """Four spans, each with what is void among it, and since when the endpoint is there."""
    weeks(project, {"requests": 60})
    reader = TrafficReader(project.database, lambda: open_series(project.settings), project.settings)
    with counted(project.database) as of_records:
        reader.like("e1", WINDOW)
    assert of_records.statements <= 9
    assert reader._series is not None
    with counted(reader._series._database) as before:  # type: ignore[attr-defined]
        reader.like("e1", WINDOW)
    between = {
        at_us: minute(at_us, 5)
        for at_us in range(
            to_us(START) - WEEK_US + 120 * MINUTE_US, to_us(START) - 120 * MINUTE_US, MINUTE_US
        )
    }
    put_traffic(project, between, to_us(START) - 52 * WEEK_US)
    with counted(reader._series._database) as after:  # type: ignore[attr-defined]
        reader.like("e1", WINDOW)
    assert (after.statements, before.statements) == (4, 4)
    assert after.steps <= 1.5 * before.steps
    reader.close()
