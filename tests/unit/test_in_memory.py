"""Temporary files of `make check` are in memory where that works, and nowhere else than usual where not."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

import in_memory
from in_memory import TemporaryFilesInMemory


class Usage(NamedTuple):
    free: int


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    monkeypatch.setenv("TMPDIR", tempfile.gettempdir())
    monkeypatch.setattr(in_memory.shutil, "disk_usage", lambda _: Usage(in_memory.ROOM))


def test_files_go_there_and_are_gone_with_the_run(tmp_path: Path) -> None:
    files = TemporaryFilesInMemory(tmp_path)
    assert files.folder is not None
    assert files.folder.parent == tmp_path
    assert Path(tempfile.gettempdir()) == files.folder == Path(os.environ["TMPDIR"])
    (files.folder / "more").write_text("left", encoding="utf-8")
    files.pytest_unconfigure()
    assert list(tmp_path.iterdir()) == []


def usual(memory: Path) -> bool:
    before = tempfile.gettempdir()
    files = TemporaryFilesInMemory(memory)
    files.pytest_unconfigure()
    return files.folder is None and before == os.environ["TMPDIR"] == tempfile.gettempdir()


def test_without_room_they_lie_as_usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_memory.shutil, "disk_usage", lambda _: Usage(in_memory.ROOM - 1))
    assert usual(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_such_a_folder_they_lie_as_usual(tmp_path: Path) -> None:
    assert usual(tmp_path / "none")


def test_where_no_program_can_be_started_they_lie_as_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("noexec")

    monkeypatch.setattr(in_memory.subprocess, "run", refuse)
    assert usual(tmp_path)
    assert list(tmp_path.iterdir()) == []
