"""A function that can't go on ends, whatever fails on its way out, and its health says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from modelmon.ledger.records import open_records
from modelmon.nuclio import lifecycle
from modelmon.settings import Settings
from modelmon.views.health import health

pytestmark = pytest.mark.slow  # starts processes

FUNCTION = """
import asyncio, os, resource, sys, threading
from types import SimpleNamespace
from nuclio_sdk import Context, Event, Logger, Platform, TriggerInfo
from nuclio_sdk.logger import HumanReadableFormatter
from modelmon.errors import *
from modelmon.nuclio import message_handlers
from modelmon.settings import Settings
from modelmon.ledger.records import open_records
from modelmon.streams.subscriptions import events_of

held = []

def take_all_memory():
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    most = pages * resource.getpagesize() + 64 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    mine = []
    while True:
        mine.append(bytearray(2**16))

def allow_no_more_threads():
    folder = os.environ.get("PIDS_CGROUP")
    if folder:
        with open(f"{folder}/cgroup.procs", "w") as file:
            file.write(str(os.getpid()))
        with open(f"{folder}/pids.max", "w") as file:
            file.write(str(threading.active_count()))
    else:
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
    threading.Thread(target=print).start()

class Stage:
    def __init__(self, settings, acknowledge):
        self.subscription = events_of(settings)
    async def accept(self, *messages):
        ACCEPT
    async def drain(self): pass
    async def close(self): pass

async def main():
    logger = Logger("INFO")
    logger.set_handler("default", sys.stdout, HumanReadableFormatter())
    context = Context(logger, Platform("test"), trigger=TriggerInfo("kafka-cluster", "events"), worker_id="0")
    init_context, handler = message_handlers(Stage)
    await init_context(context)
    await asyncio.sleep(0.5)
    await handler(context, Event(body=b"", shard_id=0, offset=0, topic="events"))
    print("survived")

asyncio.run(main())
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(project_dir=str(tmp_path), durability="process")
    open_records(made).close()
    return made


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(settings: Settings) -> Run:
    def start(accept: str, **more: Any) -> subprocess.CompletedProcess[str]:
        environment = os.environ | settings.environment() | {"NUCLIO_FUNCTION_NAME": "reader"}
        environment |= more.pop("environment", {})
        for stream in ("stdout", "stderr"):
            more.setdefault(stream, subprocess.PIPE)
        return subprocess.run(
            [sys.executable, "-c", FUNCTION.replace("ACCEPT", accept)],
            env=environment, text=True, timeout=120, check=False, **more,
        )  # fmt: skip

    return start


def said(settings: Settings) -> tuple[str, str]:
    database = open_records(settings)
    try:
        found = health(database, "reader", time.time_ns() // 1000)
    finally:
        database.close()
    return found.state, found.reason


def test_out_of_memory(run: Run, settings: Settings) -> None:
    done = run("take_all_memory()")
    assert done.returncode == lifecycle.BUG, done.stderr
    assert "MemoryError" in done.stderr
    assert said(settings)[0] == "failed"
    assert "no memory left" in said(settings)[1]


@pytest.fixture
def pids_limit() -> Iterator[dict[str, str]]:
    """What makes the kernel refuse threads to the function; the superuser needs a control group for that."""
    if os.getuid() != 0:
        yield {}
        return
    for place in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
        folder = Path(place) / f"modelmon-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            if (folder / "pids.max").exists():
                yield {"PIDS_CGROUP": str(folder)}
                return
        finally:
            folder.rmdir()
    pytest.skip("the process limit does not bind the superuser, and no control group for pids can be made")


def test_no_more_threads(run: Run, settings: Settings, pids_limit: dict[str, str]) -> None:
    done = run("allow_no_more_threads()", environment=pids_limit)
    assert done.returncode == lifecycle.BUG, done.stderr
    assert "can't start new thread" in done.stderr
    assert said(settings)[0] == "failed"


@pytest.fixture
def full() -> Iterator[IO[str]]:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as file:  # noqa: PTH123 - a device
        yield file


def test_no_room_for_the_log(run: Run, settings: Settings, full: IO[str]) -> None:
    done = run("1 / 0", stdout=full, stderr=full)
    assert done.returncode == lifecycle.BUG
    assert said(settings)[0] == "failed"


@pytest.mark.slow
def test_a_log_that_nobody_reads_any_more(run: Run, settings: Settings) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    try:
        done = run("1 / 0", stderr=writing)
        assert done.returncode == -signal.SIGALRM
        assert said(settings)[0] == "failed"
    finally:
        os.close(reading)
        os.close(writing)


def test_whatever_else_is_raised_on_the_way_out(run: Run) -> None:
    broken = "import traceback, logging; traceback.print_exception = logging.shutdown = sys.exit; 1 / 0"
    assert run(broken).returncode == lifecycle.BUG


def test_a_missing_module_is_named_with_what_to_do(run: Run, settings: Settings) -> None:
    run("import no_such_codec")
    assert said(settings) == (
        "failed", "it stops: No module named 'no_such_codec'; add it to the function's requirements"
    )  # fmt: skip


def test_a_bug_tells_others_nothing_of_what_a_message_held(run: Run, settings: Settings) -> None:
    done = run("raise ValueError('a name in a message')")
    assert "a name in a message" in done.stderr
    assert said(settings) == ("failed", "it stops: internal error, see the function's log")
