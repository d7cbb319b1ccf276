"""What an admin does to a project from elsewhere: whether it is taken, and what came of it in words."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.errors import ConfigError
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.ledger.access import Deed, note
from modelmon.ledger.access_settings import AccessSettings
from modelmon.model import DAY_US
from modelmon.model_monitoring.code_archives import (
    CodeArchive,
    forget_archives,
    keep_archive,
    read_archive,
)
from modelmon.settings import FILE_NAME, Settings

if TYPE_CHECKING:
    from modelmon.project.project import Project

MEGABYTE = 1_000_000
_WRITTEN_OUT = 4 / 3
"""Of bytes as base64."""
_KEPT = re.compile(r"\.modelmon/(archives/[0-9a-f]{64}/code/|functions/\.)")


@dataclass(frozen=True, slots=True)
class Done:
    """What has happened, a sentence each."""

    said: tuple[str, ...]


def done(asked: Asked, act: Callable[[Project], object]) -> Done:
    """Do it to the project, and tell what it has said. Raises Problem as `admitted`."""
    from modelmon.model_monitoring.telling import telling
    from modelmon.project.console import tell_next

    project, said = admitted(asked), list[str]()
    try:
        with telling(said.append):
            act(project)
            tell_next(project.settings)
    except ConfigError as error:
        raise ConfigError(without_folders(asked.settings, str(error))) from None
    return Done(tuple(said))


def admitted(asked: Asked) -> Project:
    """The project, to be changed from elsewhere.

    Raises Problem 403 where `remote_deploy` is off, and 501 where the functions run on Nuclio and there is
    nothing here to reach it with.
    """
    from modelmon.project.project import Project

    settings = asked.settings
    check_allowed(settings)
    folder = Path(settings.project_dir)
    if not settings.project_dir or not (folder / FILE_NAME).is_file():
        raise Problem(
            501, f"the page runs without the folder of project {settings.project}: {_elsewhere(asked)}"
        )
    if settings.platform != EMBEDDED and shutil.which("nuctl") is None:
        raise Problem(
            501, f"project {settings.project} is deployed to Nuclio (platform: {settings.platform}), and "
            f"nuctl is not here: {_elsewhere(asked)}",
        )  # fmt: skip
    return Project(settings.project, folder)


def check_allowed(settings: Settings) -> None:
    """Raises Problem 403 where nobody brings anything from elsewhere."""
    if not settings.of(AccessSettings).remote_deploy:
        raise Problem(
            403, f"project {settings.project} takes no code and no change from elsewhere: set "
            "`remote_deploy: true` in its modelmon.yaml and start the page anew: then its admins may",
        )  # fmt: skip


def take_archive(asked: Asked, content: bytes, what: str) -> CodeArchive:
    """The archive that came, for what; who sent it and its hash go to the audit rows. Raises ConfigError."""
    archive = read_archive(content, most_bytes(asked.settings))
    with asked.database.write() as connection:
        note(connection, Deed(asked.now_us, asked.user.name, f"archive for {what}", archive.told, "taken"))
    return archive


def keep_code(asked: Asked, archive: CodeArchive) -> Path:
    """The folder of its files. Archives that no function uses go as old as audit rows do."""
    from modelmon.ledger import registry

    settings, days = asked.settings, asked.settings.of(AccessSettings).audit_days
    folder = keep_archive(settings, archive)
    if days:
        with asked.database.read() as connection:
            used = [str(each.spec.get("source", "")) for each in registry.list_functions(connection)]
        used.append(str(folder.resolve()))
        forget_archives(settings, used, (asked.now_us - days * DAY_US) / 1_000_000)
    return folder


def without_folders(settings: Settings, text: str) -> str:
    """What is said of files, without where they lie here."""
    for folder in {settings.project_dir, str(Path(settings.project_dir).resolve())}:
        text = text.replace(f"{folder}/", "")
    return _KEPT.sub("", text)


def most_bytes(settings: Settings) -> int:
    return round(settings.of(AccessSettings).remote_deploy_megabytes * MEGABYTE)


def longest_body(settings: Settings) -> int:
    """Of a request with an archive in it."""
    return round(most_bytes(settings) * _WRITTEN_OUT) + 4 * MEGABYTE


def _elsewhere(asked: Asked) -> str:
    return (
        "run the same call where its folder is and nuctl reaches Nuclio, or `modelmon deploy --platform "
        f"{asked.settings.platform if asked.settings.platform != EMBEDDED else 'kube'}` there"
    )
