"""Where temporary files of the everyday loop lie: in memory, if the machine lends room there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOM = 4 * 2**30
"""Bytes that have to be free: twice what all tests write. Nothing is removed before the end of the run: names
of folders, by which tests also call streams in memory, are given once."""


class TemporaryFilesInMemory:
    """From here on `tempfile` and what the tests start put files into a folder that this run removes."""

    def __init__(self, memory: Path = Path("/dev/shm")) -> None:
        self.folder = _folder(memory)
        if self.folder is not None:
            os.environ["TMPDIR"] = str(self.folder)
            tempfile.tempdir = None

    def pytest_unconfigure(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _folder(memory: Path) -> Path | None:
    """A new folder there; None where there is none, no room, or where programs can't be started from."""
    try:
        if shutil.disk_usage(memory).free < ROOM:
            return None
        folder = Path(tempfile.mkdtemp(prefix="modelmon-check-", dir=memory))
    except OSError:
        return None
    program = folder / "program"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    try:
        subprocess.run([program], check=True)  # in a container it is often mounted `noexec`
    except OSError:
        shutil.rmtree(folder)
        return None
    return folder
