"""The files of a model that is logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelmon.errors import ConfigError
from modelmon.function_spec.local_paths import check_path, existing


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Name to path or content of every file, and the name of the one that is the model, "" of none or
    several."""

    files: Mapping[str, Path | bytes] = field(default_factory=dict)
    main: str = ""


def model_files(
    base: Path,
    key: str,
    body: bytes | str | None,
    model_dir: str | Path | None,
    model_file: str | Path | None,
) -> ModelFiles:
    """Every file of a model, from what `log_model` was given; relative paths are below here, or `base`.

    Raises ConfigError for a path that is not there.
    """
    if body is not None:
        if not isinstance(body, bytes | str):
            raise ConfigError(
                f"body: must be the bytes or text of the model's file, got a {type(body).__name__}; "
                "write the model into a file and give model_file"
            )
        name = Path(model_file or f"{key}.bin").name
        check_path(name, "model_file")
        return ModelFiles({name: body if isinstance(body, bytes) else body.encode()}, name)
    folder = existing(model_dir, "model_dir", base) if model_dir is not None else None
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"model_dir: {folder} is a file; give it as model_file")
    if model_file is not None:
        path = existing(folder / model_file if folder else model_file, "model_file", base)
        if not path.is_file():
            raise ConfigError(f"model_file: {path} is a folder; give it as model_dir")
        return ModelFiles({path.name: path}, path.name)
    if folder is None:
        return ModelFiles()
    found = {
        path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
    }
    return ModelFiles(found, next(iter(found)) if len(found) == 1 else "")
