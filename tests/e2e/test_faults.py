"""Faults of the whole chain, under load: what is lost is nothing, or said clearly.

'Faults tried' in the docs has the table of these; each row names its test.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chain import APP, ENDPOINT, FUNCTIONS, Chain, moments
from deploying import eventually, is_alive, log_of, workers_of
from modelmon.errors import ConfigError
from modelmon.ledger.records import open_records
from modelmon.streams import open_stream
from modelmon.views.windows import WindowView, list_windows
from modelmon.windows import WindowState
from repeating import times

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EVENTS = 3000
FAILED = (WindowState.FAILED, WindowState.RETRYING)
PIECES = 30


def kill_between_pieces(chain: Chain, function: str, seed: int, kills: int) -> None:
    """Publish the events piece by piece and end the function's worker at random moments meanwhile."""
    records = chain.events(EVENTS)
    size = EVENTS // PIECES
    killed: set[int] = set()
    waits = iter(moments(seed, kills, (0.0, 0.4)))
    for piece in range(PIECES):
        chain.publish(records[piece * size : (piece + 1) * size])
        if piece % (PIECES // kills) == 0:
            time.sleep(next(waits))  # the moment of the kill is the random part of this test
            kill_worker(chain, function, killed)


def kill_worker(chain: Chain, function: str, killed: set[int]) -> None:
    def fresh() -> list[int]:
        return [
            worker["pid"]
            for worker in workers_of(chain.project, function)
            if worker["pid"] and worker["pid"] not in killed and worker["state"] == "ready"
        ]

    for pid in eventually(fresh):
        killed.add(pid)
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[tuple[str, int, str], tuple[float, int | None]]:
    """Results of the same events without any fault, by the window's place."""
    chain = Chain(tmp_path_factory.mktemp("undisturbed") / "project")
    with chain.running() as runner:
        chain.publish(chain.events(EVENTS))
        runner.wait_until_idle(120)
    return relative(chain)


def relative(chain: Chain) -> dict[tuple[str, int, str], tuple[float, int | None]]:
    return {
        (app, start_us - chain.start_us, name): value
        for (app, start_us, name), value in chain.state().results.items()
    }


@pytest.mark.long
@pytest.mark.parametrize("function", FUNCTIONS)
def test_killing_a_function_under_load_changes_nothing(
    function: str, tmp_path: Path, undisturbed: dict[tuple[str, int, str], tuple[float, int | None]]
) -> None:
    # A window whose app was killed `app_attempts` times in it counts as failed: here the kills are ours.
    chain = Chain(tmp_path / "project", app_attempts=100)
    with chain.running() as runner:
        runner.wait_until_ready()
        kill_between_pieces(chain, function, seed=11, kills=times(10, few=3))
        runner.wait_until_idle(120)
    state = chain.state()
    state.assert_each_event_counts_once(EVENTS)
    state.assert_every_window_is_answered(chain.minutes)
    assert relative(chain) == undisturbed


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_ending_the_runner_under_load_changes_nothing(
    how: signal.Signals, tmp_path: Path, undisturbed: dict[tuple[str, int, str], tuple[float, int | None]]
) -> None:
    chain = Chain(tmp_path / "project")
    records = chain.events(EVENTS)
    ends = times(6, few=2)
    size = EVENTS // ends
    for index, wait in enumerate(moments(5, ends, (0.1, 1.5))):
        runner = up(chain)
        eventually(lambda: [w for w in workers_of(chain.project, "modelmon-stream") if w["state"] == "ready"])
        chain.publish(records[index * size : (index + 1) * size])
        time.sleep(wait)  # the moment of the end is the random part of this test
        pids = [
            worker["pid"] for name in FUNCTIONS for worker in workers_of(chain.project, name) if worker["pid"]
        ]
        runner.send_signal(how)
        assert runner.wait(60) == (0 if how is signal.SIGTERM else -how)
        eventually(lambda pids=pids: not any(is_alive(pid) for pid in pids))
    done = subprocess.run(
        [sys.executable, "-m", "modelmon.cli", "up", "--until-idle", "--project-dir", chain.project],
        timeout=120, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    state = chain.state()
    state.assert_each_event_counts_once(EVENTS)
    state.assert_every_window_is_answered(chain.minutes)
    assert relative(chain) == undisturbed


def up(chain: Chain) -> subprocess.Popen[bytes]:
    (chain.project / ".modelmon" / "runner.json").unlink(missing_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "modelmon.cli", "up", "--project-dir", chain.project],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(
            "mounting a small disk needs root; tests/unit/test_stores_files.py has the same by a layer"
        )
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def places(what: str, disk: Path) -> dict[str, str]:
    if what == "samples":
        return {"samples_path": str(disk / "samples")}
    return {"records_url": f"sqlite:///{disk}/records.db"}


@pytest.mark.parametrize("what", ["samples", "records"])
def test_a_full_disk_is_waited_for(what: str, small_disk: Path, tmp_path: Path) -> None:
    chain = Chain(tmp_path / "project", **places(what, small_disk))
    records = chain.events(EVENTS)
    ballast = small_disk / "ballast"
    with chain.running() as runner:
        runner.wait_until_ready()
        chain.publish(records[:1000])
        runner.wait_until_idle(120)
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(bytes(32 * 2**20))
        chain.publish(records[1000:])
        eventually(lambda: f"waiting for the {what}" in log_of(chain.project, "modelmon-stream"))
        ballast.unlink()
        runner.wait_until_idle(120)
    chain.state().assert_each_event_counts_once(EVENTS)
    chain.state().assert_every_window_is_answered(chain.minutes)


def test_a_disk_that_becomes_read_only_is_waited_for(small_disk: Path, tmp_path: Path) -> None:
    chain = Chain(tmp_path / "project", **places("samples", small_disk))
    records = chain.events(EVENTS)
    with chain.running() as runner:
        runner.wait_until_ready()
        chain.publish(records[:1000])
        runner.wait_until_idle(120)
        remount(small_disk, "ro")
        chain.publish(records[1000:])
        eventually(lambda: "waiting for the samples" in log_of(chain.project, "modelmon-stream"))
        remount(small_disk, "rw")
        runner.wait_until_idle(120)
    chain.state().assert_each_event_counts_once(EVENTS)
    chain.state().assert_every_window_is_answered(chain.minutes)


def remount(folder: Path, mode: str) -> None:
    # Refused for as long as somebody has a file open for writing there.
    def tried() -> bool:
        return subprocess.run(["mount", "-o", f"remount,{mode}", folder], capture_output=True).returncode == 0

    eventually(tried)


def test_a_corrupt_ledger_is_said_and_a_backup_takes_up_where_it_was(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "project")
    ledger = chain.project / ".modelmon" / "records.db"
    with chain.running() as runner:
        chain.publish(chain.events(EVENTS))
        runner.wait_until_idle(120)
    backup = tmp_path / "backup.db"
    shutil.copy(ledger, backup)
    content = bytearray(ledger.read_bytes())
    content[:4096] = os.urandom(4096)
    ledger.write_bytes(content)
    shown = subprocess.run(
        [sys.executable, "-m", "modelmon.cli", "status", "--project-dir", chain.project],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert shown.returncode == 2
    assert "records.db is corrupt" in shown.stderr
    assert "Traceback" not in shown.stderr
    shutil.copy(backup, ledger)
    with chain.running() as runner:
        runner.wait_until_idle(120)
    chain.state().assert_each_event_counts_once(EVENTS)


def test_a_corrupt_sample_file_fails_its_window_and_names_the_file(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "project")
    deployed, aside = chain.project / ".modelmon" / "functions" / APP, tmp_path / APP
    deployed.rename(aside)
    with chain.running():
        chain.publish(chain.events(EVENTS))
        eventually(lambda: len(chain.state().requests) == EVENTS)
        victim = sorted((chain.project / ".modelmon" / "samples").rglob("*.parquet"))[0]
        victim.write_bytes(b"PAR1 nothing of use PAR1")
        aside.rename(deployed)
        failed = eventually(
            lambda: [window for window in windows_of(chain) if window.state in FAILED], within=90
        )
    assert any(victim.name in window.error for window in failed)


def windows_of(chain: Chain) -> Sequence[WindowView]:
    database = open_records(chain.settings)
    with database.read() as connection:
        page = list_windows(connection, chain.settings, ENDPOINT, APP)
    database.close()
    return page.windows


def test_a_stream_that_was_made_anew_is_said_and_its_events_count_on(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "project")
    records = chain.events(EVENTS)
    with chain.running() as runner:
        chain.publish(records[: EVENTS // 2])
        runner.wait_until_idle(120)
        chain.stream.close()
        shutil.rmtree(chain.project / ".modelmon" / "streams" / "events")
        chain.stream = open_stream(chain.settings.events_url, 2, chain.settings)
        # It looks again and again, so it may see the moment without a folder or the new one.
        eventually(lambda: re.search("made anew|was deleted", log_of(chain.project, "modelmon-stream")))
        chain.publish(records[EVENTS // 2 :])
        runner.wait_until_idle(120)
    chain.state().assert_each_event_counts_once(EVENTS)
    assert chain.state().endpoint.stored == EVENTS


def test_a_second_runner_of_one_project_is_refused(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "project")
    with chain.running(), pytest.raises(ConfigError, match="is run already"), chain.running():
        pass
