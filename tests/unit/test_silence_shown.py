"""Nobody is heard though several endpoints are expected: who looks is told, until somebody is heard."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from api_client import ApiClient
from made_project import HOUR, Made, Shape, make
from modelmon.cli import main
from modelmon.ledger import heartbeats, registry
from modelmon.ledger.records import open_records
from modelmon.model import Heartbeat, WorkerState, wall_clock_us

UNTIL_US = 1_767_225_600_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made") / "project", Shape(UNTIL_US, endpoints=2, features=2, days=1))


@pytest.fixture
def client(made: Made) -> Iterator[ApiClient]:
    client = ApiClient(made.settings)
    yield client
    client.close()


def note_silence(made: Made, since_us: int) -> None:
    """As the controller does."""
    records = open_records(made.settings)
    with records.write() as connection:
        registry.set_value(connection, "all_silent", [since_us, since_us + HOUR, 12])
    records.close()


def note_function(made: Made) -> None:
    """One that does its work."""
    records = open_records(made.settings)
    with records.write() as connection:
        now_us = wall_clock_us()
        beat = Heartbeat(
            "modelmon-stream", "host/1", "events", WorkerState.READY, "", now_us, now_us, now_us + HOUR
        )
        heartbeats.put(connection, beat)
    records.close()


@pytest.mark.parametrize(("is_silent", "works"), [(True, False), (False, False), (True, True), (False, True)])
def test_the_page_rest_metrics_and_health_say_since_when_nobody_is_heard(
    made: Made,
    client: ApiClient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_silent: bool,
    works: bool,
) -> None:
    if works:  # stays, as the cases after it want it
        note_function(made)
    note_silence(made, UNTIL_US + HOUR if is_silent else UNTIL_US - HOUR)  # requests came until UNTIL_US
    words = "obody is heard since 2026-01-01 01:00 UTC: none of the 12 endpoints"
    assert (words in client.get("/projects/made/endpoints").text) == is_silent
    overview = client.get("/api/v1/projects/made/overview").json()
    assert (overview["silence"] is not None) == is_silent
    assert f'modelmon_all_silent{{project="made"}} {int(is_silent)}' in client.get("/metrics").text
    arguments = ["modelmon", "health", "--json", "--project-dir", str(made.settings.project_dir)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == int(is_silent or not works)
    told = json.loads(capsys.readouterr().out)
    assert (told["silence"] is not None) == is_silent
    monkeypatch.setattr(sys, "argv", [each for each in arguments if each != "--json"])
    with pytest.raises(SystemExit):
        main()
    assert (words in capsys.readouterr().out) == is_silent
