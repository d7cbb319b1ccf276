"""Incidents in the ledger: what reports raise, how long it stays open, what is kept of it and told."""

from __future__ import annotations

import json
import logging

import pytest

import ledger_rows
from modelmon import wire
from modelmon.ledger import evidence, incidents, outbox, registry
from modelmon.ledger import window_ledger as ledger
from modelmon.ledger.facts import incident_fact
from modelmon.model import WindowKey
from modelmon.settings import Settings
from unit.window_support import E1, Chain, at, done, failed, metric, result, stats, waits


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    yield chain
    chain.close()


STATUS = {0: "", 1: "suspected", 2: "detected"}


def windows(chain: Chain, count: int = 3) -> list[wire.AppEvent]:
    """App events of the first `count` windows."""
    chain.serve(*[at(10 * number + 1) for number in range(count + 1)], now=at(10 * count + 1))
    chain.tick(at(10 * count + 1))
    return chain.app_events()


def number_of(start_us: int) -> int:
    return (start_us - at(0)) // 600_000_000


def still(chain: Chain) -> list[tuple[str, str, int, int]]:
    """State, what the newest word is, and the first and last window of the incidents that are open."""
    return [
        (
            row.state,
            {0: "", 1: "suspected", 2: "detected"}[row.status],
            *map(number_of, (row.first_us, row.last_us)),
        )
        for row in chain.incidents()
        if row.resolved_us is None
    ]


def ended(chain: Chain) -> list[tuple[str, int, int]]:
    """Why, and the first and last window of those that are resolved."""
    return [
        (row.reason, *map(number_of, (row.first_us, row.last_us)))
        for row in chain.incidents()
        if row.resolved_us is not None
    ]


def revision(event: wire.AppEvent, number: int) -> wire.AppEvent:
    return wire.AppEvent(event.endpoint_id, event.endpoint_name, event.application_name, event.window, number)


def history(chain: Chain) -> list[tuple[int, str, str]]:
    events = chain.read(ledger_rows.all_incident_events)
    return [(row.incident_id, row.before, row.after) for row in events]


# --- how it goes on


def test_one_drift_is_one_incident_however_many_windows_it_lasts(chain):
    for event in windows(chain):
        chain.report(result(event, 2), done(event))
    (row,) = chain.incidents()
    assert (row.windows, row.detected, row.status) == (3, 3, 2)
    assert still(chain) == [("raised", "detected", 0, 2)]


def test_an_incident_is_raised_told_and_logged_once_however_often_its_report_comes(chain, caplog):
    event, *_ = windows(chain)
    with caplog.at_level(logging.WARNING):
        for now in (1, 2, 3):
            chain.report(result(event, 2), done(event), now=now)
    assert [(row.state, row.raised_us) for row in chain.incidents()] == [("raised", 1)]
    assert history(chain) == [(1, "", "raised")]
    assert [fact.kind for fact in chain.facts()] == ["incident-raised"]
    told = [record.message for record in caplog.records if "data-drift-detected" in record.message]
    assert len(told) == 1
    assert f"{E1}-name" in told[0]


def test_an_incident_is_resolved_when_a_newer_window_is_calm(chain):
    first, second, _ = windows(chain)
    chain.report(result(first, 2), done(first), now=1)
    assert still(chain) == [("raised", "detected", 0, 0)]
    chain.report(result(second, 0), done(second), now=2)
    (row,) = chain.incidents()
    assert (row.state, row.reason, row.resolved_us, number_of(row.ended_us)) == ("resolved", "calm", 2, 1)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((2, 1), [("eased", "suspected", 0, 1)]),
        ((1, 2), [("escalated", "detected", 0, 1)]),
        ((2, 1, 1), [("eased", "suspected", 0, 2)]),
        ((1, 2, 1), [("eased", "suspected", 0, 2)]),
        ((2, -1, 1), [("eased", "suspected", 0, 2)]),
        ((2, 1, -1), [("eased", "suspected", 0, 1)]),
        ((2, 1, 0), []),
        ((2, 0, 2), [("raised", "detected", 2, 2)]),
    ],
)
def test_an_incident_is_what_its_newest_window_with_a_verdict_says(chain, statuses, expected):
    for event, status in zip(windows(chain), statuses, strict=False):
        chain.report(result(event, status), done(event))
    assert still(chain) == expected


