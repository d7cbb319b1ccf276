"""Files and frames that a project logged by key: which there are, where each is, what is in one."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from modelmon.apps.artifacts import Artifact, location
from modelmon.errors import ConfigError, no_such
from modelmon.function_spec.folders import state_folder
from modelmon.private_columns import private_patterns
from modelmon.secrecy import shown_address
from modelmon.settings import Settings
from modelmon.stores.artifacts import is_below, read_artifact

FOLDER = "logged"
TABLES = (".parquet", ".csv")
"""Endings of data sets. Their columns may be private ones."""


@dataclass(frozen=True, slots=True)
class LoggedArtifact:
    """One file. `path` is below `artifacts_path` where `is_here`, else where it was put; `written` is when it
    was logged, `size_bytes` None of a file that is not on a disk of this machine."""

    key: str
    tag: str
    labels: Mapping[str, str]
    path: str
    is_here: bool
    size_bytes: int | None
    written: datetime

    @property
    def media_type(self) -> str:
        """By the ending of its name."""
        return mimetypes.guess_type(self.path)[0] or "application/octet-stream"


def record_of(settings: Settings, key: str) -> Path:
    """The file that says where the artifact of this key is. Raises ConfigError for what can't be a key."""
    folder = state_folder(Path(settings.project_dir)) / FOLDER
    return Path(location(str(folder), key, "", "")).with_name(f"{key.rpartition('/')[2]}.json")


def get_logged(settings: Settings, key: str) -> Artifact:
    """What was logged under a key; ConfigError when nothing was."""
    path = record_of(settings, key)
    if not path.is_file():
        raise no_such(f"no artifact {key!r} was logged in this project", key, _keys(settings))
    return _read(path)


def list_logged(settings: Settings) -> tuple[LoggedArtifact, ...]:
    """Every one, by key. None where the project's folder is not here."""
    if not settings.project_dir:
        return ()
    return tuple(_shown(settings, record_of(settings, key)) for key in _keys(settings))


def read_logged(settings: Settings, key: str) -> tuple[LoggedArtifact, bytes]:
    """One with its content.

    Raises ConfigError where there is none, where it is not below `artifacts_path`, and for a data set of a
    project with private columns: nobody has looked which columns are in it.
    """
    get_logged(settings, key)
    found = _shown(settings, record_of(settings, key))
    if found.path.endswith(TABLES) and private_patterns(settings):
        raise ConfigError(
            f"artifact {key!r} is a data set, and the project has private columns: read it where it is kept"
        )
    return found, read_artifact(settings, found.path)


def _keys(settings: Settings) -> list[str]:
    folder = state_folder(Path(settings.project_dir)) / FOLDER
    found = (each.relative_to(folder) for each in folder.rglob("[!.]*.json") if each.is_file())
    return sorted(each.as_posix().removesuffix(".json") for each in found)


def _read(path: Path) -> Artifact:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Artifact)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path} is no record of an artifact: {error}; log it again") from error


def _shown(settings: Settings, record: Path) -> LoggedArtifact:
    artifact = _read(record)
    root = f"{settings.location('artifacts_path').rstrip('/')}/"
    is_here = artifact.path.startswith(root) and is_below(artifact.path.removeprefix(root))
    file = Path(artifact.path)
    return LoggedArtifact(
        artifact.key, artifact.tag, artifact.labels,
        artifact.path.removeprefix(root) if is_here else shown_address(artifact.path), is_here,
        file.stat().st_size if "://" not in artifact.path and file.is_file() else None,
        datetime.fromtimestamp(record.stat().st_mtime, UTC),
    )  # fmt: skip
