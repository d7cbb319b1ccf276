"""`modelmon demo --serve`, of one month: it stays up, says an address that answers, and ends when told."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("demo")]
DEMO = [sys.executable, "-m", "modelmon", "demo", "--months", "1"]


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """All that it prints is in `folder`/printed, and is read line by line."""
    with (folder / "printed").open("w") as printed:
        process = subprocess.Popen([*DEMO, *arguments], cwd=folder, stdout=printed, stderr=subprocess.PIPE,
                                   text=True)  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def at_work_in(folder: Path) -> list[int]:
    """Processes that are in this folder or below it."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (place / "cwd").readlink().is_relative_to(folder) and int(place.name) != os.getpid():
                found.append(int(place.name))
    return found


def all_end(processes: list[int], seconds: int = 60) -> bool:
    """Waits for them."""
    for process in processes:
        with suppress(ProcessLookupError):
            end = os.pidfd_open(process)
            ended, _, _ = select.select([end], [], [], seconds)
            os.close(end)
            if not ended:
                return False
    return True


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_what_it_has_made_at_the_address_that_it_says_and_ends_when_told(
    tmp_path: Path, how: signal.Signals
) -> None:
    with started(tmp_path, "--serve", "--port", "0") as process:
        assert process.stderr is not None
        hits = (re.search(r"shown at (http://127\.0\.0\.1:\d+)", line) for line in process.stderr)
        address = next((hit[1] for hit in hits if hit), "")
        assert address, (tmp_path / "printed").read_text()
        page = httpx.get(f"{address}/", follow_redirects=True, timeout=60)
        assert page.status_code == 200
        assert page.text.index("delay-weather") < page.text.index("delay-schedule")
        assert "last verdict" in page.text
        process.send_signal(how)
        assert process.wait(60) == 0
        assert process.stderr.read() == ""
        assert at_work_in(tmp_path) == []
    printed = (tmp_path / "printed").read_text()
    assert "The run took" in printed
    assert "What to look at next" not in printed
    with socket.socket() as place:
        assert place.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) != 0


def test_a_port_that_somebody_has_is_told_before_anything_is_done(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*DEMO, "--serve", "--port", str(port)], cwd=tmp_path, capture_output=True,
                              text=True)  # fmt: skip
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1 can't be had" in done.stderr
    assert "give another one" in done.stderr
    assert done.stdout == ""
    assert [*tmp_path.iterdir()] == []


def test_told_to_end_in_its_midst_it_leaves_no_process(tmp_path: Path) -> None:
    command = [*DEMO, "--serve", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("Replaying" in line for line in process.stdout)
        at_work = at_work_in(tmp_path)
        assert len(at_work) > 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) != 0
        assert all_end(at_work)
        assert at_work_in(tmp_path) == []