@pytest.mark.parametrize("says", [metric, lambda event: result(event, -1), failed, waits])
def test_a_newer_window_that_says_nothing_of_a_result_changes_nothing(chain, says):
    first, second, third = windows(chain)
    chain.report(result(first, 2), done(first))
    chain.report(*([says(second)] if says in (failed, waits) else [says(second), done(second)]))
    drift = [row.state for row in chain.incidents() if row.result_name == "drift"]
    assert drift == ["raised"]
    chain.report(result(third, 0), done(third))
    assert still(chain) == []


def burst(chain: Chain) -> list[wire.AppEvent]:
    """App events of a whole window, and of one after it that silence of a period follows."""
    chain.serve(*[at(minute) for minute in range(10)], at(11), now=at(11))
    chain.settle(at(40))
    events = chain.app_events()
    assert [each.window_incomplete for each in events] == [0, 6]
    return events


def test_a_partial_window_that_says_detected_is_suspected_at_most(chain):
    _, part = burst(chain)
    chain.report(result(part, 2), done(part))
    assert still(chain) == [("raised", "suspected", 1, 1)]


def test_what_was_detected_is_not_eased_by_a_partial_window_that_may_be_suspected_at_most(chain):
    whole, part = burst(chain)
    chain.report(result(whole, 2), done(whole))
    chain.report(result(part, 1), done(part))
    assert still(chain) == [("raised", "detected", 0, 1)]
    chain.serve(at(50), now=at(50))
    chain.tick(at(50))
    chain.tick(at(50, 30))
    (again,) = chain.app_events()
    chain.report(result(again, 1), done(again))
    assert still(chain) == [("eased", "suspected", 0, 1)]


def test_a_late_detection_before_a_partial_window_is_not_eased_by_it(chain):
    whole, part = burst(chain)
    chain.report(result(part, 1), done(part))
    chain.report(result(whole, 2), done(whole))
    assert still(chain) == [("raised", "detected", 0, 1)]


def test_a_partial_window_that_is_calm_resolves_what_was_detected(chain):
    whole, part = burst(chain)
    chain.report(result(whole, 2), done(whole))
    chain.report(result(part, 0), done(part))
    assert still(chain) == []


def test_each_result_of_each_endpoint_has_an_incident_of_its_own(chain):
    first, second, _ = windows(chain)
    chain.endpoint("stranger")
    stranger = wire.AppEvent("stranger", "stranger", "app", first.window, 1)
    chain.report(result(first, 2, name="a"), result(first, 1, name="b"), done(first))
    chain.report(result(stranger, 1, name="a"), done(stranger))
    chain.report(result(second, 0, name="a"), result(second, 2, name="b"), done(second))
    found = {(row.endpoint_id, row.result_name): row.state for row in chain.incidents()}
    assert found == {(E1, "a"): "resolved", (E1, "b"): "escalated", ("stranger", "a"): "raised"}


# --- late answers


@pytest.mark.parametrize(
    ("newest", "state"), [(1, "eased"), (-1, "eased"), (2, "escalated"), (0, "resolved")]
)
def test_a_late_detection_stands_before_the_windows_that_follow_it(chain, newest, state):
    first, second, third = windows(chain)
    chain.report(result(second, 1), done(second))
    chain.report(result(third, newest), done(third))
    chain.report(result(first, 2), done(first))
    assert [(row.state, number_of(row.first_us)) for row in chain.incidents()] == [(state, 0)]


def test_a_late_incident_of_an_older_window_is_resolved_at_once_when_the_next_one_was_calm(chain, caplog):
    first, second, third = windows(chain)
    chain.report(result(second, 0), done(second), now=1)
    chain.report(result(third, -1), done(third), now=1)
    chain.report(result(first, 2), done(first), now=2)
    assert ended(chain) == [("calm", 0, 0)]
    assert [fact.kind for fact in chain.facts()] == ["incident-raised", "incident-resolved"]
    assert "data-drift" not in caplog.text  # nobody has to look at once


@pytest.mark.parametrize("says", [lambda event: result(event, 0), lambda event: result(event, -1), metric])
def test_a_higher_revision_that_finds_nothing_withdraws_its_incident(chain, says):
    first, *_ = windows(chain)
    chain.report(result(first, 2), done(first))
    again = revision(first, 2)
    chain.report(says(again), done(again))
    assert ended(chain) == [("withdrawn", 0, 0)]


