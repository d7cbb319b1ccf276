"""Embedded streams, `sqlite:///folder/name`: a folder per stream, a SQLite file per partition.

The path follows the three slashes as it is: `sqlite:///streams/events` is relative to the working
directory, `sqlite:////var/streams/events` absolute. Any number of processes of one host may share a
stream; it has to lie on a local disk.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from uuid import uuid4

from modelmon.errors import ConfigError, UnavailableError
from modelmon.secrecy import shown_address
from modelmon.settings import Settings
from modelmon.sources import make_folder
from modelmon.streams.base import Consumer, Stream, absent
from modelmon.streams.group import join
from modelmon.streams.partitioned import PartitionedStream
from modelmon.streams.sqlite_members import GROUPS_FOLDER, FileMembership
from modelmon.streams.sqlite_partition import SqlitePartition, create_partition, file_name

PREFIX = "sqlite:///"
MAX_PARTITIONS = 1024


def open(url: str, partitions: int, settings: Settings, *, create: bool) -> Stream:  # noqa: A001 - the hook's name
    """Open the stream, or create it with `partitions`; one that exists keeps the number it has.

    With `durability: power` every publish is fsynced; `process` survives kill -9, not a power cut.
    """
    folder = _folder(url)
    if not create and not (folder / file_name(0)).exists():
        raise absent(folder)
    if not (folder / file_name(0)).exists():
        _create(folder, partitions)
        if not (folder / file_name(0)).exists():
            raise ConfigError(
                f"stream {folder}: the folder holds something else; empty it or take another name"
            )
    files = _open_files(folder, settings.durability)
    stream_id = files[0].stream_id

    def enter(group: str) -> Consumer:
        own = _open_files(folder, settings.durability)
        if own[0].stream_id != stream_id:
            _close(own)
            raise ConfigError(f"stream {folder} was made anew under us; open the stream again")
        return join(group, own, lambda: FileMembership(folder, group, len(own)))

    return PartitionedStream(url, stream_id, files, enter)


def _folder(url: str) -> Path:
    path = url.removeprefix(PREFIX)
    if not url.startswith(PREFIX) or not path.strip("/"):
        raise ConfigError(f"stream {shown_address(url)!r}: write {PREFIX}folder/name")
    return Path(path)


def _open_files(folder: Path, durability: str) -> list[SqlitePartition]:
    files: list[SqlitePartition] = []
    try:
        files.append(SqlitePartition(folder, 0, durability))
        for number in range(1, files[0].partitions):
            files.append(SqlitePartition(folder, number, durability))
            if files[number].stream_id != files[0].stream_id:
                raise ConfigError(f"stream {folder}: {file_name(number)} belongs to another stream")
    except BaseException:
        _close(files)
        raise
    return files


def _close(files: list[SqlitePartition]) -> None:
    for file in files:
        file.close()


def _create(folder: Path, partitions: int) -> None:
    """Make the stream beside its place and move it there: it is whole, or it is not there."""
    if not 1 <= partitions <= MAX_PARTITIONS:
        raise ConfigError(f"stream {folder}: 1 to {MAX_PARTITIONS} partitions, got {partitions}")
    try:
        make_folder(folder.parent)
        hidden = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _fill(hidden, partitions)
            _move(hidden, folder)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTDIR):
            raise ConfigError(f"stream {folder}: there is a file in its place") from error
        raise UnavailableError(f"stream {folder} can't be made: {error.strerror}") from error


def _fill(hidden: Path, partitions: int) -> None:
    hidden.chmod(0o755)  # mkdtemp's 0700 would keep other users' functions out
    (hidden / GROUPS_FOLDER).mkdir()
    stream_id = uuid4().hex
    for number in range(partitions):
        create_partition(hidden, number, partitions, stream_id)
    _sync(hidden)


def _move(hidden: Path, folder: Path) -> None:
    try:
        hidden.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not folder.is_dir():
            raise
        return  # another creator was first: its stream is the stream
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
