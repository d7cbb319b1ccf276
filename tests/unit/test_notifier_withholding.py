"""What is silenced waits, what somebody is at is not told again, what is still open is."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelmon.alerting.rules import Match
from modelmon.errors import ConfigError
from modelmon.ledger import outbox
from modelmon.ledger.facts import incident_fact
from modelmon.ledger.false_alarms import mark, unmark
from modelmon.ledger.handling import acknowledge, give_back
from modelmon.ledger.silences import add_silence, end_silence
from receivers import WebServer
from unit.notifying_support import NOW, Notifying, do, heard, told

MINUTE, HOUR = 60_000_000, 3_600_000_000


def test_what_is_silenced_is_told_when_the_silence_ends_if_it_is_open_then(
    tmp_path: Path, web: WebServer
) -> None:
    news = Notifying(tmp_path, told(web), endpoints=2)
    do(news, add_silence, Match(endpoints=("endpoint-*",)), "ann", "we know", NOW + HOUR, NOW)
    for which in (0, 1):
        news.judge(0, 2, which=which)
    news.judge(1, 0, which=1)
    news.tick(NOW + MINUTE)
    assert not web.got
    assert {(each.state, each.why) for each in news.notices()} == {
        ("withheld", "silenced by ann (endpoints endpoint-*)")
    }
    news.tick(NOW + HOUR + MINUTE)
    assert heard(web) == [("hook", "raised")]
    assert sorted(each.state for each in news.notices()) == ["dropped", "dropped", "told"]


def test_a_person_ends_a_silence_before_its_time(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    made = do(news, add_silence, Match(apps=("app",)), "ann", "", NOW + HOUR, NOW)
    news.judge(0, 2)
    news.tick(NOW)
    do(news, end_silence, made.silence_id, "bob", NOW + MINUTE)
    news.tick(NOW + 2 * MINUTE)
    assert heard(web) == [("hook", "raised")]
    with pytest.raises(ConfigError, match="no silence 1 that holds"):
        do(news, end_silence, made.silence_id, "bob", NOW + MINUTE)


def test_a_silence_of_everything_is_refused(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    with pytest.raises(ConfigError, match="says nothing of what it hits"):
        do(news, add_silence, Match(), "ann", "", NOW + HOUR, NOW)


def test_what_is_still_open_is_told_again_unless_somebody_is_at_it(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web, "group_wait: 0, repeat: 6h"))
    news.judge(0, 1)
    news.tick(NOW)
    news.tick(NOW + 5 * HOUR)
    news.tick(NOW + 6 * HOUR)
    news.tick(NOW + 7 * HOUR)
    assert heard(web) == [("hook", "raised"), ("hook", "still open")]
    do(news, acknowledge, 1, "ann", "on it", NOW + 20 * HOUR, NOW + 8 * HOUR)
    news.tick(NOW + 13 * HOUR)
    assert len(web.got) == 2
    news.tick(NOW + 21 * HOUR)
    assert heard(web)[2:] == [("hook", "still open")], "it was acknowledged until then"


def test_what_gets_worse_is_told_though_somebody_is_at_it(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    news.judge(0, 1)
    news.tick(NOW)
    do(news, acknowledge, 1, "ann", "", None, NOW + MINUTE)
    news.judge(1, 2)
    news.tick(NOW + 2 * MINUTE)
    assert heard(web) == [("hook", "raised"), ("hook", "worse")]
    with pytest.raises(ConfigError, match="not acknowledged"):
        do(news, give_back, 1, "ann", NOW + 3 * MINUTE)


def test_that_it_is_over_is_told_though_somebody_was_at_it(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    news.judge(0, 2)
    news.tick(NOW)
    do(news, acknowledge, 1, "ann", "", None, NOW + MINUTE)
    news.judge(1, 0)
    news.tick(NOW + 2 * MINUTE)
    assert heard(web) == [("hook", "raised"), ("hook", "resolved")]


def test_what_nobody_is_at_is_told_to_others_once(tmp_path: Path, web: WebServer) -> None:
    rules = "rules:\n  - {name: a, escalate: {after: 2h, channels: boss}}"
    news = Notifying(tmp_path, told(web, rules=rules))
    news.judge(0, 2)
    for hours in (0, 1, 2, 3, 4):
        news.tick(NOW + hours * HOUR + MINUTE)
    assert heard(web) == [("hook", "raised"), ("boss", "nobody is at it")]


def test_a_channel_that_is_new_is_told_what_is_open(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, "")
    news.judge(0, 2)
    news.tick(NOW)
    news.alerts(told(web))
    news.tick(NOW + 2 * MINUTE)
    assert heard(web) == [("hook", "still open")]


def test_what_ends_with_the_silence_is_told_to_nobody(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    do(news, add_silence, Match(apps=("app",)), "ann", "", NOW + HOUR, NOW)
    news.judge(0, 2)
    news.tick(NOW + MINUTE)
    news.tick(NOW + HOUR - MINUTE // 2)  # the last look of the minute before
    news.judge(1, 0)
    news.tick(NOW + HOUR)
    news.tick(NOW + HOUR + 5 * MINUTE)
    assert not web.got


def test_that_it_is_over_is_told_to_all_who_heard_of_it(tmp_path: Path, web: WebServer) -> None:
    rules = "rules:\n  - {name: a, escalate: {after: 1h, channels: boss}}"
    news = Notifying(tmp_path, told(web, rules=rules))
    news.judge(0, 2)
    for hours in (0, 2):
        news.tick(NOW + hours * HOUR + MINUTE)
    news.alerts(told(web, rules="rules:\n  - {name: a, channels: []}"))
    news.judge(1, 0)
    news.tick(NOW + 3 * HOUR)
    assert sorted(heard(web)[2:]) == [("boss", "resolved"), ("hook", "resolved")]


def test_that_it_is_over_is_told_after_a_long_outage_too(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    news.judge(0, 2)
    news.tick(NOW)
    news.judge(1, 0)
    news.tick(NOW + 48 * HOUR)
    assert heard(web) == [("hook", "raised"), ("hook", "resolved")]


def mark_false(news: Notifying, now: int, *, undo: bool = False) -> None:
    with news.chain.database.write() as connection:
        done = unmark(connection, 1, "bob", now) if undo else mark(connection, 1, "bob", "", now)
        outbox.write(connection, [incident_fact(news.chain.settings, each) for each in done], now)


ESCALATES = "rules:\n  - {name: a, escalate: {after: 1h, channels: boss}}"


def test_who_was_told_that_it_is_over_is_told_once_that_it_goes_on(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web, rules=ESCALATES))
    news.judge(0, 2)
    for hours in (0, 2):
        news.tick(NOW + hours * HOUR + MINUTE)
    mark_false(news, NOW + 3 * HOUR)
    news.tick(NOW + 3 * HOUR)
    mark_false(news, NOW + 3 * HOUR + MINUTE, undo=True)
    for minutes in (1, 2):
        news.tick(NOW + 3 * HOUR + minutes * MINUTE)
    assert sorted(heard(web)[2:4]) == [("boss", "resolved"), ("hook", "resolved")]
    assert sorted(heard(web)[4:]) == [("boss", "goes on"), ("hook", "goes on")]
    title = "endpoint-1-name: data drift detected, goes on"
    assert {got.json["data"]["title"] for got in web.got[4:]} == {title}
    news.judge(1, 0)
    news.tick(NOW + 4 * HOUR)
    assert sorted(heard(web)[6:]) == [("boss", "resolved"), ("hook", "resolved")]


def test_a_mark_taken_back_before_anybody_was_told_is_told_to_nobody(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web, rules=ESCALATES))
    news.judge(0, 1)
    for hours in (0, 2):
        news.tick(NOW + hours * HOUR + MINUTE)
    for _ in range(2):
        mark_false(news, NOW + 3 * HOUR)
        mark_false(news, NOW + 3 * HOUR, undo=True)
    news.tick(NOW + 3 * HOUR)
    assert heard(web) == [("hook", "raised"), ("boss", "nobody is at it")]
    mark_false(news, NOW + 3 * HOUR)
    mark_false(news, NOW + 3 * HOUR, undo=True)
    news.judge(1, 2)
    news.tick(NOW + 4 * HOUR)
    assert heard(web)[2:] == [("hook", "worse")]


def test_where_nobody_is_told_that_things_are_over_nobody_hears_that_they_go_on(
    tmp_path: Path, web: WebServer
) -> None:
    news = Notifying(tmp_path, told(web, send="group_wait: 0, resolved: false"))
    news.judge(0, 2)
    news.tick(NOW)
    for undo in (False, True):
        mark_false(news, NOW + MINUTE, undo=undo)
        news.tick(NOW + MINUTE + undo)
    assert heard(web) == [("hook", "raised")]


def test_marked_before_anybody_was_told_and_taken_back_it_is_told_as_raised(
    tmp_path: Path, web: WebServer
) -> None:
    news = Notifying(tmp_path, told(web))
    news.judge(0, 2)
    mark_false(news, NOW)
    news.tick(NOW)
    assert not web.got
    mark_false(news, NOW + MINUTE, undo=True)
    news.tick(NOW + MINUTE)
    assert heard(web) == [("hook", "raised")]


def test_that_it_goes_on_is_told_though_somebody_is_at_it(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    news.judge(0, 2)
    news.tick(NOW)
    do(news, acknowledge, 1, "ann", "", None, NOW)
    for undo in (False, True):
        mark_false(news, NOW + MINUTE, undo=undo)
        news.tick(NOW + MINUTE + undo)
    assert heard(web) == [("hook", "raised"), ("hook", "resolved"), ("hook", "goes on")]