def test_a_higher_revision_that_fails_for_good_withdraws_what_the_lower_one_found(chain):
    first, *_ = windows(chain)
    chain.report(result(first, 2), done(first))
    fail(chain, revision(first, 2), attempts=1)
    assert still(chain) == [("raised", "detected", 0, 0), ("pending", "", 0, 0)]
    fail(chain, revision(first, 2), attempts=2)
    assert ended(chain) == [("withdrawn", 0, 0)]
    assert [(row.rule, row.state) for row in chain.incidents()][1:] == [("app-failed", "raised")]


def test_a_higher_revision_that_finds_more_escalates(chain, caplog):
    first, *_ = windows(chain)
    chain.report(result(first, 1), done(first), now=1)
    again = revision(first, 2)
    chain.report(result(again, 2), done(again), now=2)
    (row,) = chain.incidents()
    assert (row.status, row.raised_us, row.changed_us) == (2, 1, 2)
    assert history(chain) == [(1, "", "raised"), (1, "raised", "escalated")]
    assert "incident 1 escalated: data-drift-detected" in caplog.text


def test_a_higher_revision_that_finds_the_same_changes_the_value_alone(chain):
    first, *_ = windows(chain)
    chain.report(result(first, 2, 0.8), done(first), now=1)
    again = revision(first, 2)
    chain.report(result(again, 2, 0.9), done(again), now=2)
    (row,) = chain.incidents()
    assert (row.value, row.raised_us, row.changed_us, row.resolved_us) == (0.9, 1, 1, None)
    assert len(history(chain)) == 1


# --- apps that fail


def fail(chain: Chain, event: wire.AppEvent, attempts: int) -> None:
    for _ in range(attempts):
        with chain.database.write() as connection:
            key = WindowKey(event.endpoint_id, "app", at(0))
            ledger.raise_attempt(connection, key, event.window_revision)
    chain.report(failed(event))


def test_an_app_that_will_be_asked_again_is_pending_and_told_of_to_nobody(chain, caplog):
    first, *_ = windows(chain)
    fail(chain, first, attempts=1)
    assert still(chain) == [("pending", "", 0, 0)]
    assert (chain.facts(), "mm-app-failed" in caplog.text) == ([], False)


def test_what_is_pending_and_comes_right_leaves_no_trace(chain):
    first, *_ = windows(chain)
    fail(chain, first, attempts=1)
    chain.report(result(first, 0), done(first))
    assert (chain.incidents(), history(chain)) == ([], [])


def test_an_app_that_failed_as_often_as_it_may_is_an_incident(chain):
    first, *_ = windows(chain)
    fail(chain, first, attempts=1)
    fail(chain, first, attempts=2)
    (row,) = chain.incidents()
    assert (row.rule, row.state, row.detail) == ("app-failed", "raised", "no such column")
    (fact,) = chain.facts()
    assert (fact.body["kind"], fact.body["severity"]) == ("mm-app-failed", "high")


@pytest.mark.slow
def test_an_app_that_was_sent_windows_as_often_as_it_may_be_is_one_incident(chain):
    windows(chain)
    for second in range(200):
        chain.tick(at(32, second))
        for event in chain.app_events():
            chain.report(failed(event))
    assert [(row.rule, row.state, row.windows) for row in chain.incidents()] == [("app-failed", "raised", 3)]


def test_an_app_that_fails_on_a_window_nobody_will_send_again_is_an_incident_at_once(chain):
    chain.endpoint("stranger")
    stranger = wire.AppEvent("stranger", "stranger", "app", windows(chain)[0].window, 1)
    chain.report(failed(stranger))
    assert [(row.rule, row.state) for row in chain.incidents()] == [("app-failed", "raised")]


def test_an_app_that_waits_changes_nothing(chain):
    first, second, _ = windows(chain)
    chain.report(result(first, 2), done(first))
    chain.report(waits(second))
    chain.report(waits(revision(first, 2)))
    assert still(chain) == [("raised", "detected", 0, 0)]


def test_an_app_that_works_again_resolves_its_failure(chain):
    first, second, _ = windows(chain)
    fail(chain, first, attempts=3)
    chain.report(result(second, 0), done(second))
    assert ended(chain) == [("calm", 0, 0)]


