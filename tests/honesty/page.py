"""The table of docs/explanation/honesty.md, written from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.honesty.rates import Row

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "honesty.md"
BEGIN, END = "<!-- Made by `make honesty`. -->", "<!-- End of what `make honesty` makes. -->"


def written(rows: Sequence[Row]) -> str:
    """The page with its table and its cells renewed; what is around them stays."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{_summary(rows)}\n{_cells(rows)}\n{END}{after}"


def _summary(rows: Sequence[Row]) -> str:
    lines = ["| row | what is claimed | holds | what was found |", "|---|---|---|---|"]
    lines += [
        f"| {row.number} | {row.claim} | {'yes' if row.holds else '**no**'} | {row.said} |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def _cells(rows: Sequence[Row]) -> str:
    parts = []
    for row in rows:
        parts += [f"### Row {row.number}", "", "| cell | found |", "|---|---|"]
        parts += [f"| {name} | {found} |" for name, found in row.cells.items()]
        parts.append("")
    return "\n".join(parts)
