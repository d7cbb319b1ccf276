"""How often workers of a function were started in the place of one that failed is told, and over what."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from api_client import ApiClient
from made_pages import text_of
from modelmon.ledger import heartbeats, registry, restarts
from modelmon.ledger.records import open_records
from modelmon.nuclio.heartbeat import StreamPulse
from modelmon.nuclio.kept import kept
from modelmon.nuclio.stream_progress import StreamProgress
from modelmon.settings import Settings
from modelmon.views.health import every_health, health

US = 1_700_000_000_000_000


def test_restarts_are_counted_and_the_last_error_stays_after_its_heartbeat_went(tmp_path: Path) -> None:
    settings = Settings(project="p", project_dir=str(tmp_path), durability="process")
    database = open_records(settings)
    with database.write() as connection:
        restarts.note_error(connection, "stream", "it stops: the disk is full", US)
        restarts.note_error(connection, "stream", "it stops: the disk is full", US + 1, restarts=1)
        restarts.note_error(connection, "stream", "its last worker was killed", US + 2, restarts=1)
        restarts.note_error(connection, "writer", "it stops: no such column", US)
    found = {each.function: each for each in every_health(database, ["stream", "writer", "calm"], US + 9)}
    assert [found[each].restarts for each in ("stream", "writer", "calm")] == [2, 0, 0]
    assert found["stream"].last_error == "its last worker was killed"
    assert found["calm"].last_error_at is None
    assert health(database, "stream", US) == found["stream"]
    with database.write() as connection:
        registry.put_function(connection, "stream", "infra", {}, deployed=True, now_us=US)
    client = ApiClient(settings)
    page = text_of(client.get("/projects/p/functions").text)
    client.close()
    assert "2023-11-14 22:13 : its last worker was killed" in page
    with database.write() as connection:
        heartbeats.forget_function(connection, "stream")
    assert health(database, "stream", US).restarts == 0
    database.close()


def test_a_worker_that_was_killed_is_one_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUCLIO_FUNCTION_NAME", "stream")
    settings = Settings(project="p", project_dir=str(tmp_path), durability="process")
    context = SimpleNamespace(
        user_data=SimpleNamespace(), trigger=SimpleNamespace(name="events"), worker_id=0
    )
    ours = kept(context)
    ours.settings, ours.last_exit = settings, "ended by SIGKILL"

    async def live() -> None:
        ours.making = asyncio.get_running_loop().create_future()  # the stage is still being made
        pulse = StreamPulse(context, StreamProgress())
        await pulse.begin()
        database = open_records(settings)
        with database.read() as connection:
            (beat,) = heartbeats.by_function(connection)["stream"]
        assert beat.reason.startswith("its last worker ended by SIGKILL")
        assert health(database, "stream", US).restarts == 1
        database.close()
        await pulse.end()

    asyncio.run(live())