# --- what is kept as evidence


def kept(chain: Chain) -> list[tuple[int, str, float | None, int]]:
    found = chain.read(ledger_rows.evidence)
    return [(number_of(row.start_us), row.said, row.value, row.rows) for row in found]


def test_the_windows_of_an_incident_are_its_evidence_and_the_worst_one_stands_for_it(chain):
    first, second, third = windows(chain)
    chain.report(result(first, 1, 0.99), done(first, 7))
    chain.report(result(second, 2, 0.7), done(second, 8))
    chain.report(result(third, 0, 0.1), done(third, 9))
    assert kept(chain) == [(0, "suspected", 0.99, 7), (1, "detected", 0.7, 8)]
    (row,) = chain.incidents()
    assert (number_of(row.worst_us), row.value, row.detail) == (1, 0.7, '{"worst":"pressure"}')


def test_a_window_that_is_judged_again_is_evidence_of_what_it_says_now(chain):
    first, *_ = windows(chain)
    chain.report(result(first, 2, 0.9), done(first))
    again = revision(first, 2)
    chain.report(result(again, 0, 0.2), done(again, 1000))
    assert kept(chain) == [(0, "calm", 0.2, 1000)]


def test_whole_histograms_stay_of_the_windows_that_raised_or_escalated(chain):
    for event, status in zip(windows(chain), (1, 1, 2), strict=True):
        chain.report(result(event, status), stats(event, {"age": {"hist": [status]}}), done(event))
    found = [row.stats and json.loads(row.stats) for row in chain.read(ledger_rows.evidence)]
    assert found == [{"current_stats": {"age": {"hist": [1]}}}, "", {"current_stats": {"age": {"hist": [2]}}}]


def test_of_a_very_long_incident_the_newest_windows_stay_the_worst_and_those_that_raised(chain, monkeypatch):
    monkeypatch.setattr(evidence, "NEWEST", 2)
    monkeypatch.setattr(evidence, "TRIM_EVERY", 1)
    for number, event in enumerate(windows(chain, 8)):
        told = [stats(event, {"age": {}})] if number == 0 else []
        chain.report(result(event, 1, 0.9 if number == 3 else 0.6), *told, done(event))
    assert [window for window, *_ in kept(chain)] == [0, 3, 6, 7]
    assert [row.windows for row in chain.incidents()] == [8]


# --- what ends it from outside


def test_what_an_app_that_is_gone_has_open_is_resolved_and_what_it_still_says_raises_nothing(chain):
    first, second, _ = windows(chain)
    chain.report(result(first, 2), done(first))
    with chain.database.write() as connection:
        registry.unregister_app(connection, "app")
        (told,) = incidents.resolve_app(connection, "app", at(40))
        outbox.write(connection, [incident_fact(Settings(), told)], at(40))
    chain.report(result(second, 2), done(second))
    assert ended(chain) == [("app gone", 0, 0)]
    assert still(chain) == []
    last = chain.facts()[-1]
    assert (last.kind, last.body["reason"], last.body["endpoint_name"]) == (
        "incident-resolved", "app gone", f"{E1}-name",
    )  # fmt: skip


def test_what_an_endpoint_that_is_gone_has_open_is_resolved(chain):
    first, *_ = windows(chain)
    chain.report(result(first, 2), done(first))
    with chain.database.write() as connection:
        assert incidents.resolve_endpoint(connection, "another", at(40)) == []
        incidents.resolve_endpoint(connection, E1, at(40))
    assert ended(chain) == [("endpoint gone", 0, 0)]


def test_what_is_reset_stays_resolved_and_the_next_window_raises_a_new_one(chain):
    first, second, third = windows(chain)
    chain.report(result(first, 1), done(first))
    chain.report(result(second, 2), done(second))
    with chain.database.write() as connection:
        assert len(incidents.reset(connection, 1, at(40))) == 1
        assert incidents.reset(connection, 1, at(41)) == []
        assert incidents.reset(connection, 99, at(41)) == []
    again = revision(first, 2)
    chain.report(result(again, 2), done(again))
    assert ended(chain) == [("reset", 0, 1)]
    assert still(chain) == []
    chain.report(result(third, 2), done(third))
    assert still(chain) == [("raised", "detected", 2, 2)]
