"""Somebody who follows a page word for word in a fresh folder: its files, its commands, in its order.

Not done as it stands: `pip install`, whose extras are looked at; `modelmon up`, which has a terminal of its
own; Kafka, for which streams of SQLite stand in where a page has it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

from deploying import eventually

ROOT = Path(__file__).parents[1]
NOT_A_READERS = ("MODELMON_PROJECT_DIR", "MODELMON_DASHBOARD")
FILE = re.compile(r"# ([\w.]+\.(?:py|yaml))\b")


class Block(NamedTuple):
    language: str
    text: str


def blocks(text: str) -> list[Block]:
    """Each block with what it is; a block of no language is what somebody sees."""
    return [Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


class Reader:
    """Somebody at two terminals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {name: value for name, value in os.environ.items() if name not in NOT_A_READERS}
        self.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.seen: dict[str, str] = {}  # a command and what it printed
        self.instead_of_kafka = ""
        self.installed = ""
        self.up: subprocess.Popen[str] | None = None

    def follow(self, block: Block) -> None:
        if not block.language:
            return
        named = FILE.match(block.text)
        if block.language == "sh":
            for line in block.text.splitlines():
                self.type(line)
        else:
            assert named, f"a reader would not know where to put this:\n{block.text}"
            assert "from sklearn" not in block.text or "scikit-learn" in self.installed
            (self.folder / named.group(1)).write_text(block.text, encoding="utf-8")

    def type(self, line: str) -> None:
        command = line.partition("#")[0].strip()
        if command.startswith("pip install"):
            check_extras(command)
            self.installed += command
        elif command.startswith("mkdir"):
            self.run(command)
            self.folder /= command.rpartition(" ")[2]
        elif command == "modelmon up":
            self.start(command)
        else:
            self.seen[command] = self.run(command)

    def run(self, command: str) -> str:
        environ = self.environ
        if self.instead_of_kafka and command.startswith("python "):
            environ = environ | {"MODELMON_STREAM_PATH": self.instead_of_kafka}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], cwd=self.folder, env=environ, text=True,
            capture_output=True, check=False, timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def start(self, command: str) -> None:
        with (self.folder / "up.log").open("w") as log:
            self.up = subprocess.Popen(
                command.split(), cwd=self.folder, env=self.environ, text=True, stderr=log, stdout=log
            )
        eventually(lambda: "serving at http://" in self.told, within=60)

    def status_with(self, word: str) -> str:
        return eventually(
            lambda: self.run("modelmon status"), lambda shown: word in shown, within=120, every=1
        )

    def end(self) -> None:
        if self.up is not None and self.up.poll() is None:
            self.up.terminate()
            self.up.wait(60)

    @property
    def told(self) -> str:
        """What the second terminal shows."""
        return (self.folder / "up.log").read_text()


def check_extras(command: str) -> None:
    (extras,) = re.findall(r"checkout\[([\w,]+)\]", command)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras.split(",")) <= set(known)
    assert "kafka" in extras  # what Nuclio needs
