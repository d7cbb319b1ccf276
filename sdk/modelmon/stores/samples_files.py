"""Where sample files lie: a local folder, or anything fsspec reaches. Bytes in and out, no Parquet.

Local files go past fsspec, which costs more than the write itself and can't make a file durable.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, BinaryIO

from modelmon.errors import ConfigError, StoreError, UnavailableError
from modelmon.model import wall_clock_us
from modelmon.sources import make_folder
from modelmon.sql.statements import chunks
from modelmon.stores.syncing import can_sync_together, sync_file_system

HIDDEN = re.compile(r"\.(\d+)-[0-9a-f]{32}\.tmp")
"""Name of a file being written: when it was begun, in microseconds since the epoch, and a random part."""
_LOCAL = re.compile(r"(file|local)://(?=/)")
_MISPLACED = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})
_SETTLED_MAX = 100_000
PUT_TOGETHER = 8
"""From so many files on, syncing the file system costs less than syncing each of them and its folder, even if
others have written there, too."""
_PATTERN = re.compile(r"[*?[]")
DELETED_AT_ONCE = 1_000  # S3 takes no more in a request
MAKE_TRIES = 100  # a folder is made again while others remove it as empty
# Errors of remote file systems that are no OSError, looked up only when their library is loaded.
_FOREIGN = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("gcsfs.retry", "HttpError"),
    ("azure.core.exceptions", "AzureError"),
)


class Files(ABC):
    """Files below one root. Paths are relative, with `/`; the caller has checked them."""

    root: str

    @abstractmethod
    def put(self, path: str, body: memoryview) -> None:
        """Write a file that appears whole or not at all, replacing what was there."""

    def puts_together(self, count: int) -> bool:
        """Whether `put_all` takes so many files; else they are put one by one."""
        return False

    def put_all(self, bodies: Iterable[tuple[str, memoryview]]) -> dict[str, int]:
        """`put` for each path, durable together when this returns; the bytes of each.

        Where one can't be written, none may be taken for durable.
        """
        sizes = {}
        for path, body in bodies:
            self.put(path, body)
            sizes[path] = len(body)
        return sizes

    @abstractmethod
    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A file to read from while the context lasts; FileNotFoundError when there is none."""

    @abstractmethod
    def delete(self, paths: Collection[str]) -> None:
        """Remove files; those that are gone already are no error."""

    @abstractmethod
    def list(self, prefix: str, after: str) -> Iterator[str]:
        """Every file in the folder `prefix` and below that comes after the path `after`, by parts."""


def open_files(root: str, *, durable: bool) -> Files:
    """The files below a folder or an fsspec URL. Raises ConfigError for a URL that can't be used."""
    local = _LOCAL.sub("", root)
    if "://" not in local and "::" not in local:
        return LocalFiles(local, durable=durable)
    return RemoteFiles(root)


