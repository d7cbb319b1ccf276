"""A function that fails at every message is `failed` whenever somebody looks, and ready once it is mended."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from deploying import deploy, eventually, make_project, stream_trigger, workers_of
from modelmon.cli.health import read_health
from modelmon.local import Runner
from modelmon.settings import Settings
from modelmon.streams import open_stream
from modelmon.streams.sqlite_partition import file_name

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

READER = """
    from modelmon.nuclio import message_handlers
    from modelmon.streams.subscriptions import Subscription

    class Stage:
        def __init__(self, settings, acknowledge):
            self.subscription = Subscription(settings.events_url, settings.events_partitions, "readers")
            self.acknowledge = acknowledge
        async def accept(self, *messages):
            for message in messages:
                ACCEPT
                await self.acknowledge(message.partition, message.offset)
        async def drain(self): pass
        async def close(self): pass

    init_context, handler = message_handlers(Stage)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project", heartbeat_seconds=0.1, events_partitions=1)


def publish(project: Path, messages: int = 3) -> None:
    settings = Settings.load(project)
    stream = open_stream(settings.events_url, 1, settings)
    stream.publish([("key", b"{}")] * messages)
    stream.close()


def deploy_reader(project: Path, accept: str) -> Path:
    return deploy(project, "reader", READER.replace("ACCEPT", accept), {"events": stream_trigger()})


def state(project: Path) -> tuple[str, str]:
    (found,) = read_health(Settings.load(project), ["reader"])
    return found.state, found.reason


def failed_at_every_look(project: Path, restarts: int = 4) -> str:
    """Why it failed; from the first failure until it was started so often again there is no other state."""
    eventually(lambda: state(project)[0], lambda now: now == "failed", within=60)
    seen = set()

    def look() -> int:
        seen.add(state(project)[0])
        return sum(worker["restarts"] for worker in workers_of(project, "reader"))

    eventually(look, lambda count: count >= restarts, within=60)
    assert seen == {"failed"}
    return state(project)[1]


def runner(project: Path) -> Runner:
    return Runner(project, tell=lambda level, text: None)


def test_a_bug_in_every_message_until_it_is_mended(project: Path) -> None:
    publish(project)
    folder = deploy_reader(project, "import no_such_codec")
    with runner(project):
        reason = failed_at_every_look(project)
        assert reason == "it stops: No module named 'no_such_codec'; add it to the function's requirements"
        main = folder / "main.py"
        main.write_text(main.read_text().replace("import no_such_codec", "pass"))
        eventually(lambda: state(project)[0], lambda now: now == "ready", within=60)


def test_a_worker_that_is_killed_at_every_message(project: Path) -> None:
    publish(project)
    deploy_reader(project, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with runner(project):
        assert "its last worker ended by SIGKILL" in failed_at_every_look(project)


def test_a_module_that_can_not_be_imported(project: Path) -> None:
    deploy(project, "reader", "import no_such_library", {"events": stream_trigger()})
    with runner(project):
        assert "No module named 'no_such_library'" in failed_at_every_look(project, restarts=3)


def test_a_damaged_page_of_the_stream(project: Path) -> None:
    publish(project, 2000)
    path = Path(Settings.load(project).events_url.removeprefix("sqlite:///")) / file_name(0)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()[0]
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    deploy_reader(project, "pass")
    with runner(project):
        reason = failed_at_every_look(project, restarts=3)
    assert str(path) in reason
    assert "restore or delete" in reason
