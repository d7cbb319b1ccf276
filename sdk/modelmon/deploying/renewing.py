"""After an upgrade: the folders of ModelMon's own functions become those of the installed version."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from modelmon.deploying.bundling import NAMES
from modelmon.function_spec.folders import deployed, functions_folder, template
from modelmon.function_spec.function_yaml import FILE
from modelmon.function_spec.own_apps import OWN_APPS
from modelmon.model_monitoring.whole_folders import copy_into, replace_folder
from modelmon.settings import Settings

MAIN = "main.py"
MARK = ".modelmon-main"
"""Holds the digest of the main.py that was written: another one there is somebody's own."""
INFRASTRUCTURE = ("writer", "stream", "controller", "api", "exporter", "notifier")
_BROUGHT = {NAMES[each]: each for each in (*INFRASTRUCTURE, *(app.folder for app in OWN_APPS.values()))}


def mark(folder: Path) -> None:
    """Say in a folder that its main.py is as ModelMon brought it."""
    (folder / MARK).write_text(_digest(folder), encoding="utf-8")


def renew(settings: Settings, names: Collection[str] | None = None) -> list[str]:
    """Give those of the functions `names` (None: all) that ModelMon brought the main.py of this version.

    Their function.yaml and requirements stay, and so does a main.py that somebody has changed. Returns whose
    it was. Raises UnavailableError when the disk can't be written.
    """
    project = Path(settings.project_dir)
    renewed = []
    for name, folder in deployed(functions_folder(project)).items():
        is_meant = name in _BROUGHT and (names is None or name in names)
        if is_meant and _is_of_another_version(project, folder, _BROUGHT[name]):
            _renew(folder, template(_BROUGHT[name]))
            renewed.append(name)
    return renewed


def in_words(renewed: Collection[str]) -> str:
    return f"Renewed for this version of ModelMon: {', '.join(renewed)}; each function.yaml is kept."


def _is_of_another_version(project: Path, folder: Path, name: str) -> bool:
    if (project / "functions" / name / FILE).is_file():
        return False  # made of a template of the project's own
    if not (folder / MAIN).is_file():
        return False
    now = _digest(folder)
    if now == _digest(template(name)):
        return False
    if (folder / MARK).is_file():
        return (folder / MARK).read_text(encoding="utf-8") == now
    return name in INFRASTRUCTURE  # older than the mark, and the drift app's was the same until then


def _renew(folder: Path, source: Path) -> None:
    def fill(fresh: Path) -> None:
        copy_into(folder, fresh)
        for path in source.iterdir():
            if path.is_file() and path.name != FILE:
                copy_into(path, fresh)
        mark(fresh)

    replace_folder(folder, fill)


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / MAIN).read_bytes()).hexdigest()