class LocalFiles(Files):
    """A folder of this machine: hidden name, fsync, rename, fsync of the folder."""

    def __init__(self, root: str, *, durable: bool) -> None:
        if not root:
            raise ConfigError(
                "samples_path is empty; give a folder or an fsspec URL such as s3://bucket/samples"
            )
        self.root = os.path.abspath(os.path.expanduser(root))  # noqa: PTH100, PTH111 (hot path: text, not Path)
        self._durable = durable
        self._settled: set[str] = set()  # folders whose own names are durable

    def put(self, path: str, body: memoryview) -> None:
        target = f"{self.root}/{path}"
        folder = target.rpartition("/")[0]
        with _translated(target, "written"):
            hidden, descriptor = self._begin(folder, durable=self._durable)
            try:
                try:
                    _write_all(descriptor, body, durable=self._durable)
                finally:
                    os.close(descriptor)
                os.replace(hidden, target)  # noqa: PTH105
            except BaseException:
                with suppress(OSError):
                    os.unlink(hidden)  # noqa: PTH108
                raise
            if self._durable:
                _sync_folder(folder)

    def puts_together(self, count: int) -> bool:
        return self._durable and count >= PUT_TOGETHER and can_sync_together(self.root)

    def put_all(self, bodies: Iterable[tuple[str, memoryview]]) -> dict[str, int]:
        sizes: dict[str, int] = {}
        hidden: dict[str, str] = {}
        with _translated(self.root, "written"):
            _make_folder(self.root)
            # Opened first: it tells of every error after that.
            witness = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                device = os.fstat(witness).st_dev
                for path, body in bodies:
                    sizes[path] = len(body)
                    if not self._hide(path, body, device, hidden):
                        self.put(path, body)
                sync_file_system(witness)  # what appears is whole
                for path in list(hidden):
                    os.replace(hidden[path], f"{self.root}/{path}")  # noqa: PTH105
                    del hidden[path]
                sync_file_system(witness)  # their folders' entries
            finally:
                os.close(witness)
                for name in hidden.values():
                    with suppress(OSError):
                        os.unlink(name)  # noqa: PTH108
        return sizes

    def _hide(self, path: str, body: memoryview, device: int, hidden: dict[str, str]) -> bool:
        """Write a file under its hidden name, not yet durable; False where its folder is elsewhere."""
        target = f"{self.root}/{path}"
        with _translated(target, "written"):
            hidden[path], descriptor = self._begin(target.rpartition("/")[0], durable=False)
            try:
                is_here = os.fstat(descriptor).st_dev == device
                if is_here:
                    _write_all(descriptor, body, durable=False)
            finally:
                os.close(descriptor)
            if not is_here:
                os.unlink(hidden.pop(path))  # noqa: PTH108
        return is_here

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        target = f"{self.root}/{path}"
        with _translated(target, "read", missing_is_an_answer=True), open(target, "rb", 0) as file:  # noqa: PTH123
            yield file

    def delete(self, paths: Collection[str]) -> None:
        for path in paths:
            with _translated(f"{self.root}/{path}", "deleted"), suppress(FileNotFoundError):
                os.unlink(f"{self.root}/{path}")  # noqa: PTH108
        for folder in sorted({path.rpartition("/")[0] for path in paths}, reverse=True):
            self._remove_empty(folder)

    def list(self, prefix: str, after: str) -> Iterator[str]:
        start, bound = f"{self.root}/{prefix}".rstrip("/"), after.split("/")
        with _translated(start, "listed"):
            for folder, folders, names in os.walk(start, onerror=_raise_unless_missing):
                inside = folder[len(self.root) + 1 :].split("/") if len(folder) > len(self.root) else []
                depth = len(inside) + 1
                folders[:] = sorted(name for name in folders if [*inside, name] >= bound[:depth])
                for name in sorted(names):
                    if [*inside, name] > bound:
                        yield "/".join((*inside, name))

    def _begin(self, folder: str, *, durable: bool) -> tuple[str, int]:
        hidden = f"{folder}/.{wall_clock_us()}-{uuid.uuid4().hex}.tmp"
        for attempt in range(MAKE_TRIES):
            try:
                if durable and folder not in self._settled:
                    self._settle(folder)
                return hidden, os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except FileNotFoundError:
                # New, or removed by maintenance because it was empty.
                if attempt == MAKE_TRIES - 1:
                    raise
                self._settled.clear()
                _make_folder(folder)
        raise AssertionError("unreachable")

    def _settle(self, folder: str) -> None:
        """Make the folder, and make its name and its parents' names durable."""
        _make_folder(folder)
        if len(self._settled) > _SETTLED_MAX:
            self._settled.clear()
        below = folder
        while below not in self._settled and len(below) >= len(self.root):
            parent = below.rpartition("/")[0] or "/"
            _sync_folder(parent)
            self._settled.add(below)
            below = parent

    def _remove_empty(self, folder: str) -> None:
        while folder:
            try:
                os.rmdir(f"{self.root}/{folder}")  # noqa: PTH106
            except OSError:  # not empty, or gone
                return
            folder = folder.rpartition("/")[0]


