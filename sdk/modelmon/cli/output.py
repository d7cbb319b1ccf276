"""What commands share: the project they work on, and how they show things."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from modelmon.local.folders import find_project
from modelmon.settings import Settings

console = Console()
errors = Console(stderr=True)

ProjectDir = Annotated[
    Path | None,
    typer.Option(
        "--project-dir",
        help="The project's folder; without it the nearest modelmon.yaml from here upward counts.",
        envvar="MODELMON_PROJECT_DIR",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts; docs/cli.md describes it.")]


def load_settings(project_dir: Path | None) -> Settings:
    """Settings of the project meant. Raises ConfigError when there is none."""
    return Settings.load(find_project(Path(project_dir or ".").absolute(), exact=project_dir is not None))


def print_json(value: Any) -> None:
    """One JSON document on stdout, indented, times in ISO 8601."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a console that is not UTF-8 gets JSON's own escapes
        text = json.dumps(json.loads(text), indent=2)
    sys.stdout.write(text + "\n")


def count(number: int, one: str) -> str:
    """ "1 window" or "2,000 windows".

    >>> count(1, "window"), count(2_000, "window")
    ('1 window', '2,000 windows')
    """
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout, or that it is empty. A column that starts with '#' holds numbers, one that starts
    with '=' is never broken."""
    rows = list(rows)
    if not rows:
        console.print(f"[bold]{title}[/bold]: none yet", highlight=False)
        return
    # No frames: in a terminal of 80 columns they take the room that names need.
    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.startswith("#") else "left"
        # Folded, never cut, an id in one piece: names and ids are there to be copied.
        whole = column == "id" or column.startswith("=")
        table.add_column(column.lstrip("#="), justify=justify, overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*row)
    console.print(table)
