"""`modelmon alerts init` and `digest`: an alerts.yaml to begin with, and the week in one message."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelmon.cli.output import ProjectDir, console, load_settings
from modelmon.errors import ConfigError


def init(file: Annotated[Path, typer.Argument(help="Where it is written.")] = Path("alerts.yaml")) -> None:
    """Write an alerts.yaml with operational rules that are ready to use, and channels to fill in.

    Example:

      modelmon alerts init
    """
    from modelmon.alerting.beginning import TEXT

    try:
        with file.open("x", encoding="utf-8") as made:
            made.write(TEXT)
    except FileExistsError:
        raise ConfigError(f"alerts init: {str(file)!r} is there already; name another file") from None
    except OSError as error:
        raise ConfigError(f"alerts init: {str(file)!r} can't be written: {error.strerror}") from None
    console.print(f"Wrote {file}: fill in a channel, then `modelmon alerts set {file}`.", markup=False)


def digest(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print it, send nothing.")] = False,
    project_dir: ProjectDir = None,
) -> None:
    """Send what is worst, what changed and what was false in the last seven days; or print it.

    Examples:

      modelmon alerts digest --dry-run

      modelmon alerts digest
    """
    from modelmon.model_monitoring.alerts import weekly_digest

    text = weekly_digest(load_settings(project_dir), send=not dry_run)
    if dry_run:
        typer.echo(text)
    else:
        console.print("It waits to be sent: `modelmon alerts messages` says how it goes.", markup=False)
