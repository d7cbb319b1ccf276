"""The files that apps keep, below `artifacts_path`: read and deleted."""

from __future__ import annotations

from collections.abc import Collection

from modelmon.errors import ConfigError
from modelmon.settings import Settings
from modelmon.stores.samples_files import open_files

MOST_BYTES = 64_000_000
RECORD = ".meta.json"
"""Ends the name of the file beside each artifact that says what it is."""


def is_below(path: str) -> bool:
    """Whether a path means a file below `artifacts_path`; others are elsewhere, and not ours to touch.

    >>> [is_below(each) for each in ("app/20260101T000000Z/page.html", "/etc/passwd", "s3://b/k", "a/../b")]
    [True, False, False, False]
    """
    parts = path.split("/")
    return "://" not in path and "\\" not in path and "\0" not in path and not {"", ".", ".."} & {*parts}


class ArtifactFiles:
    """Files below one root, by paths relative to it."""

    def __init__(self, root: str) -> None:
        self._files = open_files(root, durable=False)

    def read(self, path: str, most_bytes: int) -> bytes:
        """A file's content. Raises ConfigError for one of more than `most_bytes` and for a path that leads
        out of the root, FileNotFoundError, and UnavailableError."""
        with self._files.open(_checked(path)) as file:
            content = b""
            while len(content) <= most_bytes and (part := file.read(most_bytes + 1 - len(content))):
                content += part
        if len(content) > most_bytes:
            raise ConfigError(f"{path} has more than {most_bytes:,} bytes; fetch it from where it is kept")
        return content

    def delete(self, paths: Collection[str]) -> None:
        """Remove files with their records; those that are gone already are no error."""
        self._files.delete([file for path in paths for file in (_checked(path), f"{path}{RECORD}")])


def open_artifacts(settings: Settings) -> ArtifactFiles:
    """Those of the project. Raises ConfigError for a location that can't be used."""
    return ArtifactFiles(settings.location("artifacts_path"))


def read_artifact(settings: Settings, path: str) -> bytes:
    """The content of one. Raises ConfigError for one that is kept elsewhere, is gone, or has more than
    MOST_BYTES."""
    if not is_below(path):
        raise ConfigError(f"the artifact is kept elsewhere, at {path}: fetch it there")
    try:
        return open_artifacts(settings).read(path, MOST_BYTES)
    except FileNotFoundError:
        raise ConfigError(f"the file {path} is gone") from None


def _checked(path: str) -> str:
    if not is_below(path):
        raise ConfigError(f"an artifact's path is relative, without '..' and empty parts, got {path!r}")
    return path
