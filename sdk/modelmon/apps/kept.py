"""What an app has kept of its window so far, for the answer that tells of it."""

from __future__ import annotations

from pathlib import Path

from modelmon.apps.artifacts import Artifact, keep, location
from modelmon.errors import ConfigError
from modelmon.model import ArtifactNote, wall_clock_us
from modelmon.secrecy import shown_address
from modelmon.wire.artifacts import LONGEST_PATH, MOST_ARTIFACTS

LONGEST_NAME = 255


class Kept:
    """The artifacts of one window, each under a name of its own; one that is kept again replaces itself."""

    def __init__(self) -> None:
        self._notes: dict[str, ArtifactNote] = {}

    @property
    def notes(self) -> tuple[ArtifactNote, ...]:
        return tuple(self._notes.values())

    def keep(self, artifact: Artifact, extension: str, content: bytes, below: str | None) -> Artifact:
        """Write the file and note it. `below`: its path below the project's `artifacts_path`, None elsewhere.

        Raises ConfigError for one more than a window may have, UnavailableError when the place can't be
        written now.
        """
        name = location("", artifact.key, "", extension).removeprefix("/")
        path = below or _elsewhere(artifact.path)
        if name not in self._notes and len(self._notes) == MOST_ARTIFACTS:
            raise ConfigError(
                f"artifact {name!r}: a window has at most {MOST_ARTIFACTS} artifacts; log fewer, or one "
                "file that holds several"
            )
        if len(name) > LONGEST_NAME or len(path) > LONGEST_PATH:
            raise ConfigError(
                f"artifact {name[:50]!r}…: a name has at most {LONGEST_NAME} characters and a path "
                f"{LONGEST_PATH:,}; got {len(name):,} and {len(path):,}"
            )
        keep(artifact, content)
        self._notes[name] = ArtifactNote(name, path, len(content), wall_clock_us(), artifact.tag)
        return artifact


def _elsewhere(path: str) -> str:
    return shown_address(path if "://" in path else str(Path(path).absolute()))
