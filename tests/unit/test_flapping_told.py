"""Who is told of what comes and goes, and where it is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from api_client import ApiClient
from command_line import called
from made_pages import text_of
from modelmon.ledger import outbox
from modelmon.ledger.alert_files import newest_file
from modelmon.ledger.incident_schema import incident_events, incidents
from modelmon.ledger.incident_schema import outbox as facts
from modelmon.ledger.schema import windows
from modelmon.stages.notifier import Notifier
from modelmon.stages.notifier.composing import KNOWN
from modelmon.stages.notifier.lines import line_of
from receivers import WebServer
from unit.notifying_support import NOW, Notifying
from unit.timed_support import Clocked
from unit.window_support import at

MINUTE = 60_000_000
NUMBERS = "flapping: {changes: 2, windows: 6, calm: 2}"


@pytest.fixture
def news(tmp_path: Path, web: WebServer) -> Notifying:
    (tmp_path / "modelmon.yaml").write_text("project: flights\n")
    (tmp_path / ".modelmon").mkdir()
    hook = f"channels: {{hook: {{kind: webhook, url: '{web.address}', per_second: 1000}}}}\n"
    send = "send: {group_wait: 0, group_interval: 0}\n"
    text = f"format: 1\n{hook}{send}rules: [{{name: result-status, {NUMBERS}}}]\n"
    return Notifying(tmp_path, text, records_url=f"sqlite:///{tmp_path}/.modelmon/records.db")


def judge(news: Notifying, *statuses: int) -> None:
    """Each window, and a tick of a notifier that has begun anew."""
    for number, status in enumerate(statuses):
        news.judge(number, status)
        news.notifier = Notifier(news.chain.settings, news.chain.database)
        news.tick(NOW + number * MINUTE)


def judge_again(news: Notifying, number: int, status: int) -> None:
    """A window is found so now, as after rows that came late."""
    place = news.endpoints[0], number
    event = news.events[place]
    news.events[place] = replace(event, window_revision=event.window_revision + 1)
    with news.chain.database.write() as connection:
        wanted = update(windows).where(windows.c.start_us == at(10 * number))
        connection.execute(wanted.values(wanted=windows.c.wanted + 1, sent=windows.c.sent + 1))
    news.judge(number, status)


def told(web: WebServer) -> list[tuple[int, str]]:
    lines = [line for got in web.got for line in got.json["data"]["incidents"]]
    return [(each["incident_id"], each["what"]) for each in lines]


def kinds(news: Notifying) -> list[str]:
    with news.chain.database.read() as connection:
        query = select(facts.c.kind).where(facts.c.kind.like("incident%")).order_by(facts.c.number)
        return list(connection.scalars(query))


def test_one_message_says_that_it_flaps_and_one_that_it_is_over(news: Notifying, web: WebServer) -> None:
    judge(news, 2, 0, 2, 0, 2)
    assert told(web) == [(1, "raised"), (1, "resolved"), (2, "flapping")]
    newest = web.got[-1].json["data"]
    assert newest["title"] == "endpoint-1-name: data drift detected, flapping"
    said = newest["incidents"][0]["facts"]["flapping"]
    assert said == "it comes and goes; held open, and told no more, until 2 calm windows in a row"
    raised, over, held = (f"incident-{each}" for each in ("raised", "resolved", "flapping"))
    assert kinds(news) == [raised, over, raised, held]


def test_when_it_is_calm_for_good_it_is_over_and_can_be_raised_again(news: Notifying, web: WebServer) -> None:
    with news.chain.database.read() as connection:
        text = newest_file(connection).text
    news.alerts(text.replace(NUMBERS, "flapping: {changes: 1, windows: 4, calm: 2}"))
    judge(news, 2, 0, 0, 2)
    assert told(web) == [(1, "raised"), (1, "flapping"), (1, "resolved"), (2, "raised")]


def test_late_windows_that_change_when_it_flaps_tell_of_it_once(news: Notifying, web: WebServer) -> None:
    judge(news, 2, 0, 2)
    for minute, status in enumerate((2, 0, 2, 0), start=5):
        judge_again(news, 1, status)
        news.tick(NOW + minute * MINUTE)
    assert told(web) == [(1, "raised"), (1, "resolved"), (2, "flapping")]
    assert KNOWN in {each.why for each in news.notices()}, "what was over is withdrawn, and told of no more"
    (open_one,) = (row for row in news.chain.incidents() if row.resolved_us is None)
    assert open_one.flapping_us is not None
    assert kinds(news).count("incident-flapping") == 3


def test_who_is_at_it_stays_at_it_when_it_begins_to_flap(news: Notifying, web: WebServer) -> None:
    judge(news, 1, 0)
    news.judge(2, 1)
    with news.chain.database.write() as connection:
        connection.execute(update(incidents).values(acked_us=1, acked_by="ann"))
    news.judge(3, 0)
    news.judge(4, 1)
    (row,) = (row for row in news.chain.incidents() if row.resolved_us is None)
    assert (row.acked_by, row.flapping_us is not None) == ("ann", True)


def test_a_rule_may_leave_it_as_it_is(news: Notifying, web: WebServer) -> None:
    news.alerts("format: 1\nrules: [{name: result-status, flapping: off}]\n")
    judge(news, 2, 0, 2, 0, 2)
    assert [row.flapping_us for row in news.chain.incidents()] == [None] * 3


def test_what_a_rule_holds_open_is_over_by_the_words_that_it_is_changed_to(
    news: Notifying, web: WebServer
) -> None:
    judge(news, 2, 0, 2, 0)
    news.alerts("format: 1\nrules: [{name: result-status, flapping: off}]\n")
    news.judge(4, 0)
    assert [(row.state, row.reason) for row in news.chain.incidents()] == [("resolved", "calm")] * 2


@pytest.mark.slow
def test_a_rule_by_the_clock_flaps_too(tmp_path: Path) -> None:
    of = Clocked(tmp_path, "  - {name: not-running, when: {not_running: 2m}}\n")
    of.tick()
    for _ in range(8):
        of.functions["modelmon-writer"] = "down"
        of.tick(3)
        of.functions["modelmon-writer"] = "ready"
        of.tick()
    of.tick(10)
    assert [what for what, *_ in of.said()] == ["raised", "resolved", "raised", "resolved", "flapping"]
    assert of.open() == [("not-running", "function modelmon-writer")]
    of.tick(1)
    assert [what for what, *_ in of.said()][5:] == ["resolved"]
    sizes = of.sizes()
    of.tick(30)
    assert of.sizes() == sizes


def test_a_fact_that_was_written_by_a_version_before_is_read(news: Notifying, web: WebServer) -> None:
    news.judge(0, 2)
    with news.chain.database.read() as connection:
        outbox_of = outbox.read(connection, "nobody", 99)
    (fact,) = (each.fact for each in outbox_of if each.fact.kind == "incident-raised")
    before = {name: each for name, each in fact.body.items() if name != "flapping"}
    line = line_of(before, "raised", "flights", "", 10, None)
    assert "flapping" not in dict(line.facts)


def test_it_is_shown_where_incidents_are(
    news: Notifying, web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    judge(news, 2, 0, 2, 0)
    monkeypatch.chdir(tmp_path)
    listed = called(monkeypatch, capsys, "incidents", "list")
    assert "incident 2: raised, flapping" in listed
    shown = called(monkeypatch, capsys, "incidents", "list", "--json")["incidents"]
    assert [each["flapping"] for each in shown] == ["2023-11-14 22:40:00.000000+00:00", None]
    client = ApiClient(news.chain.settings)
    assert client.get("/api/v1/projects/flights/incidents").json()["incidents"] == shown
    assert "flapping" in text_of(client.get("/projects/flights/incidents").text)
    page = text_of(client.get("/projects/flights/incidents/2").text)
    assert "it comes and goes: held open until it is calm for good" in page
    news.judge(4, 0)
    assert "raised, flapping" not in called(monkeypatch, capsys, "incidents", "list")
    with news.chain.database.read() as connection:
        history = connection.execute(select(incident_events).where(incident_events.c.incident_id == 2))
        assert [row.after for row in history] == ["raised", "flapping", "resolved"]
