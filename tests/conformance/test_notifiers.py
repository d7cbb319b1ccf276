"""Two notifiers at once, on every database; and one whose records can't be written for a while."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from conformance.store_backends import RECORDS
from modelmon.errors import UnavailableError
from modelmon.ledger import messages
from modelmon.ledger.alert_files import set_file
from modelmon.ledger.messages import SENT, WAITING, KeptMessage
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.notifier import Notifier
from modelmon.stages.notifier.notifier import BUSY
from receivers import WebServer, web_server

NOW = 1_700_000_400_000_000
MINUTE = 60_000_000
MANY = 30


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture(params=RECORDS)
def records(request: pytest.FixtureRequest, tmp_path: Path, web: WebServer) -> Iterator[Database]:
    database = request.param(tmp_path)
    text = f"format: 1\nchannels:\n  hook: {{kind: webhook, url: '{web.address}', per_second: 1000}}\n"
    body = (
        '{"message_id": "%s", "project": "p", "title": "t", "severity": "high", "lines": [], '
        '"at": "2026-11-30 02:00:35+00:00"}'
    )
    with database.write() as connection:
        set_file(connection, text, "ann", NOW)
        for number in range(MANY):
            identity = f"{number:032x}"
            kept = KeptMessage(identity, number, "hook", f"{number}", body % identity, NOW, next_us=NOW)
            messages.add_message(connection, kept)
    yield database
    database.close()


def ids(web: WebServer) -> list[str]:
    return [got.headers["webhook-id"] for got in web.got]


def test_of_two_notifiers_one_works_and_every_message_goes_once(
    records: Database, web: WebServer, tmp_path: Path
) -> None:
    settings, begin = Settings.load(tmp_path, {}), Barrier(4)

    def work(_: int) -> list[Any]:
        notifier = Notifier(settings, records)
        begin.wait()
        return [notifier.tick_blocking(NOW + 1 + turn)["state"] for turn in range(10)]

    with ThreadPoolExecutor(4) as threads:
        said = [state for states in threads.map(work, range(4)) for state in states]
    assert ids(web) == [f"{number:032x}" for number in range(MANY)]
    assert set(said) <= {"done", BUSY}
    with records.read() as connection:
        assert messages.count_outcomes(connection) == {("hook", SENT): MANY}


def on_a_full_disk(name: str, after: int) -> Callable[..., Any]:
    """What `messages` does, but for the `after`-th call, for which there is no room."""
    real, calls = getattr(messages, name), Counter[str]()

    def tried(*arguments: Any, **more: Any) -> Any:
        calls[name] += 1
        if calls[name] == after:
            raise UnavailableError("the disk is full")
        return real(*arguments, **more)

    return tried


@pytest.mark.parametrize(("step", "twice"), [("claim", 0), ("mark", 1)])
def test_where_the_disk_is_full_nothing_is_lost_and_what_was_not_noted_goes_again_under_its_id(
    records: Database,
    web: WebServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    twice: int,
) -> None:
    notifier = Notifier(Settings.load(tmp_path, {}), records)
    monkeypatch.setattr(messages, step, on_a_full_disk(step, after=10))
    with pytest.raises(UnavailableError, match="the disk is full"):
        notifier.tick_blocking(NOW + 1)
    for minutes in (1, 3, 5):
        notifier.tick_blocking(NOW + minutes * MINUTE)
    came = Counter(ids(web))
    assert came.keys() == {f"{number:032x}" for number in range(MANY)}
    assert sum(came.values()) == MANY + twice
    with records.read() as connection:
        assert not any(state == WAITING for _, state in messages.count_states(connection))
