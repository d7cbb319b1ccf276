"""After an outage a channel gets all in order; no channel, and no action, waits for another's backlog."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelmon.stages.notifier import notifier
from receivers import OK, WebServer
from unit.notifying_support import NOW, Notifying

SECOND = 1_000_000
EACH = "send: {group_by: [endpoint], group_wait: 0, group_interval: 0"


def hook(web: WebServer, name: str, pace: float = 1000) -> str:
    return f"  {name}: {{kind: webhook, url: {web.address}/{name}, per_second: {pace}}}\n"


def told(web: WebServer, path: str) -> list[tuple[str, str]]:
    """What was tried at this path, in order."""
    tried = [got.json["data"]["incidents"][0] for got in web.got if got.path == path]
    return [(each["endpoint"].removesuffix("-name"), each["what"]) for each in tried]


def test_nothing_is_told_before_what_waits_for_its_next_try(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, f"format: 1\nchannels:\n{hook(web, 'hook')}{EACH}}}\n", endpoints=2)
    web.answers = [(500, {}, b""), OK]
    news.judge(0, 2)
    news.tick()
    news.judge(0, 2, which=1)
    done = news.tick(NOW + SECOND)
    assert (done["sent"], done["left"]) == (0, False)
    assert told(web, "/hook") == [("endpoint-1", "raised")]
    assert news.tick(NOW + 15 * SECOND)["sent"] == 2
    assert told(web, "/hook")[1:] == [("endpoint-1", "raised"), ("endpoint-2", "raised")]


def test_a_fallback_is_told_in_order_too(tmp_path: Path, web: WebServer) -> None:
    channels = hook(web, "hook") + hook(web, "other")
    rules = "rules:\n  - {name: result-status, when: {status: suspected}, channels: [hook]}\n"
    news = Notifying(tmp_path, f"format: 1\nchannels:\n{channels}{EACH}, fallback: other}}\n{rules}")
    others = iter([(500, {}, b"")])
    web.decide = lambda got: (404, {}, b"") if got.path == "/hook" else next(others, OK)
    news.judge(0, 2)
    news.tick()  # refused
    news.tick(NOW + SECOND)  # the fallback is down
    news.judge(1, 0)
    news.tick(NOW + 2 * SECOND)
    news.tick(NOW + 3 * SECOND)
    assert told(web, "/hook") == [("endpoint-1", "raised"), ("endpoint-1", "resolved")]
    assert told(web, "/other") == [("endpoint-1", "raised")]
    news.tick(NOW + 20 * SECOND)
    assert told(web, "/other")[1:] == [("endpoint-1", "raised"), ("endpoint-1", "resolved")]


def test_however_long_what_came_before_took_messages_and_actions_have_their_time(
    tmp_path: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions = f"actions:\n  again: {{kind: webhook, url: {web.address}/start}}\n"
    rules = "rules:\n  - {name: a, action: again}\n"
    channels = f"format: 1\nchannels:\n{hook(web, 'hook')}"
    news = Notifying(tmp_path, f"{channels}{EACH}}}\n{actions}{rules}")
    web.answers = [(500, {}, b""), (500, {}, b""), OK]
    news.judge(0, 2)
    assert news.tick()["started"] == 0
    monkeypatch.setattr(notifier, "TICK_SECONDS", 0.0)
    done = news.tick(NOW + 20 * SECOND)
    assert (done["sent"], done["started"]) == (1, 1)
