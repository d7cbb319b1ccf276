"""How far a file was published, kept in the project's state: a command that was killed goes on there."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from modelmon.counting import count, were
from modelmon.errors import ConfigError
from modelmon.file_locks import try_lock


@dataclass(frozen=True, slots=True)
class Reached:
    """So many bytes of the file, with this hash, and the messages in them are published by `publisher_id`."""

    publisher_id: str
    bytes: int = 0
    lines: int = 0
    messages: int = 0
    sha256: str = ""


class PublishProgress:
    """One file's way onto one stream. `reached` is what an earlier command has left, or begins anew.

    Without a `kept` file nothing is remembered.
    """

    def __init__(self, file: str, kept: BinaryIO | None = None, reached: Reached | None = None) -> None:
        self.reached = reached or Reached(f"file-{uuid.uuid4().hex}")
        self.before = self.reached.messages
        self._file = file
        self.is_kept = kept is not None
        self._kept = kept
        self._hash = sha256()
        self._bytes = 0
        if reached is None:
            self._begin()

    def is_published(self, line: bytes) -> bool:
        """Whether the next line was published by an earlier command.

        Raises ConfigError where that has published something else.
        """
        self._bytes += len(line)
        self._hash.update(line)
        left = self.reached.bytes - self._bytes
        if left < 0 and self._bytes - len(line) >= self.reached.bytes:
            return False
        if left < 0 or (left == 0 and self._hash.hexdigest() != self.reached.sha256):
            raise self._changed()
        return True

    def end(self) -> None:
        """No line is left. Raises ConfigError where there were more when some were published."""
        if self._bytes < self.reached.bytes:
            raise self._changed()

    def advance(self, line: int, messages: int) -> None:
        """So many more messages are published, up to this line: all that `is_published` was asked for."""
        reached = self.reached
        total = reached.messages + messages
        self.reached = Reached(reached.publisher_id, self._bytes, line, total, self._hash.hexdigest())
        self._append()

    def _begin(self) -> None:
        if self._kept is not None:  # durable before the first message is
            self._kept.truncate(0)
            self._append()
            os.fsync(self._kept.fileno())

    def _append(self) -> None:
        # A line each: where a kill cut one off, the one before it counts.
        if self._kept is not None:
            self._kept.write(json.dumps(asdict(self.reached)).encode() + b"\n")
            self._kept.flush()

    def _changed(self) -> ConfigError:
        return ConfigError(
            f"{self._file} is not what it was when its first "
            f"{count(self.reached.lines, 'line')} {were(self.reached.lines)} published: "
            "put back what was there, or publish it with --anew from its beginning, as new events"
        )


@contextmanager
def progress(folder: Path, file: str, stream_id: str, *, anew: bool) -> Iterator[PublishProgress]:
    """The progress of a file; forgotten when the block ends without an error.

    Raises ConfigError while another command publishes the same file on the same stream.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = sha256(f"{Path(file).resolve()}\0{stream_id}".encode()).hexdigest()[:32]
    path = folder / f"{name}.jsonl"
    with path.open("a+b") as kept:
        if not try_lock(kept.fileno()):
            raise ConfigError(f"{file} is being published on this stream by another command")
        kept.seek(0)
        yield PublishProgress(file, kept, None if anew else _last(kept.read()))
        path.unlink(missing_ok=True)


def _last(text: bytes) -> Reached | None:
    found = None
    for line in text.splitlines():
        with suppress(ValueError, TypeError):
            found = Reached(**json.loads(line))
    return found
