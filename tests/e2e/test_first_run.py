"""A newcomer in an empty folder: what the first page teaches works as it is printed."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "120"}


@contextmanager
def running(command: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command.split(), cwd=folder, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=120)


def given(command: str, folder: Path) -> str:
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def line_with(process: subprocess.Popen[str], words: str) -> str:
    assert process.stderr is not None
    return next((line for line in process.stderr if words in line), "")


def test_without_a_project_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    command = ["modelmon", "dashboard"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert (done.returncode, "`modelmon init` makes a project" in done.stderr) == (2, True)


def test_the_three_commands_of_the_first_page_work_as_they_are_printed(tmp_path: Path) -> None:
    given("modelmon init", tmp_path)
    with running("modelmon dashboard --port 0", tmp_path) as page:
        found = re.search(r"http://\S+", line_with(page, "is shown at"))
        assert found
        text = httpx.get(found[0], follow_redirects=True, timeout=60).text
        commands = [html.unescape(each) for each in re.findall(r"<pre><code>(.*?)</code></pre>", text)]
        assert [each.split()[0] for each in commands] == ["modelmon", "echo", "modelmon"]
        with running(commands[0], tmp_path) as up:
            assert line_with(up, "modelmon-writer")  # the last of those that it has started
            assert "published on events: 1 message" in given(commands[1], tmp_path)
            while ">hello</a>" not in httpx.get(found[0], follow_redirects=True, timeout=60).text:
                assert up.poll() is None
            said = given(commands[2], tmp_path)
        assert re.search(r"^hello  ", said, re.MULTILINE)  # in which state it is depends on the minute
        assert "Dead letters" not in said
        given("modelmon endpoint hello --delete --yes", tmp_path)
