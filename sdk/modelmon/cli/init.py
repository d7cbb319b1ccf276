"""`modelmon init`: a project folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import console
from modelmon.errors import ConfigError
from modelmon.settings import FILE_NAME, STATE_FOLDER, Settings
from modelmon.sources import make_folder

CONTENT = """\
# A ModelMon project. Every setting ('Settings' in the docs) may stand here as `name: value`;
# MODELMON_<NAME> in the environment wins over this file.
project: {project}

# base_period: 10          # minutes of a window
# grace_seconds: 30        # how long a window waits for stragglers
# durability: power        # `process` is faster and survives kill -9, but not a power cut
"""


def init(
    folder: Annotated[Path, typer.Argument(help="The folder; made when it does not exist.")] = Path(),
    project: Annotated[str, typer.Option(help="The project's name; by default the folder's.")] = "",
) -> None:
    """Make a project: writes FOLDER/modelmon.yaml.

    Examples:

      modelmon init                          in this folder

      modelmon init flights --project nyc    in a new folder, under another name
    """
    folder = folder.absolute()
    path = folder / FILE_NAME
    if path.exists():
        raise ConfigError(f"{path} is there already; edit it, or choose another folder")
    name = project or re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:63].strip("-")
    Settings(project=name)  # refuses a name that can't be
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(CONTENT.format(project=name), encoding="utf-8")
    _ignore_state(folder)
    console.print(f"Made project [bold]{name}[/bold] in {escape(str(folder))}.", soft_wrap=True)
    console.print(
        "Next: a script that deploys your model, like churn.py in the README.\n"
        "For events recorded elsewhere: modelmon up, and modelmon publish FILE.",
        highlight=False,
    )


def _ignore_state(folder: Path) -> None:
    """The state is nothing for a repository."""
    state = folder / STATE_FOLDER
    make_folder(state)
    (state / ".gitignore").write_text("*\n", encoding="utf-8")
