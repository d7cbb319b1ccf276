"""The tables of docs/reference/settings.md, as the settings declare themselves.

`PYTHONPATH=tests .venv/bin/python -m settings_page` writes them into the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field
from pathlib import Path
from typing import Any

from modelmon.settings import every_setting

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"
FIRST = "## The first day\n"


def tables() -> str:
    """One table a section, in the order of the declarations."""
    return "\n".join(_lines()).removeprefix("\n")


def page() -> str:
    """The whole page: what is written by hand, then the tables."""
    return PAGE.read_text(encoding="utf-8").partition(FIRST)[0] + tables() + "\n"


def _lines() -> Iterator[str]:
    for entry in every_setting().values():
        if entry.metadata["section"]:
            yield from (
                "",
                f"## {entry.metadata['section']}",
                "",
                "| setting | default | meaning |",
                "|---|---|---|",
            )
        default = f"`{entry.default}`" if entry.default != "" else ""
        yield f"| `{entry.name}` | {default} | {' '.join([entry.metadata['doc'], *_limits(entry)])} |"


def _limits(entry: Field[Any]) -> Iterator[str]:
    least, most, choices = (entry.metadata[name] for name in ("least", "most", "choices"))
    if least:
        yield f"At least {least}."
    if most != float("inf"):
        yield f"At most {most}."
    if choices:
        yield f"One of {', '.join(filter(None, choices))}."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
