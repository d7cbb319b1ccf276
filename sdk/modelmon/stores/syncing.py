"""Making many files durable at once: one sync of their file system, not one for each file and folder."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable
from functools import cache
from pathlib import Path

_KINDS = frozenset(
    ("ext4", "xfs")
)  # which write everything before they answer, and whose devices have one number
_TELLS_ERRORS = (5, 8)  # the first Linux that says here what could not be written


def can_sync_together(folder: str) -> bool:
    """Whether `sync_file_system` makes durable what was written on this folder's device."""
    device = device_of(folder)
    return device is not None and _is_known(device)


def device_of(folder: str) -> int | None:
    """The device of a folder, or of what it will be made in; None where nobody can tell."""
    place = Path(folder)
    for existing in (place, *place.parents):
        try:
            return existing.stat().st_dev
        except OSError:
            continue
    return None


def sync_file_system(descriptor: int) -> None:
    """Wait until everything on the descriptor's device is durable; OSError for what could not be written
    since the descriptor was opened."""
    syncfs = _syncfs()
    assert syncfs is not None, "can_sync_together was not asked"
    if syncfs(descriptor):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@cache
def _is_known(device: int) -> bool:
    return _syncfs() is not None and _kinds().get(device) in _KINDS


@cache
def _syncfs() -> Callable[[int], int] | None:
    if platform.system() != "Linux" or _release() < _TELLS_ERRORS:
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


def _release() -> tuple[int, ...]:
    return tuple(int(part) for part in platform.release().split(".")[:2] if part.isdigit())


def _kinds() -> dict[int, str]:
    """What kind of file system each device holds."""
    kinds = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        mount, _, source = line.partition(" - ")
        major, _, minor = mount.split()[2].partition(":")
        kinds[os.makedev(int(major), int(minor))] = source.split()[0]
    return kinds
