"""Quiet hours and what inhibits: news waits, and is told afterwards if it is open then."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modelmon.alerting import check_alerts
from modelmon.alerting.hours import Hours, read_span
from modelmon.ledger import window_ledger
from modelmon.ledger.action_runs import newest_runs
from modelmon.model import HOUR_US as HOUR
from modelmon.model import MINUTE_US as MINUTE
from modelmon.model import WindowKey, from_us
from receivers import WebServer
from unit.notifying_support import NOW, Notifying, heard, told
from unit.window_support import at, failed


def around_now(hours: int) -> str:
    """A mute time that began an hour ago, for so many hours."""
    start, end = from_us(NOW - HOUR), from_us(NOW + (hours - 1) * HOUR)
    return f"'{start:%H:%M}-{end:%H:%M}'"


def fail(news: Notifying, number: int) -> None:
    """The app fails over the window for good."""
    event = news.events[news.endpoints[0], number]
    with news.chain.database.write() as connection:
        key = WindowKey(event.endpoint_id, "app", at(10 * number))
        window_ledger.raise_attempt(connection, key, event.window_revision)
    news.chain.report(failed(event), now=NOW)


def test_what_comes_in_a_quiet_hour_is_told_at_its_end_if_it_is_open_then(
    tmp_path: Path, web: WebServer
) -> None:
    news = Notifying(tmp_path, told(web, f"group_wait: 0, hours: {{mute: {around_now(3)}}}"), endpoints=2)
    for which in (0, 1):
        news.judge(0, 2, which=which)
    news.judge(1, 0, which=1)
    news.tick(NOW + MINUTE)
    assert not web.got
    assert {(each.state, each.why) for each in news.notices()} == {("withheld", "it is a quiet hour")}
    news.tick(NOW + HOUR)
    assert not web.got
    news.tick(NOW + 2 * HOUR)
    assert heard(web) == [("hook", "raised")]
    assert sorted(each.state for each in news.notices()) == ["dropped", "dropped", "told"]


def test_that_what_was_told_is_over_comes_after_the_quiet_hours(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    news.judge(0, 2)
    news.tick(NOW)
    news.alerts(told(web, f"group_wait: 0, hours: {{mute: {around_now(3)}}}"))
    news.judge(1, 0)
    news.tick(NOW + MINUTE)
    assert heard(web) == [("hook", "raised")]
    news.tick(NOW + 2 * HOUR)
    assert heard(web) == [("hook", "raised"), ("hook", "resolved")]


def test_a_rule_has_hours_of_its_own(tmp_path: Path, web: WebServer) -> None:
    rules = "rules:\n  - {name: a, hours: {mute: []}}"
    news = Notifying(tmp_path, told(web, f"group_wait: 0, hours: {{mute: {around_now(3)}}}", rules=rules))
    news.judge(0, 2)
    news.tick(NOW)
    assert heard(web) == [("hook", "raised")]


def test_what_another_rule_finds_of_the_endpoint_inhibits(tmp_path: Path, web: WebServer) -> None:
    rules = "rules:\n  - {name: bad, when: {value: '> 2'}}\n  - {name: odd, inhibited_by: bad}"
    news = Notifying(tmp_path, told(web, rules=rules), endpoints=2)
    news.judge(0, 2, value=3.0)
    news.judge(0, 2, value=1.0, which=1)
    news.tick(NOW)
    lines = [(each["endpoint"], each["rule"]) for got in web.got for each in got.json["data"]["incidents"]]
    assert sorted(lines) == [("endpoint-1-name", "bad"), ("endpoint-2-name", "odd")]
    assert [each.why for each in news.notices() if each.state == "withheld"] == [
        "inhibited by bad (incident 1)"
    ]
    news.judge(1, 2, value=1.0)
    news.tick(NOW + 2 * MINUTE)
    assert sorted(heard(web)[2:]) == [("hook", "raised"), ("hook", "resolved")]


def test_results_of_an_app_that_fails_are_not_told_again_while_it_does(
    tmp_path: Path, web: WebServer
) -> None:
    news = Notifying(tmp_path, told(web, "group_wait: 0, repeat: 1h"), app_attempts=1)
    news.judge(0, 2)
    news.tick(NOW)
    fail(news, 1)
    news.tick(NOW + MINUTE)
    news.tick(NOW + 2 * HOUR)
    lines = [(each["rule"], each["what"]) for got in web.got for each in got.json["data"]["incidents"]]
    assert lines == [("result-status", "raised"), ("app-failed", "raised"), ("app-failed", "still open")]
    news.judge(1, 2)
    news.tick(NOW + 2 * HOUR + 2 * MINUTE)
    assert sorted(heard(web)[3:]) == [("hook", "resolved"), ("hook", "still open")]


def test_an_action_of_what_is_inhibited_is_skipped_and_says_why(tmp_path: Path, web: WebServer) -> None:
    rules = f"""rules:
  - {{name: bad, when: {{value: '> 2'}}}}
  - {{name: odd, inhibited_by: bad, action: retrain}}
