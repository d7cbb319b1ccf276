"""Versions of a file that people set: the one that counts is printed, or all are listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import typer
from rich.markup import escape

from modelmon.cli.output import print_json, print_table
from modelmon.errors import ConfigError


class KeptVersion(Protocol):
    """One version, "" as text where it was taken back."""

    @property
    def version(self) -> int: ...
    @property
    def who(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def text(self) -> str: ...


def print_history(
    found: Sequence[KeptVersion], title: str, what: Callable[[str], str], *, as_json: bool
) -> None:
    """List the versions; `what` says of a text that was not taken back what is in it."""
    if as_json:
        print_json(found)
        return
    rows = [
        (
            f"{each.version}",
            f"{each.at:%Y-%m-%d %H:%M}",
            escape(each.who),
            what(each.text) if each.text else "taken back",
        )
        for each in found
    ]
    print_table(title, ["#version", "=set (UTC)", "by", "what"], rows)


def print_version(
    found: Sequence[KeptVersion], version: int | None, nothing: Callable[[str], str], *, as_json: bool
) -> None:
    """Print one version, or the newest. Raises ConfigError with what `nothing` says of one that is not there
    or was taken back; it is given "of version 3 " or ""."""
    chosen = next((each for each in found if version in (None, each.version)), None)
    if chosen is None or not chosen.text:
        raise ConfigError(nothing(f"of version {version} " if version else ""))
    if as_json:
        print_json(chosen)
    else:
        typer.echo(chosen.text, nl=False)
