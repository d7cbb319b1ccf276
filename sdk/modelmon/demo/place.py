"""The demo's project folder: empty before each run, and never somebody else's."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from modelmon.errors import ConfigError
from modelmon.function_spec.folders import state_folder
from modelmon.local.runner_state import is_running
from modelmon.settings import FILE_NAME

PROJECT = "flights-2013"
OLD_STATE = ".modelmon-old-"
SETTINGS: dict[str, Any] = {
    "durability": "process",  # a year of hours is 14,000 small files: fsync for each would be half the run
    "grace_seconds": 5.0,
    "controller_interval_seconds": 1.0,
    # A year in half a minute is more than the default buffer of a model server is made for.
    "publish_buffer_events": 20_000,
}


def clear(folder: Path) -> bool:
    """Make the folder and remove the state of a run before; says whether there was one.

    It is out of the way at once, and deleted by a thread meanwhile: 28,000 files and folders can take a disk
    half a minute. Raises ConfigError when the folder is not the demo's, or a runner is at work in it.
    """
    if folder.is_dir() and any(folder.iterdir()) and not _is_ours(folder):
        raise ConfigError(f"{folder} holds something else than a demo; give the demo a folder of its own")
    had_state = state_folder(folder).is_dir()
    if had_state:
        _check_nobody_runs_it(folder)
        state_folder(folder).rename(folder / f"{OLD_STATE}{time.time_ns()}")
    for old in folder.glob(f"{OLD_STATE}*"):  # also what a demo that was killed has left
        Thread(target=shutil.rmtree, args=(old, True), name="modelmon-demo-removing").start()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")  # `make demo` makes it in the checkout
    return had_state


def _is_ours(folder: Path) -> bool:
    try:
        content = yaml.safe_load((folder / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    return isinstance(content, dict) and content.get("project") == PROJECT


def _check_nobody_runs_it(folder: Path) -> None:
    if is_running(folder):
        raise ConfigError(f"a runner is at work in {folder}: stop it first")
