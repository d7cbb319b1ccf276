"""One partition of an embedded stream: one SQLite file with its messages and its groups' offsets."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.model import Message
from modelmon.streams.base import Record

BUSY_SECONDS = 30.0
PRUNE_STEP = 10_000
"""Messages that one transaction of `prune` deletes, so that publishers need not wait for all of it."""
MAX_BODY_BYTES = 900_000_000  # SQLite holds 1,000,000,000 bytes a row
_WAL_KEEP_BYTES = 16 * 2**20
_WRONG_FILE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA)

_SCHEMA = """
CREATE TABLE identity (stream_id TEXT NOT NULL, partition INTEGER NOT NULL, partitions INTEGER NOT NULL);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE committed (group_name TEXT PRIMARY KEY, next_offset INTEGER NOT NULL) WITHOUT ROWID;
"""

# Pages that messages left are in the file still, for those that come.
_SIZE = """
SELECT (pages.page_count - free.freelist_count) * size.page_size
FROM pragma_page_count pages, pragma_freelist_count free, pragma_page_size size
"""


def file_name(partition: int) -> str:
    """
    >>> file_name(3)
    'partition-0003.db'
    """
    return f"partition-{partition:04d}.db"


def create_partition(folder: Path, partition: int, partitions: int, stream_id: str) -> None:
    """Write an empty partition file into a folder that nobody else knows yet."""
    path = folder / file_name(partition)
    with _errors(path):
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(_SCHEMA)
            connection.execute("INSERT INTO identity VALUES (?, ?, ?)", (stream_id, partition, partitions))
        finally:
            connection.close()


class SqlitePartition:
    """An open partition file; keeps the promises of `PartitionLog`.

    An id of AUTOINCREMENT is never given twice, even after `prune`, and a rolled back one leaves no gap:
    offset = id - 1.
    """

    def __init__(self, folder: Path, partition: int, durability: str) -> None:
        self._path = folder / file_name(partition)
        self._partition = partition
        # mode=rw: a file that is not there is an error, not an empty new stream.
        uri = f"file:{quote(str(self._path.absolute()))}?mode=rw"
        with _errors(self._path):
            self._connection = sqlite3.connect(
                uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare(durability)
        except BaseException:
            self.close()
            raise

    def _prepare(self, durability: str) -> None:
        with _errors(self._path):
            self._connection.execute(f"PRAGMA synchronous={'FULL' if durability == 'power' else 'NORMAL'}")
            self._connection.execute(f"PRAGMA journal_size_limit={_WAL_KEEP_BYTES}")
            self._file = _file_identity(self._path)
            row = self._connection.execute("SELECT stream_id, partition, partitions FROM identity").fetchone()
        if row is None or row[1] != self._partition:
            raise ConfigError(f"stream file {self._path} is not partition {self._partition} of a stream")
        self.stream_id: str = row[0]
        self.partitions: int = row[2]

    def check(self, records: Sequence[Record]) -> None:
        for _, body in records:
            if len(body) > MAX_BODY_BYTES:
                raise RejectedError(f"{len(body)} bytes, at most {MAX_BODY_BYTES} fit a message", "body")

    def append(self, records: Sequence[Record]) -> None:
        with self._write() as connection:
            connection.executemany("INSERT INTO messages (key, body) VALUES (?, ?)", records)

    def read(self, offset: int, max_messages: int, max_bytes: int) -> list[Message]:
        messages: list[Message] = []
        partition = self._partition
        with self._read() as connection:
            rows = connection.execute(
                "SELECT id - 1, key, body FROM messages WHERE id > ? ORDER BY id LIMIT ?",
                (offset, max_messages),
            )
            for place, key, body in rows:
                messages.append(Message(partition, place, key, body))
                max_bytes -= len(body)
                if max_bytes <= 0:
                    break
            rows.close()  # an open cursor would hold the log back from being cut
        return messages

    def end(self) -> int:
        return self._number("SELECT seq FROM sqlite_sequence WHERE name = 'messages'") or 0

    def committed(self, group: str) -> int | None:
        return self._number("SELECT next_offset FROM committed WHERE group_name = ?", group)

    def commit(self, group: str, offset: int) -> None:
        end = self.end()
        if not 0 <= offset <= end:
            raise ConfigError(f"group {group!r} can't commit offset {offset}: {self._path} ends at {end}")
        with self._write() as connection:
            connection.execute(
                "INSERT INTO committed VALUES (?, ?) "
                "ON CONFLICT (group_name) DO UPDATE SET next_offset = excluded.next_offset",
                (group, offset),
            )

    def begin(self) -> int:
        first = self._number("SELECT min(id) FROM messages")
        return self.end() if first is None else first - 1

    def groups(self) -> list[str]:
        with self._read() as connection:
            return [name for (name,) in connection.execute("SELECT group_name FROM committed")]

    def prune(self, before: int) -> None:
        first = self._number("SELECT min(id) FROM messages")
        while first is not None and first <= before:
            with self._write() as connection:
                connection.execute(
                    "DELETE FROM messages WHERE id <= ?", (min(before, first + PRUNE_STEP - 1),)
                )
            first = self._number("SELECT min(id) FROM messages")

    def size_bytes(self) -> int:
        return self._number(_SIZE) or 0

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()

    def _number(self, query: str, *values: str) -> int | None:
        with self._read() as connection:
            row = connection.execute(query, values).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        self._check_file()
        with _errors(self._path):
            yield self._connection

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        self._check_file()
        with _errors(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite rolls back by itself after some errors
                    self._connection.execute("ROLLBACK")
                raise
        # Deleted meanwhile: what we wrote went into a file that nobody can open any more.
        self._check_file()

    def _check_file(self) -> None:
        # While we hold the old file open its inode can't be given to another one.
        if _file_identity(self._path) != self._file:
            raise ConfigError(f"stream file {self._path} was made anew under us; open the stream again")


def _file_identity(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - half the time of Path.stat, on every call of the port
    except FileNotFoundError as error:
        raise ConfigError(
            f"stream file {path} was deleted; restore it, or delete its folder and open the stream again"
        ) from error
    except OSError as error:
        raise UnavailableError(f"stream file {path} can't be reached: {error.strerror}") from error
    return found.st_dev, found.st_ino


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
        if code in _WRONG_FILE:
            raise ConfigError(
                f"stream file {path} is corrupt or no stream: {error}; restore or delete its folder"
            ) from error
        if code == sqlite3.SQLITE_CANTOPEN:
            _file_identity(path)
        raise UnavailableError(f"stream file {path} can't be used now: {error}") from error
