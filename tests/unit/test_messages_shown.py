"""What became of messages is seen at once: on every page, in `modelmon health`, by programs; and mended."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest

from api_client import ApiClient
from made_pages import text_of
from modelmon.cli import main
from modelmon.errors import ConfigError
from modelmon.ledger import messages
from modelmon.ledger.access import list_deeds
from modelmon.ledger.alert_files import set_file
from modelmon.ledger.messages import REFUSED, SENT, WAITING, KeptMessage
from modelmon.ledger.records import open_records
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.alerts import retry_message
from modelmon.settings import Settings
from modelmon.sql.database import Database
from query_counter import counted

HOSTILE = "<script>alert(1)</script>"
ALERTS = """
format: 1
channels:
  oncall: {kind: webhook, url: "https://hooks.example/T1"}
  team: {kind: slack, url: "${env:SLACK}"}
"""
SECOND = 1_000_000


class Shop:
    """A project with two channels."""

    def __init__(self, folder: Path) -> None:
        (folder / "modelmon.yaml").write_text("project: shop\n", encoding="utf-8")
        self.settings = Settings.load(project="shop", project_dir=str(folder), environ={})
        self.records: Database = open_records(self.settings)
        self.now_us = wall_clock_us() - 100 * SECOND
        self.client = ApiClient(self.settings)
        with self.records.write() as connection:
            set_file(connection, ALERTS, "ann", self.now_us)

    def message(self, state: str, channel: str = "oncall", problem: str = "", title: str = "drift") -> str:
        self.now_us += SECOND
        identity = f"{self.now_us:032x}"
        body = f'{{"title": "{title}", "severity": "high", "lines": [{{}}, {{}}], "more": 3}}'
        made = KeptMessage(identity, 1, channel, "g", body, self.now_us, next_us=self.now_us)
        with self.records.write() as connection:
            messages.add_message(connection, made)
            if state != WAITING or problem:
                messages.mark(connection, made, state, problem, self.now_us, self.now_us + 60 * SECOND)
        return identity

    def page(self, path: str = "messages") -> str:
        return text_of(self.client.get(f"/projects/shop/{path}").text)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.client.close()
    shop.records.close()


def health(shop: Shop) -> str:
    """What it says of channels; its exit code is 1 in any case, since no function runs here."""
    argv, sys.argv = sys.argv, ["modelmon", "health", "--project-dir", str(shop.settings.project_dir)]
    said = StringIO()
    with redirect_stdout(said), pytest.raises(SystemExit):
        main()
    sys.argv = argv
    return " ".join(said.getvalue().split())


def test_what_a_channel_has_refused_stands_on_every_page_until_it_takes_one(shop: Shop) -> None:
    assert "not told" not in shop.page("endpoints")
    shop.message(REFUSED, problem="it answers 404 no_service")
    shop.message(REFUSED, problem="it answers 404 channel_is_gone")
    assert "✕ 2 not told" in shop.page("endpoints")
    said = "channel oncall did not take 2 messages, and none since: it answers 404 channel_is_gone"
    assert said in health(shop)
    shop.message(SENT)
    assert "not told" not in shop.page("endpoints")
    assert "did not take" not in health(shop)


def test_the_first_letters_of_an_id_are_enough_where_one_alone_begins_so(shop: Shop) -> None:
    number = shop.message(REFUSED)
    assert retry_message(shop.settings, number[:31]).message_id == number
    other = shop.message(REFUSED)
    with pytest.raises(ConfigError, match=f"several begin with '{number[:8]}', {number} and {other}"):
        retry_message(shop.settings, number[:8])
    with pytest.raises(ConfigError, match="there is no 'abcdef'"):
        retry_message(shop.settings, "abcdef")


def test_a_channel_that_is_gone_is_no_trouble_any_more(shop: Shop) -> None:
    shop.message(REFUSED, channel="before", problem="it answers 404")
    assert "not told" not in shop.page("endpoints")


def test_the_page_says_how_each_channel_stands_and_shows_no_address(shop: Shop) -> None:
    assert "nothing was sent to it yet" in shop.page()
    shop.message(WAITING, channel="team", problem="it answers 503 later")
    shop.message(REFUSED, title=HOSTILE, problem=HOSTILE)
    markup = shop.client.get("/projects/shop/messages").text
    assert "hooks.example" not in markup
    assert "SLACK" not in markup
    assert "<script>alert" not in markup
    page = text_of(markup)
    assert f"takes no messages : {HOSTILE}" in page.replace(" :", " :")
    assert "tried again : it answers 503 later" in page.replace(" :", " :")


def test_what_was_given_up_is_sent_again_by_its_button(shop: Shop) -> None:
    identity = shop.message(REFUSED, problem="no")
    markup = shop.client.get("/projects/shop/messages?show=failed").text
    path = f"/projects/shop/messages/{identity}/retry"
    assert f'action="{path}"' in markup
    same = {"Sec-Fetch-Site": "same-origin"}
    answer = shop.client.request("POST", path, headers=same, data={})
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/projects/shop/messages"
    assert f'action="{path}"' not in shop.client.get("/projects/shop/messages").text
    with shop.records.read() as connection:
        assert messages.due_messages(connection, wall_clock_us(), 9)[0].message_id == identity
        deeds = [each.what for each in list_deeds(connection, 9)[0]]
    assert deeds == ["sent a message again", "set the alerts"]


def test_what_would_be_refused_again_is_said_at_once(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    gone = shop.message(REFUSED, channel="on-call")
    told = "alerts.yaml has no 'on-call' any more, so it would be refused again; did you mean oncall?"
    with pytest.raises(ConfigError, match=re.escape(told)):
        retry_message(shop.settings, gone)
    folder = str(shop.settings.project_dir)
    argv = ["modelmon", "alerts", "retry", gone[:8], "--project-dir", folder]
    with patch.object(sys, "argv", argv), pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, told in " ".join(capsys.readouterr().err.split())) == (2, True)
    answer = shop.client.request("POST", f"/api/v1/projects/shop/messages/{gone}/retry")
    assert (answer.status_code, told in answer.text) == (409, True)
    assert f"{gone}/retry" not in shop.client.get("/projects/shop/messages").text
    with shop.records.read() as connection:
        assert messages.one_message(connection, gone).state == REFUSED


def test_programs_page_through_messages_and_send_them_again(shop: Shop) -> None:
    made = [shop.message(SENT) for _ in range(4)] + [shop.message(REFUSED, problem="no") for _ in range(3)]
    base, found, after = "/api/v1/projects/shop", [], ""
    while True:
        answer = shop.client.get(f"{base}/messages?page-size=3&page-token={after}").json()
        found += [each["message_id"] for each in answer["messages"]]
        if not (after := answer["after"]):
            break
    assert found == made[::-1]
    failed = shop.client.get(f"{base}/messages?failed=true").json()["messages"]
    assert [each["message_id"] for each in failed] == made[:3:-1]
    assert failed[0]["incidents"] == 5
    oncall, team = shop.client.get(f"{base}/channels").json()
    assert (oncall["name"], oncall["failed"], oncall["problem"]) == ("oncall", 3, "no")
    assert (team["kind"], team["last_sent"]) == ("slack", None)
    retry = f"{base}/messages/{made[-1]}/retry"
    assert shop.client.request("POST", retry).json()["state"] == "waiting"
    assert shop.client.request("POST", retry).status_code == 409
    assert shop.client.request("POST", f"{base}/messages/none/retry").status_code == 404
    with shop.records.read() as connection:
        deeds = [(each.what, each.outcome) for each in list_deeds(connection, 9)[0]]
    asked = "POST /api/v1/projects/{project}/messages/{message}/retry"
    assert deeds[:-1] == [(asked, "404"), (asked, "409"), ("sent a message again", "waiting")]
    assert shop.client.get(f"{base}/messages?page-token=none").status_code == 400


@pytest.mark.slow
def test_a_long_history_is_not_more_to_read(shop: Shop) -> None:
    def steps() -> int:
        shop.page()
        with counted(*(each.database for each in shop.client.application.state.projects.values())) as work:
            shop.page()
        return work.steps

    def some(many: int) -> None:
        for _ in range(many):
            shop.message(SENT)
        shop.message(REFUSED, problem="no")

    some(110)
    before = steps()
    some(330)
    assert steps() <= before * 1.1 + 50
