"""When an alert fires, and how long it stays open."""

from __future__ import annotations

import logging

import pytest

from modelmon import wire
from modelmon.alerts import Alert, alert_of_failure, alerts_of
from modelmon.ledger import window_ledger as ledger
from modelmon.model import ResultKindApp, ValuePoint, WindowKey
from unit.window_support import E1, Chain, at, done, failed, metric, result, waits


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    yield chain
    chain.close()


def point(status, kind=0):
    return ValuePoint(E1, "app", 0, 60, "drift", 0.8, 1, kind=kind, status=status, extra_data='{"a":1}')


# --- which


@pytest.mark.parametrize(
    ("status", "expected"),
    [(-1, None), (0, None), (1, ("data-drift-suspected", "medium")), (2, ("data-drift-detected", "high"))],
)
def test_suspected_and_detected_results_are_alerts(status, expected):
    found = [(alert.kind, alert.severity) for alert in alerts_of(point(status))]
    assert found == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (0, "data-drift"),
        (1, "concept-drift"),
        (2, "model-performance"),
        (3, "system-performance"),
        (4, "mm-app-anomaly"),
    ],
)
def test_an_alert_is_named_by_the_kind_of_its_result(kind, name):
    assert alerts_of(point(2, kind))[0].kind == f"{name}-detected"
    assert len(ResultKindApp) == 5


def test_an_alert_carries_value_and_evidence():
    assert alerts_of(point(2)) == (Alert("drift", "data-drift-detected", "high", 0.8, '{"a":1}'),)


def test_a_metric_is_no_alert():
    assert alerts_of(ValuePoint(E1, "app", 0, 60, "rows", 0.8, 1)) == ()


def test_an_app_that_failed_is_a_severe_alert_with_its_error():
    assert alert_of_failure("no such column") == Alert("", "mm-app-failed", "high", None, "no such column")


# --- how long


def windows(chain: Chain, count: int = 3) -> list[wire.AppEvent]:
    """App events of the first `count` windows."""
    chain.serve(*[at(10 * number + 1) for number in range(count + 1)], now=at(10 * count + 1))
    chain.tick(at(10 * count + 1))
    return chain.app_events()


def opened(chain: Chain) -> list[tuple[str, int]]:
    """Kind and window number of the alerts that are open."""
    return [
        (row.kind, (row.start_us - at(0)) // 600_000_000) for row in chain.alerts() if row.resolved_us is None
    ]


def test_an_alert_is_raised_once_and_logged_once_however_often_its_report_comes(chain, caplog):
    event, *_ = windows(chain)
    with caplog.at_level(logging.WARNING):
        for now in (1, 2, 3):
            chain.report(result(event, 2), done(event), now=now)
    assert [(row.kind, row.raised_us) for row in chain.alerts()] == [("data-drift-detected", 1)]
    told = [record.message for record in caplog.records if "data-drift-detected" in record.message]
    assert len(told) == 1
    assert f"{E1}-name" in told[0]


def test_an_alert_is_resolved_when_a_newer_window_is_calm(chain):
    first, second, _ = windows(chain)
    chain.report(result(first, 2), done(first), now=1)
    assert opened(chain) == [("data-drift-detected", 0)]
    chain.report(result(second, 0), done(second), now=2)
    assert opened(chain) == []
    assert chain.alerts()[0].resolved_us == 2


def test_an_alert_stays_open_while_newer_windows_find_the_same(chain):
    first, second, _ = windows(chain)
    for event in (first, second):
        chain.report(result(event, 2), done(event))
    assert opened(chain) == [("data-drift-detected", 0), ("data-drift-detected", 1)]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((2, 1), [("data-drift-suspected", 1)]),
        ((1, 2), [("data-drift-detected", 1)]),
        ((2, 1, 1), [("data-drift-suspected", 1), ("data-drift-suspected", 2)]),
        ((1, 2, 1), [("data-drift-suspected", 2)]),
        ((2, -1, 1), [("data-drift-suspected", 2)]),
        ((2, 1, -1), [("data-drift-suspected", 1)]),
        ((2, 1, 0), []),
    ],
)
def test_what_was_detected_becomes_suspected_when_the_newer_window_says_so(chain, statuses, expected):
    for event, status in zip(windows(chain), statuses, strict=False):
        chain.report(result(event, status), done(event))
    assert opened(chain) == expected


def burst(chain: Chain) -> list[wire.AppEvent]:
    """App events of a whole window, and of one after it that silence of a period follows."""
    chain.serve(*[at(minute) for minute in range(10)], at(11), now=at(11))
    chain.settle(at(40))
    events = chain.app_events()
    assert [each.window_incomplete for each in events] == [0, 6]
    return events


