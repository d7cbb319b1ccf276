"""Folders that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelmon.errors import ConfigError, UnavailableError
from modelmon.file_locks import locked
from modelmon.ledger.deployments import hash_of
from modelmon.sources import PRIVATE, make_folder

LEFT_OUT = shutil.ignore_patterns("__pycache__", ".git", ".modelmon", ".venv", ".ipynb_checkpoints")


def replace_folder(target: Path, fill: Callable[[Path], None]) -> Path:
    """Make `target` what `fill` writes into a hidden folder beside it; nothing changes when it raises.

    Raises UnavailableError when the disk can't be written.
    """
    try:
        with only_writer(target.parent):
            _sweep(target)
            fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}~", dir=target.parent))
            try:
                fill(fresh)
                _swap(fresh, target)
            finally:
                _sweep(target)
    except OSError as error:
        raise UnavailableError(f"{target} can't be written: {error}") from error
    return target


def folder_hash(folder: Path) -> str:
    """Of what a folder holds, by name and content; "" of one that is empty or not there."""
    files = sorted(each for each in folder.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    said = [(each.relative_to(folder).as_posix().encode(), _file_hash(each)) for each in files]
    return hash_of(*(part for pair in said for part in pair)) if said else ""


def _file_hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def remove_folder(target: Path) -> bool:
    """Remove a folder at once as readers see it; False when it was not there."""
    try:
        with only_writer(target.parent):
            if not target.is_dir():
                return False
            _sweep(target)
            target.rename(target.with_name(f".{target.name}~gone"))
            _sweep(target)
    except OSError as error:
        raise UnavailableError(f"{target} can't be removed: {error}") from error
    return True


def write_private(path: Path, content: bytes) -> None:
    """A file that only its owner may read, whole or not at all."""
    try:
        make_folder(path.parent)
        file, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # made with mode 0600
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(f"{path} can't be written: {error.strerror}") from None


def private_folder(path: Path) -> None:
    """A folder that only its owner may look into."""
    try:
        make_folder(path)
        path.chmod(PRIVATE)
    except OSError as error:
        raise UnavailableError(f"{path} can't be written: {error.strerror}") from None


def copy_into(source: Path, folder: Path) -> None:
    """Copy a file, or what a folder holds, into `folder`. Raises ConfigError when there is no such file."""
    if source.is_dir():
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=LEFT_OUT)
    elif source.is_file():
        shutil.copy2(source, folder)
    else:
        raise ConfigError(f"{source} does not exist")


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Two deployments at once take turns."""
    make_folder(folder)
    with locked(folder / ".lock"):
        yield


def _swap(fresh: Path, target: Path) -> None:
    if target.is_dir():
        target.rename(_old(target))
    fresh.rename(target)


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}~old")  # no name of ours has a ~


def _sweep(target: Path) -> None:
    """What this call or one that was killed has left; a deployment killed between its renames is undone."""
    old = _old(target)
    if old.is_dir() and not target.exists():
        old.rename(target)
    for leftover in target.parent.glob(f".{target.name}~*"):
        shutil.rmtree(leftover, ignore_errors=True)
