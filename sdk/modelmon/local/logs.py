"""The log file of a function: all its workers append to it, and it never grows without end."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

STDOUT_AND_STDERR = (1, 2)


class LogFile:
    """Begun anew when it has grown to `most_bytes`; the one before is kept as NAME.log.1.

    Any number of processes may hold the same one.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._most_bytes = most_bytes

    def open(self) -> BinaryIO:
        """The file to append to. Raises OSError when its folder is not there, or the disk is full."""
        self._rotate()
        return self._path.open("ab")

    def follow(self) -> None:
        """What this process prints goes on in the file that has this name now."""
        with suppress(OSError):  # a disk that is full, a folder that is gone: it goes on where it is
            self._rotate()
            if not self._is_at_path(STDOUT_AND_STDERR[0]):
                with self._path.open("ab") as file:
                    for descriptor in STDOUT_AND_STDERR:
                        os.dup2(file.fileno(), descriptor)

    def _rotate(self) -> None:
        with suppress(FileNotFoundError), self._path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._most_bytes:
                return
            fcntl.flock(file, fcntl.LOCK_EX)  # of several that find it too long one moves it
            if self._is_at_path(file.fileno()):
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))

    def _is_at_path(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False
