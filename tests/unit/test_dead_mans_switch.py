"""The dead man's switch is called while the whole chain is well, and told what is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelmon.alerting import check_alerts
from modelmon.ledger.alert_files import set_file
from receivers import WebServer, web_server
from unit.timed_support import Clocked

SWITCH = "heartbeat: {url: '${env:SWITCH}/secret-path', fail_url: '${env:SWITCH}/secret-path/fail'}\n"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    with web_server() as server:
        monkeypatch.setenv("SWITCH", server.address)
        yield server


def calls(web: WebServer) -> list[tuple[str, str]]:
    return [(got.path.removeprefix("/secret-path"), got.body.decode()) for got in web.got]


def test_it_is_called_once_a_minute_while_all_is_well(tmp_path: Path, web: WebServer) -> None:
    of = Clocked(tmp_path, top=SWITCH)
    of.tick(2)
    of.notifier.tick_blocking(of.now + 1)
    assert calls(web) == [("", "all is well")] * 2


def test_a_function_that_is_down_or_behind_is_told_elsewhere(tmp_path: Path, web: WebServer) -> None:
    of = Clocked(tmp_path, top=SWITCH)
    of.functions["modelmon-stream"] = "behind"
    of.tick()
    of.functions = {"modelmon-stream": "ready"}
    of.tick()
    of.functions["modelmon-writer"] = "down"
    of.tick(3)
    assert calls(web)[0] == ("/fail", "modelmon-stream: behind")
    assert calls(web)[1] == ("", "all is well")


def test_a_channel_that_takes_nothing_is_trouble(tmp_path: Path, web: WebServer) -> None:
    of = Clocked(tmp_path, "  - {name: quiet, when: {silent: 5m}}\n", top=SWITCH)
    of.served("endpoint-1")
    of.refuse("no such room")
    of.wait(12)
    assert calls(web)[-1] == ("/fail", "channel hook: it does not take messages")
    of.wait(64)
    assert calls(web)[-1] == ("", "all is well")


def test_a_channel_that_was_taken_out_is_no_trouble_any_more(tmp_path: Path, web: WebServer) -> None:
    of = Clocked(tmp_path, "  - {name: quiet, when: {silent: 5m}}\n", top=SWITCH)
    of.served("endpoint-1")
    of.refuse("no such room")
    of.wait(12)
    assert calls(web)[-1][0] == "/fail"
    with of.database.write() as connection:
        set_file(connection, f"format: 1\n{SWITCH}", "ann", of.now)
    of.tick()
    assert calls(web)[-1] == ("", "all is well")


def test_one_that_does_not_answer_is_told_of_without_its_secret(tmp_path: Path, web: WebServer) -> None:
    of = Clocked(tmp_path, top=SWITCH)
    web.answers = [(404, {}, b"no /secret-path here")]
    said = of.tick()["unavailable"]["heartbeat"]
    assert "it answers 404" in said
    assert web.address not in said
    assert "secret-path here" in said, "only what a reference holds is secret"


def test_an_address_that_is_no_reference_is_a_mistake() -> None:
    found = check_alerts("format: 1\nheartbeat: {url: 'https://hc.example/abc', fail: x}\n").findings
    said = {"is no key here", "is a secret: whoever knows it can say that all is well"}
    assert {each.problem for each in found} == said
    assert "hc.example" not in str(found)
