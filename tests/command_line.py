"""The command line, called as a person does."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from modelmon.cli import main


def printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0
) -> str:
    """What `modelmon …` prints, with its errors, when it ends with this code."""
    monkeypatch.setattr(sys, "argv", ["modelmon", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    assert (ended.value.code or 0) == code, captured.err
    return captured.out + captured.err


def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0
) -> Any:
    """As `printed`; with --json what that holds."""
    said = printed(monkeypatch, capsys, *arguments, code=code)
    return json.loads(said) if "--json" in arguments else said
