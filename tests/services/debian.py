"""Debian packages of servers that tests start: installed by apt where we are root, else found or missed."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from .install import services_folder

APT_SECONDS = 600
_APT = {"DEBIAN_FRONTEND": "noninteractive"}


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_packages(is_there: Callable[[], bool], *packages: str) -> bool:
    """Install these packages unless they are there; says whether it had to. Raises RuntimeError with apt's
    reason. One process at a time installs."""
    if is_there():
        return False
    folder = services_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "apt-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_there():
            return False
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            done = subprocess.run(
                ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *command],
                capture_output=True, text=True, timeout=APT_SECONDS, env=os.environ | _APT,
            )  # fmt: skip
            if done.returncode:
                raise RuntimeError(f"apt-get {command[0]} failed:\n{done.stderr[-2000:]}")
    return True


def as_user(name: str) -> dict[str, object]:
    """Options for subprocess: as this user where we are root, which these servers refuse to run as."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}


def give(folder: Path, name: str) -> None:
    """Make the folder that user's, where we are root."""
    if os.geteuid() == 0:
        shutil.chown(folder, name)
