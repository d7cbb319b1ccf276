"""News becomes messages, and messages get to their channels: each once, in order, or put off."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelmon.errors import UnavailableError
from modelmon.incidents import Reason
from modelmon.ledger import outbox
from modelmon.ledger.facts import incident_fact
from modelmon.ledger.false_alarms import mark
from modelmon.ledger.handling import note_end
from modelmon.ledger.incidents import reset
from modelmon.ledger.messages import pause
from modelmon.model import from_us, wall_clock_us
from modelmon.model_monitoring.alerts import try_channels
from modelmon.stages.notifier.endings import WORDS
from receivers import OK, MailServer, WebServer, mail_server
from unit.notifying_support import NOW, Notifying

SECOND = 1_000_000
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
DETAIL = json.dumps(
    {"feature": "wind", "found": "`wind` level +0.4 sigma", "why": "1 a month", "next": "Look at the sensor."}
)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


class BrokenSeries:
    """A store that nobody reaches."""

    def close(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        raise UnavailableError("the series are down")


def told(web: WebServer, send: str = "") -> str:
    return f"""
format: 1
channels:
  hook: {{kind: webhook, url: {web.address}/hook, per_second: 1000}}
send: {{group_wait: 0, {send}}}
"""


def what(web: WebServer) -> list[list[tuple[str, str]]]:
    return [[(each["endpoint"], each["what"]) for each in got.json["data"]["incidents"]] for got in web.got]


def test_what_is_raised_is_told_once_with_all_that_one_wants_to_know(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    news.judge(0, 2, extra_data=DETAIL)
    assert news.tick()["sent"] == 1
    assert news.tick(NOW + HOUR)["sent"] == 0
    (got,) = web.got
    data = got.json["data"]
    assert data["title"] == "endpoint-1-name: data drift detected"
    (incident,) = data["incidents"]
    assert incident["found"] == "wind 0.80, drift: `wind` level +0.4 sigma"
    assert incident["facts"]["window"] == "2023-11-14 22:20 to 2023-11-14 22:30 UTC"
    assert incident["facts"]["rows"] == "100"
    assert incident["facts"]["since"] == "2023-11-14 22:20 UTC"
    assert incident["todo"] == "Look at the sensor."
    assert incident["link"] == "https://monitoring.example/projects/flights/incidents/1"


def test_that_it_is_over_has_what_was_worst_and_says_that_it_was(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web, "group_interval: 0"))
    news.judge(0, 2, value=0.8)
    news.tick()
    news.judge(1, 0, value=0.1)
    news.tick(NOW + MINUTE)
    (over,) = web.got[-1].json["data"]["incidents"]
    assert over["found"] == "at worst drift 0.80"
    assert over["facts"]["window"] == "2023-11-14 22:30 to 2023-11-14 22:40 UTC"


def test_who_ended_it_and_what_they_said_is_told(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web, "group_interval: 0"), endpoints=2)
    for which in (0, 1):
        news.judge(0, 2, which=which)
    news.tick()
    with news.chain.database.write() as connection:
        note_end(connection, 1, "ann", "the feed is mended", NOW)
        ended = [*reset(connection, 1, NOW), *mark(connection, 2, "bob", "a holiday", NOW)]
        outbox.write(connection, [incident_fact(news.chain.settings, each) for each in ended], NOW)
    news.tick(NOW + MINUTE)
    over = {each["incident_id"]: each["facts"]["why over"] for each in web.got[-1].json["data"]["incidents"]}
    assert over == {
        1: "ended by hand by ann: the feed is mended", 2: "called a false alarm by bob: a holiday",
    }  # fmt: skip


def test_every_reason_has_its_words() -> None:
    assert set(WORDS) == set(Reason) - {Reason.RESET, Reason.FALSE_ALARM}


def test_moments_are_as_iso_8601_has_them(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    news.judge(0, 2)
    news.tick()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", web.got[0].json["timestamp"])


@pytest.mark.slow
def test_a_hundred_endpoints_are_one_message(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web), endpoints=100)
    for number in range(100):
        news.judge(0, 2, which=number)
    news.tick()
    (got,) = web.got
    data = got.json["data"]
    assert (data["title"], len(data["incidents"]), data["more"]) == (
        "data drift: 100 endpoints, 100 raised",
        10,
        90,
    )


def test_what_is_over_before_it_was_told_is_told_to_nobody(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    news.judge(0, 2)
    news.judge(1, 0)
    assert news.tick()["messages"] == 0
    assert {each.state for each in news.notices()} == {"dropped"}
    assert not web.got


def test_that_it_is_over_comes_after_that_it_began(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web, "group_interval: 5m"))
    news.judge(0, 1)
    news.tick()
    news.judge(1, 2)
    news.tick(NOW + MINUTE)
    assert len(web.got) == 1, "the group was told of a minute ago"
    news.judge(2, 0)
    news.tick(NOW + 6 * MINUTE)
    assert what(web) == [[("endpoint-1-name", "raised")], [("endpoint-1-name", "resolved")]]


def test_a_channel_that_is_down_gets_all_of_it_in_order_later(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web, "group_interval: 0"))
    web.answers = [(503, {"Retry-After": "600"}, b"later"), OK]
    news.judge(0, 2)
    done = news.tick()
    assert (done["sent"], done["later"]) == (0, 1)
    assert "503" in done["unavailable"]["channel hook"]
    news.judge(1, 0)
    news.tick(NOW + 500 * SECOND)
    assert len(web.got) == 1, "it wants to be left alone for ten minutes"
    news.tick(NOW + 700 * SECOND)
    news.tick(NOW + 701 * SECOND)
    assert what(web) == [[("endpoint-1-name", "raised")]] * 2 + [[("endpoint-1-name", "resolved")]]
    first, again, _ = (got.headers["webhook-id"] for got in web.got)
    assert first == again


def test_a_channel_that_says_when_to_come_again_is_left_alone_until_then(
    tmp_path: Path, web: WebServer
) -> None:
    news = Notifying(tmp_path, told(web, "group_by: [endpoint], group_interval: 0"), endpoints=3)
    web.answers = [(429, {"Retry-After": "90"}, b"slower"), OK]
    for which in range(3):
        news.judge(0, 2, which=which)
    news.tick()
    news.tick(NOW + 80 * SECOND)
    assert len(web.got) == 1, "every message is one too many"
    assert not news.tick(NOW + 85 * SECOND)["left"]
    assert news.tick(NOW + 91 * SECOND)["sent"] == 3
    assert {each["endpoint"] for got in web.got for each in got.json["data"]["incidents"]} == {
        f"endpoint-{number}-name" for number in (1, 2, 3)
    }


def test_whoever_tries_a_channel_that_wants_to_be_left_alone_is_told_until_when(
    tmp_path: Path, web: WebServer
) -> None:
    news = Notifying(tmp_path, told(web))
    now_us = wall_clock_us()
    with news.chain.database.write() as connection:
        pause(connection, "hook", now_us + HOUR)
        pause(connection, "hook", now_us + MINUTE)  # the longer one stays
    (tried,) = try_channels(news.chain.settings)
    until = f"{from_us(now_us + HOUR):%Y-%m-%d %H:%M:%S} UTC"
    assert (tried.delivered, tried.problem) == (False, f"it wants to be left alone until {until}")


@pytest.mark.slow
def test_the_waits_between_tries_grow_and_end_after_a_day(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    web.answers = [(500, {}, b"")]
    news.judge(0, 2)
    news.tick()
    now, waits = NOW, []
    while news.messages()[0].state == "waiting":
        waits.append(news.messages()[0].next_us - now)
        now = news.messages()[0].next_us
        news.tick(now)
    assert waits[:9] == sorted(waits[:9])
    assert waits[0] >= 10 * SECOND
    assert waits[-1] > HOUR
    assert 20 * HOUR < sum(waits) <= 24 * HOUR
    assert news.messages()[0].state == "expired"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 302])
def test_what_is_refused_goes_to_the_fallback_at_once(
    tmp_path: Path, web: WebServer, mail: MailServer, status: int
) -> None:
    web.answers = [(status, {"Location": "http://127.0.0.1/"}, b"no_service")]
    text = told(web, "fallback: team").replace(
        "send:",
        f"  team: {{kind: mail, server: '{mail.address}', sender: m@example.com, to: t@example.com}}\nsend:",
    )
    news = Notifying(tmp_path, text)
    news.judge(0, 2)
    assert news.tick()["refused"] == 1
    news.tick(NOW + SECOND)
    (got,) = mail.mails
    assert f"channel hook did not take this: it answers {status}" in got["Subject"].replace("\r\n", "")
    assert news.tick(NOW + HOUR)["sent"] == 0


def test_a_message_that_tries_a_channel_goes_nowhere_else(tmp_path: Path, web: WebServer) -> None:
    both = f"  other: {{kind: webhook, url: {web.address}/other, per_second: 1000}}\nsend:"
    news = Notifying(tmp_path, told(web, "fallback: other").replace("send:", both))
    (tried,) = try_channels(news.chain.settings, "hook", seconds=0)
    assert not tried.delivered
    news.alerts(f"format: 1\nchannels:\n{both} {{fallback: other}}\n")
    now = wall_clock_us()
    assert news.tick(now)["refused"] == 1
    assert (news.tick(now + MINUTE)["sent"], web.got) == (0, [])
    assert [(each.channel, each.state) for each in news.messages()] == [("hook", "refused")]


def test_a_mail_is_text_and_html_with_an_id_of_its_own(tmp_path: Path, mail: MailServer) -> None:
    text = f"""
