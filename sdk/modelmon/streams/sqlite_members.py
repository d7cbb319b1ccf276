"""Who is alive in a consumer group of this host: files locked with flock, which the kernel frees at death.

Only local disks: network file systems keep such locks badly. A process that forks shares its locks with
the child until both are gone; one that is started anew (subprocess, spawn) does not.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from modelmon.errors import ConfigError, UnavailableError
from modelmon.file_locks import try_lock

GROUPS_FOLDER = "groups"


class FileMembership:
    """Membership of one consumer: `groups/<group>/members/<id>` and a lock for each partition held."""

    def __init__(self, stream_folder: Path, group: str, partitions: int) -> None:
        self._folder = stream_folder / GROUPS_FOLDER / quote(group, safe="")
        self._members = self._folder / "members"
        self._name = uuid4().hex
        self._partitions = partitions
        self._held: dict[int, int] = {}
        self._file: int | None = None
        with self._errors():
            # Never with parents: it would bring a deleted stream's folder back, without its files.
            self._folder.mkdir(exist_ok=True)
            self._members.mkdir(exist_ok=True)
            self._file = self._enter()

    def wanted(self) -> frozenset[int]:
        with self._errors():
            live = sorted(path.name for path in self._members.iterdir() if self._is_alive(path))
        if self._name not in live:
            raise ConfigError(f"{self._members} was made anew under us; open the stream again")
        return frozenset(range(self._partitions)[live.index(self._name) :: len(live)])

    def acquire(self, partition: int) -> bool:
        with self._errors():
            file = _lock(self._folder / f"partition-{partition:04d}.lock", os.O_RDWR | os.O_CREAT)
        if file is not None:
            self._held[partition] = file
        return file is not None

    def release(self, partition: int) -> None:
        os.close(self._held.pop(partition))

    def close(self) -> None:
        for partition in list(self._held):
            self.release(partition)
        if self._file is not None:
            (self._members / self._name).unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _enter(self) -> int:
        # Locked before it can be seen, so that nobody takes it for a dead member's.
        hidden = self._folder / f"joining-{self._name}"
        file = _lock(hidden, os.O_RDWR | os.O_CREAT)
        assert file is not None, "the name is new, so nobody else can hold it"
        try:
            hidden.rename(self._members / self._name)
        except OSError:
            os.close(file)
            raise
        return file

    def _is_alive(self, path: Path) -> bool:
        if path.name == self._name:
            return True
        try:
            file = _lock(path, os.O_RDONLY, fcntl.LOCK_SH)  # shared: two that look do not see each other
        except FileNotFoundError:
            return False
        if file is None:
            return True
        path.unlink(missing_ok=True)  # names are never used twice
        os.close(file)
        return False

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ConfigError(
                f"consumer group folder {self._folder} was deleted; open the stream again"
            ) from error
        except OSError as error:
            raise UnavailableError(
                f"consumer group folder {self._folder} can't be used now: {error.strerror}"
            ) from error


def _lock(path: Path, flags: int, kind: int = fcntl.LOCK_EX) -> int | None:
    """The open file, locked; None when another one holds the lock."""
    file = os.open(path, flags, 0o644)
    try:
        mine = try_lock(file, kind)
    except OSError:
        os.close(file)
        raise
    if not mine:
        os.close(file)
        return None
    return file
