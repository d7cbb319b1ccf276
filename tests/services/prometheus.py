"""A real Prometheus for the tests, on a loopback port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from . import free_ports
from .debian import can_install, install_packages
from .watching import EndsWithUs

PACKAGE = "prometheus"
START_SECONDS = 60.0
PATIENCE_SECONDS = 60.0


def is_there() -> bool:
    return shutil.which("prometheus") is not None and shutil.which("promtool") is not None


def missing() -> str:
    """Why there is no Prometheus for tests; empty when there is one or it can be installed."""
    if is_there() or can_install():
        return ""
    return "Prometheus is not installed, and installing it (`make services`) needs root and apt-get"


def install_prometheus() -> bool:
    return install_packages(is_there, PACKAGE)


def promtool(*arguments: str, folder: Path, given: str = "") -> str:
    """What it prints. Raises AssertionError with that where it is not content."""
    install_prometheus()
    done = subprocess.run(
        ["promtool", *arguments], cwd=folder, input=given, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


class Prometheus:
    """Scrapes `target` (host:port) every 200 ms; inside `with`."""

    def __init__(self, target: str) -> None:
        install_prometheus()
        self._folder = Path(tempfile.mkdtemp(prefix="modelmon-prometheus-"))
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        (self._folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
            f"scrape_configs: [{{job_name: modelmon, scrape_interval: 1s, scrape_timeout: 1s, "
            f"static_configs: [{{targets: ['{target}']}}]}}]\n",
            encoding="utf-8",
        )
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
             f"--web.listen-address=127.0.0.1:{port}"],
            cwd=self._folder, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self._watcher = EndsWithUs(self._process.pid, self._folder)

    def __enter__(self) -> Prometheus:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/-/ready", timeout=5).status_code == 200:
                    return self
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        log = (self._folder / "log").read_text(encoding="utf-8", errors="replace")
        self.close()
        raise RuntimeError(f"Prometheus did not start:\n{log[-2000:]}")

    def __exit__(self, kind: type[BaseException] | None, error: Any, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._watcher.forget()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The samples that answer it, once there are any; in `PATIENCE_SECONDS` none is an error."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = httpx.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=10).json()
            assert answer["status"] == "success", answer
            found: list[dict[str, Any]] = answer["data"]["result"]
            if found:
                return found
            time.sleep(0.2)
        raise AssertionError(f"no sample answers {query!r}")
