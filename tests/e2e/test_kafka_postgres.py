"""The whole chain on Kafka and PostgreSQL, where everything dies under load: accounted for as on SQLite."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from chain import APP, FUNCTIONS, Chain, moments
from chain_platforms import on_kafka
from deploying import eventually, workers_of
from services import kafka
from services.postgres import NEEDS_POSTGRES, PASSWORD, Postgres

pytestmark = [*kafka.NEEDS_KAFKA, *NEEDS_POSTGRES, pytest.mark.slow]
EVENTS, PIECES = 1800, 12
PATIENCE_SECONDS = 180.0
Results = dict[tuple[str, int, str], tuple[float, int | None]]


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A server of this test's own, which it kills."""
    server = Postgres()
    server.start()
    yield server
    server.stop()


def kill_a_worker(chain: Chain, function: str) -> None:
    def ready() -> list[int]:
        return [each["pid"] for each in workers_of(chain.project, function) if each["state"] == "ready"]

    os.kill(eventually(ready, within=PATIENCE_SECONDS)[0], signal.SIGKILL)


def restart(server: Postgres, down_seconds: float) -> None:
    server.kill()
    time.sleep(down_seconds)  # the moment at which it comes back is the random part of this test
    server.start()


def results(chain: Chain) -> Results:
    return {
        (app, start_us - chain.start_us, name): value
        for (app, start_us, name), value in chain.state().results.items()
    }


def on_sqlite(folder: Path) -> Results:
    """What the same events give on SQLite, where nothing dies."""
    chain = Chain(folder)
    with chain.running() as runner:
        chain.publish(chain.events(EVENTS))
        runner.wait_until_idle(PATIENCE_SECONDS)
    return results(chain)


def modelmon(chain: Chain, *arguments: str) -> dict[str, Any]:
    """What a command answers, as JSON."""
    command = [sys.executable, "-m", "modelmon.cli", *arguments, "--project-dir", str(chain.project)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_server_and_every_function_may_be_killed_under_load(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELMON_SQL_PASSWORD", PASSWORD)
    chain = Chain(
        tmp_path / "project",
        **on_kafka(kafka.shared_broker()),
        records_url=postgres.database().replace(f":{PASSWORD}", ""),
        stream_workers=2,
        app_attempts=100,  # a window whose app was killed so often counts as failed: here the kills are ours
    )
    records = chain.events(EVENTS)
    size = EVENTS // PIECES
    waits = iter(moments(17, PIECES, (0.1, 0.8)))
    victims = cycle(FUNCTIONS)
    with chain.running() as runner:
        runner.wait_until_ready(PATIENCE_SECONDS)
        for piece in range(PIECES):
            chain.publish(records[piece * size : (piece + 1) * size])
            if piece % 4 == 3:
                restart(postgres, next(waits))
            else:
                time.sleep(next(waits))
                kill_a_worker(chain, next(victims))
        runner.wait_until_idle(PATIENCE_SECONDS)
    state = chain.state()
    state.assert_each_event_counts_once(EVENTS)
    state.assert_every_window_is_answered(chain.minutes)
    assert results(chain) == on_sqlite(tmp_path / "embedded")
    assert {app for app, _, _ in results(chain)} == {APP}
    (endpoint,) = modelmon(chain, "status", "--json")["endpoints"]
    assert (endpoint["received"], endpoint["stored"], endpoint["windows"]["done"]) == (EVENTS, EVENTS, 6)
    assert "deadlock detected" not in postgres.log
    assert not (tmp_path / "project" / ".modelmon" / "records.db").exists()
    for path in (tmp_path / "project").rglob("*"):
        assert not (path.is_file() and PASSWORD.encode() in path.read_bytes()), path