def test_what_was_detected_stays_open_beside_a_partial_window_that_may_be_suspected_at_most(chain):
    whole, part = burst(chain)
    chain.report(result(whole, 2), done(whole))
    chain.report(result(part, 1), done(part))
    assert opened(chain) == [("data-drift-detected", 0), ("data-drift-suspected", 1)]
    chain.serve(at(50), now=at(50))
    chain.tick(at(50))
    chain.tick(at(50, 30))
    (again,) = chain.app_events()
    chain.report(result(again, 1), done(again))
    assert opened(chain) == [("data-drift-suspected", 1)]


def test_a_late_detection_stays_open_beside_a_newer_partial_window(chain):
    whole, part = burst(chain)
    chain.report(result(part, 1), done(part))
    chain.report(result(whole, 2), done(whole))
    assert opened(chain) == [("data-drift-detected", 0), ("data-drift-suspected", 1)]


def test_a_partial_window_that_is_calm_resolves_what_was_detected(chain):
    whole, part = burst(chain)
    chain.report(result(whole, 2), done(whole))
    chain.report(result(part, 0), done(part))
    assert opened(chain) == []


def test_another_result_that_is_suspected_leaves_what_was_detected(chain):
    first, second, _ = windows(chain)
    chain.report(result(first, 2, name="a"), result(first, 1, name="b"), done(first))
    chain.report(result(second, 2, name="a"), result(second, 2, name="b"), done(second))
    open_now = {(row.name, row.kind, row.start_us) for row in chain.alerts() if row.resolved_us is None}
    assert open_now == {
        ("a", "data-drift-detected", at(0)),
        ("a", "data-drift-detected", at(10)),
        ("b", "data-drift-detected", at(10)),
    }


@pytest.mark.parametrize("newest", [1, -1])
def test_a_late_detection_is_not_open_beside_the_newer_window_that_is_suspected(chain, newest):
    first, second, third = windows(chain)
    chain.report(result(second, 1), done(second))
    chain.report(result(third, newest), done(third))
    chain.report(result(first, 2), done(first))
    assert "data-drift-detected" not in {kind for kind, _ in opened(chain)}


def test_an_alert_is_resolved_when_the_newer_window_says_nothing_of_its_result(chain):
    first, second, _ = windows(chain)
    chain.report(result(first, 2), done(first))
    chain.report(metric(second), done(second))
    assert opened(chain) == []


def test_an_alert_stays_open_while_newer_windows_have_no_verdict(chain):
    first, second, third = windows(chain)
    chain.report(result(first, 2), done(first))
    chain.report(result(second, -1), done(second))
    assert opened(chain) == [("data-drift-detected", 0)]
    chain.report(result(third, 0), done(third))
    assert opened(chain) == []


def test_a_late_alert_stays_open_when_the_newest_window_has_no_verdict(chain):
    first, second, _ = windows(chain)
    chain.report(result(second, -1), done(second))
    chain.report(result(first, 2), done(first))
    assert opened(chain) == [("data-drift-detected", 0)]


def test_a_higher_revision_without_a_verdict_resolves_the_windows_alert(chain):
    first, *_ = windows(chain)
    chain.report(result(first, 2), done(first))
    again = revision(first, 2)
    chain.report(result(again, -1), done(again))
    assert opened(chain) == []


def test_a_calm_result_does_not_resolve_the_alert_of_another_result(chain):
    first, *_ = windows(chain)
    chain.report(result(first, 2, name="a"), result(first, 0, name="b"), done(first))
    assert [row.name for row in chain.alerts() if row.resolved_us is None] == ["a"]


def test_a_calm_endpoint_does_not_resolve_the_alert_of_another_one(chain):
    first, *_ = windows(chain)
    chain.report(result(first, 2), done(first))
    stranger = wire.AppEvent("stranger", "stranger", "app", first.window, 1)
    chain.report(result(stranger, 0), done(stranger))
    assert opened(chain) == [("data-drift-detected", 0)]


def revision(event: wire.AppEvent, number: int) -> wire.AppEvent:
    return wire.AppEvent(event.endpoint_id, event.endpoint_name, event.application_name, event.window, number)


def test_a_higher_revision_that_is_calm_resolves_the_windows_alert(chain):
    first, *_ = windows(chain)
    chain.report(result(first, 2), done(first))
    again = revision(first, 2)
    chain.report(result(again, 0), done(again))
    assert opened(chain) == []