format: 1
channels:
  team: {{kind: mail, server: '{mail.address}', sender: m@example.com, to: [a@example.com, b@example.com]}}
send: {{group_wait: 0}}
"""
    news = Notifying(tmp_path, text)
    news.judge(0, 2, extra_data=DETAIL)
    assert news.tick()["sent"] == 1
    (got,) = mail.mails
    assert got["Message-ID"] == f"<{news.messages()[0].message_id}@example.com>"
    assert got["Subject"] == "[flights] endpoint-1-name: data drift detected"
    plain, markup = (part.get_content() for part in got.iter_parts())
    for part in (plain, markup):
        assert "wind 0.80, drift: `wind` level +0.4 sigma" in part
        assert "https://monitoring.example/projects/flights/incidents/1" in part


@pytest.mark.parametrize(("report", "links", "files"), [("link", 2, 0), ("attach", 0, 1), ("none", 0, 0)])
def test_the_report_on_the_worst_incident_is_linked_or_attached_or_left_out(
    tmp_path: Path, mail: MailServer, report: str, links: int, files: int
) -> None:
    text = f"""
format: 1
channels:
  team: {{kind: mail, server: '{mail.address}', sender: m@example.com, to: t@example.com, report: {report}}}
send: {{group_wait: 0}}
"""
    news = Notifying(tmp_path, text, endpoints=2)
    news.judge(0, 1, which=1)
    news.judge(0, 2, extra_data=DETAIL)
    news.tick()
    (got,) = mail.mails
    body = got.get_body(("html",))
    assert body is not None
    where = "https://monitoring.example/projects/flights/endpoints/endpoint-1/report.html?window=2023-11-14T22%3A20%3A00Z"
    markup = body.get_content()
    assert (markup.count("Report on this window"), where in markup) == (links, links > 0)
    attached = list(got.iter_attachments())
    assert len(attached) == files
    for each in attached:
        assert each.get_filename() == "endpoint-1-name-2023-11-14T2220.html"
        assert "endpoint-1-name" in each.get_content()
    news.judge(1, 0)
    news.judge(1, 0, which=1)
    news.tick(NOW + HOUR)
    assert not list(mail.mails[1].iter_attachments()), "what is over has no report"


def test_a_mail_waits_for_no_report(tmp_path: Path, mail: MailServer) -> None:
    text = f"""
