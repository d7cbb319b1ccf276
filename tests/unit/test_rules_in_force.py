"""What people wrote into alerts.yaml decides what is an incident, how bad it is, and who is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from receivers import WebServer
from unit.notifying_support import NOW, Notifying
from unit.window_support import failed


def rules(*texts: str) -> str:
    return "format: 1\nrules:\n" + "".join(f"  - {{{text}}}\n" for text in texts)


def states(news: Notifying) -> list[tuple[str, str, str]]:
    return [(row.rule, row.state, row.reason) for row in news.chain.incidents()]


@pytest.mark.parametrize(
    ("rule", "status", "value", "expected"),
    [
        ("name: a", 1, 0.6, [("a", "raised", "")]),
        ("name: a, when: {status: detected}", 1, 0.6, []),
        ("name: a, when: {status: detected}", 2, 0.9, [("a", "raised", "")]),
        ("name: a, when: {value: '> 0.55'}", 0, 0.6, [("a", "raised", "")]),
        ("name: a, when: {value: '> 0.65'}", 2, 0.6, []),
        ("name: a, when: {value: '> 0'}", -1, 0.6, []),  # too few rows: nothing is said
        ("name: a, match: {endpoints: 'endpoint-1*'}", 2, 0.6, [("a", "raised", "")]),
        ("name: a, match: {endpoints: other}", 2, 0.6, [("result-status", "raised", "")]),
        ("name: a, match: {labels: {team: 'a*'}}", 2, 0.6, [("a", "raised", "")]),
        ("name: a, match: {labels: {team: b}}", 2, 0.6, [("result-status", "raised", "")]),
        ("name: a, match: {labels: {none: '*'}}", 2, 0.6, [("result-status", "raised", "")]),
        ("name: a, match: {functions: serving}", 2, 0.6, [("a", "raised", "")]),
        ("name: a, match: {kinds: concept-drift}", 2, 0.6, [("result-status", "raised", "")]),
        ("name: a, match: {results: 'dri?t', apps: app}", 2, 0.6, [("a", "raised", "")]),
        ("name: a, enabled: false", 2, 0.6, [("result-status", "raised", "")]),
        ("name: result-status, enabled: false", 2, 0.6, []),
        ("name: a, when: {failed: true}", 2, 0.6, [("result-status", "raised", "")]),
    ],
)
def test_a_rule_says_what_of_whom_is_an_incident(
    tmp_path: Path, rule: str, status: int, value: float, expected: list[Any]
) -> None:
    news = Notifying(tmp_path, rules(rule), labels={"team": "ads"})
    news.judge(0, status, value)
    assert states(news) == expected


def test_several_rules_that_look_at_one_result_each_have_an_incident(tmp_path: Path) -> None:
    news = Notifying(tmp_path, rules("name: a, severity: low", "name: b, when: {value: '> 2'}", "name: c"))
    news.judge(0, 1, 0.6)
    assert states(news) == [("a", "raised", ""), ("c", "raised", "")]
    assert [row.severity for row in news.chain.incidents()] == ["low", ""]


def test_two_of_three_windows(tmp_path: Path) -> None:
    news = Notifying(tmp_path, rules("name: a, for: 2 of 3, clear: 2"))
    found = []
    for number, status in enumerate([2, 0, 2, 0, 0]):
        news.judge(number, status)
        found.append([state for _, state, _ in states(news)])
    assert found == [["pending"], ["pending"], ["raised"], ["raised"], ["resolved"]]


def test_what_only_a_person_ends(tmp_path: Path) -> None:
    news = Notifying(tmp_path, rules("name: a, reset: manual"))
    for number, status in enumerate([2, 0, 0, 0]):
        news.judge(number, status)
    assert states(news) == [("a", "raised", "")]


def test_a_rule_that_is_gone_leaves_nothing_open(tmp_path: Path) -> None:
    news = Notifying(tmp_path, rules("name: a"))
    news.judge(0, 2)
    news.alerts(rules("name: b"))
    news.judge(1, 2)
    assert states(news) == [("a", "resolved", "rule gone"), ("b", "raised", "")]


def test_a_rule_of_failures_that_is_gone_leaves_nothing_open(tmp_path: Path) -> None:
    news = Notifying(tmp_path, rules("name: a, when: {failed: true}"), app_attempts=1)
    for number, alerts in enumerate(
        (rules("name: a, when: {failed: true}"), rules("name: app-failed, enabled: false"))
    ):
        news.alerts(alerts)
        event = news.events["endpoint-1", number]
        news.chain.report(failed(event), now=NOW)
    assert states(news) == [("a", "resolved", "rule gone")]


def test_a_rule_says_who_is_told_and_what_to_do(tmp_path: Path, web: WebServer) -> None:
    text = f"""
format: 1
channels:
  all: {{kind: webhook, url: {web.address}/all, per_second: 1000}}
  few: {{kind: webhook, url: {web.address}/few, per_second: 1000}}
send: {{group_wait: 0, channels: [all]}}
rules:
  - {{name: a, channels: few, severity: low, summary: The delay model drifts., runbook: 'https://wiki.example/a'}}
"""
    news = Notifying(tmp_path, text)
    news.judge(0, 2)
    news.tick(NOW)
    (got,) = web.got
    (line,) = got.json["data"]["incidents"]
    assert (got.path, line["rule"], line["severity"]) == ("/few", "a", "low")
    assert line["found"].startswith("The delay model drifts.\n")
    assert line["facts"]["runbook"] == "https://wiki.example/a"
