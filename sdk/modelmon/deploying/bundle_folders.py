"""The folders of a bundle: written, and only what a bundle has written before is overwritten."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from modelmon.deploying.images import FOLDER as IMAGE_FOLDER
from modelmon.deploying.plan import Plan
from modelmon.deploying.rendering import Rendered
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import BUNDLE_MARKER, functions_folder, is_bundled
from modelmon.function_spec.function_yaml import FILE
from modelmon.sources import PRIVATE

LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.whl", IMAGE_FOLDER)


def refuse_losses(plan: Plan, folders: Mapping[str, Path], output: Path) -> None:
    """ConfigError when writing the bundle of `folders` would delete something that no bundle has made."""
    kept = [folder.resolve() for folder in folders.values()]
    if plan.project_dir:
        kept.append(functions_folder(Path(plan.project_dir)).resolve())
    for name in folders:
        target = output / name
        for folder in kept:
            if _overlap(target.resolve(), folder):
                raise ConfigError(
                    f"--output: {target} and the functions in {folder} would be one; name another folder, "
                    "for example dist/functions"
                )
        if (target.exists() or target.is_symlink()) and not is_bundled(target):
            raise ConfigError(
                f"--output: {target} was not made by modelmon bundle (it has no {BUNDLE_MARKER}), "
                "so it is kept; move it away or name another folder"
            )


def write_folder(source: Path, rendered: Rendered, wheel: Path, target: Path) -> None:
    """Put a function's files, what was rendered for it and the wheel in `target`, anew.

    The folder is its owner's alone: a serving.json may hold a token.
    """
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.mkdir(PRIVATE)
    (target / BUNDLE_MARKER).write_text("Written by modelmon bundle, which overwrites this folder.\n")
    shutil.copytree(source, target, ignore=LEFT_OUT, dirs_exist_ok=True)
    target.chmod(PRIVATE)  # copytree gives it the mode of its source
    for name, text in {**rendered.files, FILE: rendered.text}.items():
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text(text, encoding="utf-8")
    shutil.copy2(wheel, target)


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents
