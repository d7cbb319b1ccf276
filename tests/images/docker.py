"""A Docker daemon of the tests' own, its data, its socket and its bridge; all of it is gone when they end.

Another Docker of this machine goes on beside it. That is what the bridge is for: a daemon without one deletes
docker0, whoever uses it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

BRIDGE_ADDRESS = "198.18.255.1/30"  # of a range for tests that no network routes; nothing is connected to it
START_SECONDS, END_SECONDS, COMMAND_SECONDS = 60.0, 30.0, 1800.0


class NoDaemonError(Exception):
    """No daemon can be started here; the message says why."""


@dataclass(frozen=True, slots=True)
class Docker:
    """A client of the daemon."""

    socket: Path

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run docker; what it wrote. Raises AssertionError with that when it fails, unless `check` is off."""
        done = subprocess.run(
            ["docker", "--host", f"unix://{self.socket}", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout[-4000:]}"
        return done.stdout

    def import_root(self, root: Path, name: str, changes: Sequence[str]) -> None:
        """Make a folder an image."""
        given = [part for change in changes for part in ("--change", change)]
        command = ["docker", "--host", f"unix://{self.socket}", "import", *given, "-", name]
        with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
            done = subprocess.run(command, stdin=tar.stdout, capture_output=True, text=True)
        assert (done.returncode, tar.returncode) == (0, 0), done.stderr

    def layers(self, image: str) -> list[str]:
        """The digests of an image's layers, the lowest first."""
        found = self("image", "inspect", image, "--format", "{{range .RootFS.Layers}}{{.}} {{end}}")
        return found.split()


@contextmanager
def daemon() -> Iterator[Docker]:
    """Start dockerd, and end it by its pid. Raises NoDaemonError where it does not come up."""
    with _bridge() as bridge:
        yield from _daemon(bridge)


def _daemon(bridge: str) -> Iterator[Docker]:
    folder = Path(tempfile.mkdtemp(prefix="modelmon-docker-"))
    log = folder / "dockerd.log"
    command = [
        "dockerd", "--host", f"unix://{folder}/docker.sock", "--data-root", f"{folder}/data",
        "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/dockerd.pid",
        # Nothing else of this machine's network is touched: containers and builds use it as it is.
        "--bridge", bridge, "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false",
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        yield _answering(Docker(folder / "docker.sock"), process, log)
    finally:
        _end(process)
        _remove(folder)


@contextmanager
def _bridge() -> Iterator[str]:
    name = f"mmtest{os.getpid()}"
    try:
        _ip("link", "add", "name", name, "type", "bridge")
        _ip("address", "add", BRIDGE_ADDRESS, "dev", name)
        yield name
    finally:
        _ip("link", "delete", name, check=False)


def _ip(*arguments: str, check: bool = True) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if check and done.returncode:
        raise NoDaemonError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _answering(docker: Docker, process: subprocess.Popen[bytes], log: Path) -> Docker:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if "Server Version" in docker("info", check=False):
            return docker
        time.sleep(0.2)
    said = log.read_text(errors="replace").splitlines() or ["it said nothing"]
    raise NoDaemonError(said[-1])


def _end(process: subprocess.Popen[bytes]) -> None:
    """dockerd first, which ends its containerd, then whatever of its session is left."""
    with suppress(ProcessLookupError):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _remove(folder: Path) -> None:
    """Its data, after what is still mounted there is not."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((each for each in mounted if each.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)
