"""What servers that tests start need to end with them, however the tests end."""

from __future__ import annotations

import subprocess
from pathlib import Path


class EndsWithUs:
    """Ends a process group, and removes a folder, when this process is gone, also by `kill -9`: nobody else
    holds the other end of the pipe that its helper reads."""

    def __init__(self, leader: int, folder: Path | None = None) -> None:
        script = 'read -r _; kill -s KILL -- "-$0"; [ -z "$1" ] || rm -rf "$1"'
        self._helper = subprocess.Popen(
            ["sh", "-c", script, str(leader), str(folder or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def forget(self) -> None:
        """First, before the process is ended: the number of one that is gone may soon be another's."""
        self._helper.kill()
        self._helper.communicate()
