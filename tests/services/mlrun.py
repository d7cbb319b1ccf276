"""The real MLRun in an environment of its own: it pins older versions of storey and kafka-python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .install import install_once, services_folder

MLRUN_VERSION = "1.12.1"
INSTALL_SECONDS = 900
SERVER = Path(__file__).with_name("mlrun_server.py")


def mlrun_python() -> Path:
    """MLRun's interpreter, whether it is installed or not."""
    return services_folder() / f"mlrun-{MLRUN_VERSION}" / "venv" / "bin" / "python"


def install_mlrun() -> bool:
    """Install MLRun unless it is there; says whether it had to. Raises RuntimeError with pip's reason."""
    return install_once(mlrun_python().parents[1], _fetch)


def _fetch(folder: Path) -> None:
    python = folder / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", f"mlrun[kafka]=={MLRUN_VERSION}"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        if done.returncode:
            raise RuntimeError(f"MLRun {MLRUN_VERSION} could not be installed:\n{done.stderr[-3000:]}")


class MLRunServer:
    """MLRun's mock server in a process of its own, which tracks its models on a Kafka topic."""

    def __init__(self, brokers: str, topic: str, uids: Mapping[str, str], folder: Path) -> None:
        install_mlrun()
        environment = {**os.environ, "MLRUN_DBPATH": str(folder), "PYTHONPATH": ""}
        self._log = (folder / "mlrun.log").open("w+")
        arguments = [f"kafka://{brokers}?topic={topic}", json.dumps(dict(uids))]
        self._process = subprocess.Popen(
            [str(mlrun_python()), "-P", str(SERVER), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
            env=environment, cwd=folder,
        )  # fmt: skip
        self._read("ready")

    def infer(self, model: str, rows: Sequence[Sequence[float]]) -> list[float]:
        """The model's answer to one request."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([model, rows]) + "\n")
        self._process.stdin.flush()
        outputs: list[float] = json.loads(self._read("["))
        return outputs

    def _read(self, start: str) -> str:
        """The next line that begins so; MLRun logs to the output as well."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(start):
                return line
        raise RuntimeError(f"MLRun's server ended:\n{Path(self._log.name).read_text()[-3000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()
