"""A clock that was ahead and is set right: nothing waits for what it showed, and nothing is told again."""

from __future__ import annotations

from pathlib import Path

from modelmon.ledger.channel_states import broken_channels
from receivers import OK, WebServer
from unit.notifying_support import NOW, Notifying, heard, told

MINUTE, HOUR = 60_000_000, 3_600_000_000
AHEAD = NOW + 10 * HOUR


def test_news_that_was_noted_ahead_of_time_is_told_now(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web, "group_wait: 30s"))
    news.judge(0, 2, now=AHEAD)
    news.tick(AHEAD)
    for later in (0, 1, 2):
        news.tick(NOW + later * MINUTE)
    assert heard(web) == [("hook", "raised")]


def test_a_message_that_was_put_off_ahead_of_time_is_tried_now(tmp_path: Path, web: WebServer) -> None:
    web.answers = [(503, {}, b""), (429, {"Retry-After": "300"}, b""), OK]
    news = Notifying(tmp_path, told(web, "group_wait: 0"))
    news.judge(0, 2)
    news.tick()
    news.tick(AHEAD)
    assert len(web.got) == 2
    news.tick(NOW + MINUTE)
    news.tick(NOW + 7 * MINUTE + 1)
    assert len(web.got) == 3
    assert [each.state for each in news.messages()] == ["sent"]


def test_what_is_repeated_and_escalated_waits_no_longer_than_it_has_to(
    tmp_path: Path, web: WebServer
) -> None:
    rules = "rules: [{name: all, match: {results: '*'}, repeat: 2h, escalate: {after: 1h, channels: boss}}]"
    news = Notifying(tmp_path, told(web, "group_wait: 0", rules))
    news.judge(0, 2, now=AHEAD)
    news.tick(AHEAD)
    news.tick(NOW)
    assert heard(web) == [("hook", "raised")]
    news.tick(NOW + HOUR + 2 * MINUTE)
    assert heard(web)[1:] == [("boss", "nobody is at it")]
    news.tick(NOW + 2 * HOUR + 3 * MINUTE)
    assert heard(web)[2:] == [("hook", "still open")]


def test_a_channel_that_takes_nothing_is_shown_though_it_took_something_ahead_of_time(
    tmp_path: Path, web: WebServer
) -> None:
    web.answers = [OK, (404, {}, b"")]
    news = Notifying(tmp_path, told(web, "group_wait: 0"), endpoints=2)
    news.judge(0, 2, now=AHEAD)
    news.tick(AHEAD)
    news.tick(NOW)
    news.judge(0, 2, now=NOW + 2 * MINUTE, which=1)
    news.tick(NOW + 2 * MINUTE)
    with news.chain.database.read() as connection:
        assert [each.channel for each in broken_channels(connection, NOW + 3 * MINUTE)] == ["hook"]
