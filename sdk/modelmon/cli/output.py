"""What commands share: the project they work on, and how they show things."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from modelmon.errors import ConfigError
from modelmon.function_spec.folders import find_project
from modelmon.settings import Settings

console = Console()
errors = Console(stderr=True)
_ENDLESS = 10_000
"""A width that every table has room in."""

ProjectDir = Annotated[
    Path | None,
    typer.Option(
        "--project-dir",
        help="The project's folder; without it the nearest modelmon.yaml from here upward counts.",
        envvar="MODELMON_PROJECT_DIR",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts ('JSON' in the docs).")]


def load_settings(project_dir: Path | None) -> Settings:
    """Settings of the project meant. Raises ConfigError when there is none."""
    return Settings.load(find_project(Path(project_dir or ".").absolute(), exact=project_dir is not None))


def confirm(question: str) -> None:
    """Ask before something that can't be undone; a no ends the command. Raises ConfigError where nobody can
    answer."""
    if not sys.stdin.isatty():
        raise ConfigError(f"{question} Nobody is there to answer; --yes answers it")
    typer.confirm(question, err=True, abort=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout, indented, times in ISO 8601."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a console that is not UTF-8 gets JSON's own escapes
        text = json.dumps(json.loads(text), indent=2)
    sys.stdout.write(text + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout, or that it is empty. A column that starts with '#' holds numbers, one that starts
    with '=' is never broken, one with '+' stands below the rest of its row where the table is too wide."""
    rows = list(rows)
    if not rows:
        console.print(f"[bold]{title}[/bold]: none yet", highlight=False)
        return
    table = _table(title, columns, rows)
    needed = console.measure(table, options=console.options.update(width=_ENDLESS)).maximum
    if needed > console.width and any(column.startswith("+") for column in columns):
        _print_stacked(title, columns, rows)
    else:
        console.print(table)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
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
        table.add_column(column.lstrip("#=+"), justify=justify, overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*row)
    return table


def _print_stacked(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Each row on one line that nothing breaks, what may be long on lines of its own below it."""
    console.print(f"[bold]{title}[/bold]", highlight=False)
    upper = [
        place
        for place, column in enumerate(columns)
        if not column.startswith("+") and any(row[place] for row in rows)
    ]
    lower = [place for place, column in enumerate(columns) if column.startswith("+")]
    head = [column.lstrip("#=+") for column in columns]
    texts = [[Text.from_markup(cell) for cell in row] for row in rows]
    widths = {place: max(cell_len(head[place]), *(row[place].cell_len for row in texts)) for place in upper}
    _print_cells([Text(cell, "dim") for cell in head], widths)
    for row in texts:
        _print_cells(row, widths)
        below = Text(": ").join(row[place] for place in lower if row[place])
        if below:
            console.print(Text("  ") + below, highlight=False, soft_wrap=True)


def _print_cells(cells: Sequence[Text], widths: Mapping[int, int]) -> None:
    line = Text("  ").join(_padded(cells[place], width) for place, width in widths.items())
    line.rstrip()
    console.print(line, soft_wrap=True)


def _padded(cell: Text, width: int) -> Text:
    cell.pad_right(width - cell.cell_len)
    return cell


def write_or_print(text: str, output: Path | None) -> None:
    """A text that is suggested, to a file that is not there yet or to the terminal."""
    if output is None:
        typer.echo(text, nl=False)
        return
    if output.exists():
        raise ConfigError(f"--output: {output} is there already; give another name, or move it away")
    output.write_text(text, encoding="utf-8")
    console.print(f"Wrote {escape(str(output))}.", highlight=False, soft_wrap=True)
