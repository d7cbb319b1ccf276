"""The examples are function folders that can be deployed as they stand, with what they ask for pinned."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelmon.cli import app
from modelmon.function_spec.requirements import FILE, read_requirements

EXAMPLES = sorted(each.parent for each in (Path(__file__).parents[2] / "examples").glob("*/function.yaml"))


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_the_strict_check_finds_nothing(folder: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(folder)])
    assert done.exit_code == 0, done.output
    assert "0 errors, 0 warnings in 1 file" in done.output


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_the_library_that_it_is_named_after_is_pinned(folder: Path) -> None:
    assert any(line.startswith(f"{folder.name}==") for line in read_requirements(folder / FILE))
