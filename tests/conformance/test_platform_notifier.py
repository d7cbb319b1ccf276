"""The function that tells people, on each platform: a channel is tried through it, as `alerts test` does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.platforms import ALONE, Make, Platform
from deploying import cron_trigger
from modelmon.ledger.alert_files import set_file
from modelmon.ledger.records import open_records
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.alerts import try_channels
from receivers import MailServer, WebServer, mail_server, web_server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MAIN = (Path(__file__).parents[2] / "functions" / "notifier" / "main.py").read_text(encoding="utf-8")


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture(params=ALONE)
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    make: Make = request.param
    made = make(tmp_path / "project")
    try:
        yield made
    finally:
        made.close()


def test_a_message_goes_to_every_channel_and_what_is_refused_is_said(
    platform: Platform, web: WebServer, mail: MailServer
) -> None:
    text = f"""
format: 1
channels:
  hook: {{kind: webhook, url: '{web.address}/hook'}}
  team: {{kind: mail, server: '{mail.address}', sender: m@example.com, to: t@example.com}}
"""
    records = open_records(platform.settings)
    with records.write() as connection:
        set_file(connection, text, "ann", wall_clock_us())
    records.close()
    platform.deploy("modelmon-notifier", MAIN, tick=cron_trigger("500ms"))
    platform.start()
    tried = try_channels(platform.settings)
    assert {(each.channel, each.delivered, each.problem) for each in tried} == {
        ("hook", True, ""),
        ("team", True, ""),
    }
    assert (len(web.got), len(mail.mails)) == (1, 1)
    web.answers = [(410, {}, b"gone")]
    (refused,) = try_channels(platform.settings, "hook")
    assert (refused.delivered, refused.problem) == (False, "it answers 410 Gone gone")
