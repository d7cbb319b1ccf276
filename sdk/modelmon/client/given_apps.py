"""An app as a caller gives it, made what a server is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelmon.errors import ConfigError
from modelmon.function_spec.class_code import code_of_class
from modelmon.function_spec.function_yaml import FILE
from modelmon.function_spec.local_paths import existing
from modelmon.function_spec.requirements import FILE as REQUIREMENTS
from modelmon.model_monitoring.code_archives import files_of, pack
from modelmon.model_monitoring.logged_models import check_json

MAIN = "main.py"


def given_app(
    name: str | None,
    func: str | Path | None,
    application_class: str | type | None,
    image: str | None,
    requirements: list[str] | None,
    base_period: int | None,
    arguments: Mapping[str, Any],
) -> dict[str, Any]:
    """What the server is told of an app, with its code. Raises ConfigError for what can't be here."""
    if not isinstance(name, str) or not name:
        raise ConfigError(f"name: must be the app's name, got {name!r}")
    check_json(f"app {name}", arguments)
    source = existing(func, "func", Path.cwd()) if func is not None else None
    if isinstance(application_class, type):
        file, class_name = code_of_class(application_class)
        source, application_class = (
            (file, class_name) if source is None else (source, application_class.__name__)
        )
    return {
        "application_class": application_class, "base_period": base_period, "arguments": dict(arguments),
        "requirements": requirements, "image": image or "", **(_packed(source) if source else {}),
    }  # fmt: skip


def _packed(source: Path) -> dict[str, Any]:
    """A function's own main.py stands for its folder, as on the project's machine; a file comes with the
    requirements.txt beside it."""
    if source.is_dir():
        return {"archive": pack(files_of(source))}
    if source.name == MAIN and (source.parent / FILE).is_file():
        return {"archive": pack(files_of(source.parent)), "file": source.name}
    files = files_of(source)
    if (source.parent / REQUIREMENTS).is_file():
        files |= files_of(source.parent / REQUIREMENTS)
    return {"archive": pack(files), "file": source.name}
