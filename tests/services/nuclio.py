"""The real Nuclio processor, one a function, on free loopback ports, outside of any container.

It is not ours and can't be installed by name: the environment variable NUCLIO_PROCESSOR names the binary,
NUCLIO_PYTHON_WRAPPER_PATH its `_nuclio_wrapper.py`. A container with the function's image has both.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from . import free_ports
from .watching import EndsWithUs

VARIABLES = ("NUCLIO_PROCESSOR", "NUCLIO_PYTHON_WRAPPER_PATH")
START_SECONDS = 120.0
TERMINATION = "1s"  # how long a processor waits for its workers, always, at a rebalance and at its end
STOP_SECONDS = 30.0  # it sleeps five more before it is gone
SESSION = {"sessionTimeout": "4s", "heartbeatInterval": "500ms"}  # who died is missed soon
AGAIN_SECONDS = 0.2  # before it is started again
NOT_INHERITED = ("PYTHONPATH", "KUBERNETES_SERVICE_HOST")


def missing_processor() -> str:
    """Which variables point to nothing, as a sentence; empty when all is there."""
    missing = [name for name in VARIABLES if not Path(os.environ.get(name, "")).is_file()]
    return f"{' and '.join(missing)} must point to the real Nuclio processor's files" if missing else ""


NEEDS_NUCLIO = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing_processor()), reason=missing_processor()),
]


def processor_config(function: Mapping[str, Any], port: int) -> dict[str, Any]:
    """The function.yaml as a processor on this machine can take it: its address, short waits."""
    spec = dict(function["spec"])
    spec["disableDefaultHTTPTrigger"] = False  # true, without an HTTP trigger, would open port 8080
    spec["triggers"] = {name: _trigger(name, trigger, port) for name, trigger in spec["triggers"].items()}
    return {**function, "spec": spec}


def _trigger(name: str, trigger: Mapping[str, Any], port: int) -> dict[str, Any]:
    changed = {**trigger, "name": name, "workerTerminationTimeout": TERMINATION}
    if trigger["kind"] == "http":
        changed["url"] = f"127.0.0.1:{port}"
    if trigger["kind"] == "kafka-cluster":
        changed["attributes"] = {**trigger["attributes"], **SESSION}
    return changed


def platform_config(health_port: int, level: str) -> dict[str, Any]:
    """platform.yaml: no other listener than the health check, the log to standard output."""
    logged = [{"level": level, "sink": "out"}]
    return {
        "webAdmin": {"enabled": False},
        "healthCheck": {"enabled": True, "listenAddress": f"127.0.0.1:{health_port}"},
        "logger": {"sinks": {"out": {"kind": "stdout"}}, "system": logged, "functions": logged},
    }


class Processor:
    """The processor of one function folder; started again when it exits, as its container would be.

    `folder` holds main.py and a rendered function.yaml. What it says goes to `log`.
    """

    def __init__(
        self,
        folder: Path,
        scratch: Path,
        environment: Mapping[str, str] | None = None,
        *,
        name: str = "",
        level: str = "info",
    ) -> None:
        function = yaml.safe_load((folder / "function.yaml").read_text(encoding="utf-8"))
        port, health_port = free_ports(2)
        name = name or folder.name
        scratch.mkdir(parents=True, exist_ok=True)
        self.address = f"127.0.0.1:{port}"
        self._health = f"http://127.0.0.1:{health_port}/ready"
        self._log = scratch / f"{name}.log"
        self._config, self._platform = scratch / f"{name}.yaml", scratch / f"{name}-platform.yaml"
        self._config.write_text(yaml.safe_dump(processor_config(function, port)))
        self._platform.write_text(yaml.safe_dump(platform_config(health_port, level)))
        own = {entry["name"]: entry["value"] for entry in function["spec"].get("env") or []}
        self._environment = {
            **{key: value for key, value in os.environ.items() if key not in NOT_INHERITED},
            **(environment or {}),
            **{key: value for key, value in own.items() if value},
            "NUCLIO_PYTHON_EXE_PATH": sys.executable,
            "NUCLIO_PYTHON_PATH": str(folder),
        }
        self.starts = 0
        self._wanted = False
        self._changing = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._watching: threading.Thread | None = None
        self._watcher: EndsWithUs | None = None

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was not started"
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """Process ids of its Python workers."""
        return children(self.pid)

    @property
    def is_ready(self) -> bool:
        try:
            return httpx.get(self._health, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def start(self) -> Processor:
        self._wanted = True
        self._start()
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()
        return self

    def wait_until_ready(self) -> Processor:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready:
            if time.monotonic() > deadline:
                raise RuntimeError(f"not ready after {START_SECONDS:g} s:\n{self.log[-5000:]}")
            time.sleep(0.05)
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, its workers with it, and don't start it again. SIGTERM lets it drain and takes seconds."""
        self._wanted = False
        with self._changing:
            process = self._process
        if process is not None:
            self._end(process, how)
        if self._watching is not None:
            self._watching.join()  # it forgets the watcher

    def kill(self) -> None:
        """`kill -9` of it and its workers, as when its machine goes down; it is started again."""
        with self._changing:
            assert self._process is not None, "it was not started"
            self._end(self._process, signal.SIGKILL)

    def pause(self) -> None:
        """Stop its clock and its workers', as when a machine sleeps; `wake` lets them go on."""
        os.killpg(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def _start(self) -> None:
        files = ["--config", self._config, "--platform-config", self._platform]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [os.environ["NUCLIO_PROCESSOR"], *files],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the process group is it and its workers
            )
        self._watcher = EndsWithUs(self._process.pid)
        self.starts += 1

    def _watch(self) -> None:
        while self._wanted:
            self._process.wait()
            self._watcher.forget()
            _end_group(self._process.pid)  # a container's end takes everything in it along
            time.sleep(AGAIN_SECONDS)
            with self._changing:
                if self._wanted:
                    self._start()

    def _end(self, process: subprocess.Popen[bytes], how: signal.Signals) -> None:
        process.send_signal(how) if how is signal.SIGTERM else _end_group(process.pid)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        _end_group(process.pid)
        process.wait()


def _end_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """Process ids whose parent is `pid`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # gone since
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(status.parent.name))
    return sorted(found)
