"""Servers for the tests: installed by one process at a time and never half, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from deploying import is_alive

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0
MVN = """\
#!/bin/sh
# A stand-in for Maven: says that it began, makes half of what it was asked for, and waits until it may end.
for argument; do case $argument in -DoutputDirectory=*) folder=${argument#-DoutputDirectory=};; esac; done
mkdir -p "$folder"; touch "$folder/first.jar"; echo "$folder" >> "$PLACE/began"
while [ ! -e "$PLACE/go" ]; do [ -d "$PLACE" ] || exit 1; sleep 0.02; done
touch "$folder/second.jar"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    program = tmp_path / "bin" / "mvn"
    program.parent.mkdir()
    program.write_text(MVN)
    program.chmod(0o755)
    (tmp_path / "bin" / "java").symlink_to("/bin/true")
    return tmp_path


def install(place: Path) -> subprocess.Popen[str]:
    path = f"{place / 'bin'}:{os.environ['PATH']}"
    environ = os.environ | {"PATH": path, "PLACE": str(place), "MODELMON_SERVICES": str(place / "s")}
    command = [sys.executable, "-m", "tests.services.install", "1.2.3"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def began(place: Path) -> list[str]:
    file = place / "began"
    return file.read_text().splitlines() if file.exists() else []


def waits_for_the_lock(process: subprocess.Popen[str]) -> bool:
    return any(opened(file) == "lock" for file in list(Path(f"/proc/{process.pid}/fd").iterdir()))


def opened(file: Path) -> str:
    """The name of a file that a process has open; none where it was closed meanwhile."""
    with suppress(FileNotFoundError):
        return file.readlink().name
    return ""


def jars(place: Path) -> list[str]:
    return sorted(path.name for path in (place / "s" / "kafka-1.2.3" / "libs").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")
def test_two_that_install_at_once_fetch_once(place):
    one = install(place)
    wait_until(lambda: len(began(place)) == 1)
    other = install(place)
    wait_until(lambda: waits_for_the_lock(other))
    (place / "go").touch()
    assert "installed" in one.communicate(timeout=PATIENCE_SECONDS)[0]
    assert "is there already" in other.communicate(timeout=PATIENCE_SECONDS)[0]
    assert len(began(place)) == 1
    assert jars(place) == ["first.jar", "second.jar"]


def test_an_install_that_was_killed_is_none_and_leaves_nothing(place):
    killed = install(place)
    wait_until(lambda: len(began(place)) == 1)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=PATIENCE_SECONDS)
    (place / "go").touch()
    again = install(place)
    assert "1.2.3 installed" in again.communicate(timeout=PATIENCE_SECONDS)[0]
    assert jars(place) == ["first.jar", "second.jar"]
    left = {path.name for path in (place / "s" / "kafka-1.2.3").iterdir()}
    assert left == {"libs", "lock", "pom.xml"}


def test_what_is_installed_needs_no_maven(place):
    (place / "s" / "kafka-1.2.3" / "libs").mkdir(parents=True)
    (place / "bin" / "mvn").unlink()
    assert "is there already" in install(place).communicate(timeout=PATIENCE_SECONDS)[0]
    assert began(place) == []


@pytest.mark.e2e
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_processor_is_left_behind_by_tests_that_are_ended(tmp_path: Path, how: signal.Signals) -> None:
    """With a stand-in for the processor, and a worker of it."""
    processor = tmp_path / "processor"
    noted = f"echo $$ $! > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pids"
    processor.write_text(f"#!/bin/sh\nsleep 600 &\n{noted}\nwait\n")
    processor.chmod(0o755)
    (tmp_path / "function.yaml").write_text("spec: {triggers: {}}")
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.services.nuclio import Processor\n"
        f"Processor(Path({str(tmp_path)!r}), Path({str(tmp_path / 'scratch')!r})).start()\n"
        "print('started', flush=True)\n"
        "time.sleep(600)\n"
    )
    tests = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "NUCLIO_PROCESSOR": str(processor)},
        stdout=subprocess.PIPE,
    )
    assert tests.stdout is not None
    assert tests.stdout.readline() == b"started\n"
    wait_until((tmp_path / "pids").exists)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    tests.send_signal(how)
    tests.communicate(timeout=PATIENCE_SECONDS)
    wait_until(lambda: not any(map(is_alive, pids)))