def test_a_higher_revision_that_finds_more_raises_the_windows_alert_anew(chain, caplog):
    first, *_ = windows(chain)
    chain.report(result(first, 1), done(first), now=1)
    again = revision(first, 2)
    chain.report(result(again, 2), done(again), now=2)
    (row,) = chain.alerts()
    assert (row.kind, row.revision, row.raised_us) == ("data-drift-detected", 2, 2)
    assert "data-drift-detected" in caplog.text


def test_a_higher_revision_that_finds_the_same_keeps_the_alert_as_it_was_raised(chain):
    first, *_ = windows(chain)
    chain.report(result(first, 2, 0.8), done(first), now=1)
    again = revision(first, 2)
    chain.report(result(again, 2, 0.9), done(again), now=2)
    (row,) = chain.alerts()
    assert (row.value, row.revision, row.raised_us, row.resolved_us) == (0.9, 2, 1, None)


def test_an_alert_that_was_resolved_by_one_revision_is_reopened_by_the_next(chain):
    first, *_ = windows(chain)
    for number, status in ((1, 2), (2, 0), (3, 2)):
        again = revision(first, number)
        chain.report(result(again, status), done(again), now=number)
    (row,) = chain.alerts()
    assert (row.raised_us, row.resolved_us) == (3, None)


def test_a_late_alert_of_an_older_window_is_resolved_at_once_when_the_newest_is_calm(chain):
    first, second, _ = windows(chain)
    chain.report(result(second, 0), done(second), now=1)
    chain.report(result(first, 2), done(first), now=2)
    (row,) = chain.alerts()
    assert (row.raised_us, row.resolved_us) == (2, 2)


def test_a_late_alert_of_an_older_window_stays_open_when_the_newest_bears_it_out(chain):
    first, second, _ = windows(chain)
    chain.report(result(second, 2), done(second))
    chain.report(result(first, 2), done(first))
    assert opened(chain) == [("data-drift-detected", 0), ("data-drift-detected", 1)]


# --- apps that fail


def fail(chain: Chain, event: wire.AppEvent, attempts: int) -> None:
    for _ in range(attempts):
        with chain.database.write() as connection:
            ledger.raise_attempt(
                connection, WindowKey(event.endpoint_id, "app", at(0)), event.window_revision
            )
    chain.report(failed(event))


def test_an_app_that_will_be_asked_again_is_no_alert_yet(chain):
    first, *_ = windows(chain)
    fail(chain, first, attempts=1)
    assert chain.alerts() == []


def test_an_app_that_failed_as_often_as_it_may_is_an_alert(chain):
    first, *_ = windows(chain)
    fail(chain, first, attempts=3)
    (row,) = chain.alerts()
    assert (row.name, row.kind, row.severity, row.detail) == ("", "mm-app-failed", "high", "no such column")


def test_an_app_that_was_sent_a_window_as_often_as_it_may_be_is_an_alert(chain):
    windows(chain)
    for second in range(200):
        chain.tick(at(32, second))
        for event in chain.app_events():
            chain.report(failed(event))
    assert {row.kind for row in chain.alerts()} == {"mm-app-failed"}


def test_an_app_that_fails_on_a_window_nobody_will_send_again_is_an_alert_at_once(chain):
    stranger = wire.AppEvent("stranger", "stranger", "app", windows(chain)[0].window, 1)
    chain.report(failed(stranger))
    assert [row.kind for row in chain.alerts()] == ["mm-app-failed"]


def test_an_app_that_waits_is_no_alert_and_resolves_none(chain):
    first, second, _ = windows(chain)
    chain.report(result(first, 2), done(first))
    chain.report(waits(second))
    chain.report(waits(revision(first, 2)))
    assert opened(chain) == [("data-drift-detected", 0)]


def test_an_app_that_works_again_resolves_its_failure(chain):
    first, second, _ = windows(chain)
    fail(chain, first, attempts=3)
    chain.report(result(second, 0), done(second))
    assert opened(chain) == []


def test_a_failure_leaves_the_alerts_of_older_windows_open(chain):
    first, second, _ = windows(chain)
    chain.report(result(first, 2), done(first))
    chain.report(failed(second))
    assert opened(chain) == [("data-drift-detected", 0)]


def test_a_higher_revision_that_fails_resolves_what_the_lower_one_found(chain):
    first, *_ = windows(chain)
    chain.report(result(first, 2), done(first))
    chain.report(failed(revision(first, 2)))
    assert opened(chain) == []