actions:
  retrain: {{kind: webhook, url: {web.address}/start}}"""
    news = Notifying(tmp_path, told(web, rules=rules))
    news.judge(0, 2, value=3.0)
    news.tick(NOW)
    with news.chain.database.read() as connection:
        (run,) = newest_runs(connection, 10)
    assert (run.state, run.why) == ("skipped", "inhibited by bad (incident 1)")
    assert "/start" not in {got.path for got in web.got}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("send: {hours: {}}", "mutes nothing"),
        ("send: {hours: {mute: '25:00-26:00'}}", "no time to be quiet"),
        ("send: {hours: {mute: [sat, 7]}}", "no time to be quiet"),
        ("send: {hours: {mute: sat, zone: Mars/Base}}", "no time zone"),
        ("send: {hours: {mute: sat, zone: ../../etc/passwd}}", "no time zone"),
        ("send: {hours: {mute: sat, zone: 1}}", "no time zone"),
        ("send: {hours: {mute: sat, zones: UTC}}", "is no key here"),
        ("rules: [{name: a, inhibited_by: b}]", "names 'b', which is no rule"),
        ("rules: [{name: a, inhibited_by: a}]", "keeps this rule itself"),
        ("rules: [{name: a, inhibited_by: b}, {name: b, inhibited_by: [a]}]", "keeps this rule itself"),
        ("rules: [{name: a, inhibited_by: 1}]", "is no name of a rule"),
    ],
)
def test_mistakes_are_told(written: str, said: str) -> None:
    found = check_alerts(f"format: 1\n{written}\n")
    assert any(said in str(each) for each in found.findings), found.findings
    assert found.alerts is None


def test_built_in_rules_may_be_named() -> None:
    found = check_alerts("format: 1\nrules: [{name: a, inhibited_by: [app-failed, result-status]}]\n")
    assert found.findings == ()


@pytest.mark.parametrize(
    ("span", "zone", "moments"),
    [
        ("22:00-07:00", "UTC", {"2026-07-01 21:59": False, "2026-07-01 22:00": True, "2026-07-02 06:59": True,
                                "2026-07-02 07:00": False}),
        ("fri 22:00-07:00", "UTC", {"2026-07-03 23:00": True, "2026-07-04 06:00": True,
                                    "2026-07-04 23:00": False}),
        ("sat-sun", "America/New_York", {"2026-07-04 03:59": False, "2026-07-04 04:00": True,
                                         "2026-07-06 03:59": True, "2026-07-06 04:00": False}),
        ("sun-mon 00:00-24:00", "UTC", {"2026-07-05 12:00": True, "2026-07-06 23:59": True,
                                        "2026-07-07 00:00": False}),
        # the night in which clocks go from 02:00 to 03:00
        ("02:00-04:00", "Europe/Berlin", {"2026-03-29 00:59": False, "2026-03-29 01:00": True,
                                          "2026-03-29 02:00": False}),
    ],
)  # fmt: skip
def test_a_mute_time_is_by_the_clocks_of_its_zone(span: str, zone: str, moments: dict[str, Any]) -> None:
    read = read_span(span)
    assert read is not None
    hours = Hours((read,), zone)
    assert {
        text: hours.is_muted(datetime.fromisoformat(text).replace(tzinfo=UTC)) for text in moments
    } == moments