class RemoteFiles(Files):
    """An fsspec file system: one PUT per file, which object stores make whole and durable at once."""

    def __init__(self, url: str) -> None:
        self.root = re.sub(r"//.*@", "//", url.rstrip("/"))  # user and password stay out of messages
        try:
            from fsspec.core import url_to_fs

            self._system, self._folder = url_to_fs(url.rstrip("/"))
        except ModuleNotFoundError as error:
            raise ConfigError(f"{self.root} needs {error.name}: pip install {error.name}") from error
        except (ImportError, ValueError) as error:
            why = str(error).replace(url.rstrip("/"), self.root)
            raise ConfigError(f"{self.root} can't be used as a folder: {why}") from None

    def put(self, path: str, body: memoryview) -> None:
        target = f"{self._folder}/{path}"
        with _translated(f"{self.root}/{path}", "written"):
            try:
                self._system.pipe_file(target, bytes(body))
            except FileNotFoundError:  # a file system with real folders
                self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
                self._system.pipe_file(target, bytes(body))

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        with (
            _translated(f"{self.root}/{path}", "read", missing_is_an_answer=True),
            self._system.open(f"{self._folder}/{path}", "rb") as file,
        ):
            yield file

    def delete(self, paths: Collection[str]) -> None:
        for some in chunks(dict.fromkeys(paths), DELETED_AT_ONCE):
            with _translated(f"{self.root}/{some[0]}", "deleted"):
                self._delete([f"{self._folder}/{path}" for path in some])

    def _delete(self, names: Sequence[str]) -> None:
        with suppress(FileNotFoundError):
            if not any(map(_PATTERN.search, names)):  # which fsspec would take for many files
                self._system.rm(names)
                return
        for name in names:
            with suppress(FileNotFoundError):
                self._system.rm_file(name)

    def list(self, prefix: str, after: str) -> Iterator[str]:
        bound = after.split("/")
        with _translated(f"{self.root}/{prefix}", "listed"):
            self._system.invalidate_cache()
            if prefix:
                yield from self._below(prefix, bound)
                return
            # A folder at a time, so that going on from `after` does not ask for what came before it.
            for name, is_folder in self._top():
                if is_folder and [name] >= bound[:1]:
                    yield from self._below(name, bound)
                elif not is_folder and [name] > bound:
                    yield name

    def _top(self) -> Sequence[tuple[str, bool]]:
        try:
            found = self._system.ls(self._folder, detail=True)
        except FileNotFoundError:
            return []
        return sorted((self._relative(each["name"]), each["type"] == "directory") for each in found)

    def _below(self, folder: str, bound: Sequence[str]) -> Iterator[str]:
        try:
            found = self._system.find(f"{self._folder}/{folder}")
        except FileNotFoundError:
            return
        paths = sorted(self._relative(name).split("/") for name in found)
        yield from ("/".join(parts) for parts in paths if parts > list(bound))

    def _relative(self, name: str) -> str:
        root = self._system._strip_protocol(self._folder)
        return str(self._system._strip_protocol(name)[len(root) + 1 :])


def _write_all(descriptor: int, body: memoryview, *, durable: bool) -> None:
    while body:
        body = body[os.write(descriptor, body) :]
    if durable:
        os.fsync(descriptor)


def _make_folder(folder: str) -> None:
    # Gone again, or in the way of itself, while others remove it as empty: the next step finds out.
    with suppress(FileNotFoundError, FileExistsError):
        make_folder(folder)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _foreign_errors() -> tuple[type[BaseException], ...]:
    loaded = ((sys.modules.get(module), name) for module, name in _FOREIGN)
    return tuple(getattr(module, name) for module, name in loaded if module is not None)


@contextmanager
def _translated(path: str, verb: str, *, missing_is_an_answer: bool = False) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if missing_is_an_answer and isinstance(error, FileNotFoundError):
            raise
        why: Any = error.strerror or error
        if error.errno in _MISPLACED:
            raise StoreError(f"{path} can't be {verb}: {why}; check samples_path") from error
        raise UnavailableError(f"{path} can't be {verb}: {why}") from error
    except _foreign_errors() as error:
        raise UnavailableError(f"{path} can't be {verb}: {error}") from error
