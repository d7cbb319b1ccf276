"""What a check of a file has found, on the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import typer

from modelmon.checked_yaml.findings import Finding
from modelmon.cli.output import console, print_json
from modelmon.counting import count


def print_findings(file: Path, found: Iterable[Finding], as_json: bool) -> NoReturn:
    """Print them with their numbers; ends with exit code 1 when there is an error."""
    findings = [replace(each, file=str(file)) for each in found]
    errors = sum(each.level == "error" for each in findings)
    warnings = len(findings) - errors
    if as_json:
        print_json({"findings": findings, "errors": errors, "warnings": warnings})
        raise typer.Exit(1 if errors else 0)
    for each in findings:
        style = "red" if each.level == "error" else "yellow"
        console.print(str(each), style=style, markup=False, highlight=False, soft_wrap=True)
    console.print(f"{count(errors, 'error')}, {count(warnings, 'warning')}", highlight=False)
    raise typer.Exit(1 if errors else 0)