format: 1
channels:
  team: {{kind: mail, server: '{mail.address}', sender: m@example.com, to: t@example.com, report: attach}}
send: {{group_wait: 0}}
"""
    news = Notifying(tmp_path, text)
    news.judge(0, 2)
    news.notifier._series = BrokenSeries()  # type: ignore[assignment]
    assert news.tick()["sent"] == 1
    assert not list(mail.mails[0].iter_attachments())
    body = mail.mails[0].get_body(("html",))
    assert body is not None
    assert "Report on this window" in body.get_content(), "it is linked in place of that"


def test_what_was_taken_is_taken_whatever_the_answer_says(tmp_path: Path, web: WebServer) -> None:
    web.answers = [(200, {"Content-Encoding": "gzip"}, b"that is no gzip")]
    news = Notifying(tmp_path, told(web))
    news.judge(0, 2)
    assert news.tick()["sent"] == 1


def test_without_a_channel_nothing_is_kept_to_be_sent(tmp_path: Path) -> None:
    news = Notifying(tmp_path, "")
    news.judge(0, 2)
    done = news.tick()
    assert (done["facts"] > 0, done["messages"], news.notices()) == (True, 0, [])


@pytest.mark.parametrize("reference", ["${env:NO_SUCH_VARIABLE}", "${file:/no/such/file}"])
def test_a_secret_that_is_missing_is_said_and_waited_for(
    tmp_path: Path, web: WebServer, reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"format: 1\nchannels:\n  chat: {{kind: slack, url: '{reference}'}}\nsend: {{group_wait: 0}}\n"
    news = Notifying(tmp_path, text)
    news.judge(0, 2)
    said: dict[str, Any] = news.tick()["unavailable"]
    assert "NO_SUCH_VARIABLE is not set" in str(said) or "/no/such/file can't be read" in str(said)
    monkeypatch.setenv("NO_SUCH_VARIABLE", f"{web.address}/services/T1/B2/secretsecret")
    news.tick(NOW + 20 * SECOND)
    assert [got.path for got in web.got] == (["/services/T1/B2/secretsecret"] if "env" in reference else [])
