"""The page as a person starts and ends it: `modelmon dashboard`, and as a function of `modelmon up`."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deploying import make_project

pytestmark = pytest.mark.e2e


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "modelmon", *arguments], stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def address(process: subprocess.Popen[str], line: str) -> str:
    assert process.stderr is not None
    for said in process.stderr:
        if found := re.search(line + r".*?(http://127\.0\.0\.1:\d+)", said):
            return found.group(1)
    raise AssertionError(f"it ended with {process.wait()} and named no address")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_two_at_once_serve_the_same_project_and_end_when_told(tmp_path: Path, how: signal.Signals) -> None:
    project = str(make_project(tmp_path / "project"))
    arguments = ("dashboard", "--port", "0", "--project-dir", project)
    with started(*arguments) as one, started(*arguments) as two:
        found = [address(each, "is shown at") for each in (one, two)]
        pages = [httpx.get(f"{each}/projects/test/endpoints").status_code for each in found]
        assert pages == [200, 200]
        one.send_signal(how)
        assert one.wait(20) == 0
        port = found[1].rpartition(":")[2]
        refused = subprocess.run(
            [sys.executable, "-m", "modelmon", "dashboard", "--port", port, "--project-dir", project],
            capture_output=True, text=True,
        )  # fmt: skip
        assert (refused.returncode, f"port {port}" in refused.stderr) == (2, True)


def test_up_names_the_page_which_answers_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELMON_DASHBOARD", "serve")
    project = make_project(tmp_path / "project")
    with started("up", "--project-dir", str(project)) as process:
        page = address(process, "modelmon-api at")
        assert httpx.get(f"{page}/projects/test/endpoints", timeout=60).status_code == 200
        assert httpx.get(f"{page}/health", timeout=60).json() == {
            "state": "ready",
            "healthy": True,
            "reason": "",
        }
