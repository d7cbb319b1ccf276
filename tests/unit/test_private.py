"""What a project keeps is its owner's alone, whoever makes the folder first."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import modelmon
from modelmon.apps.artifacts import _write
from modelmon.cli import app
from modelmon.deploying.bundle_folders import write_folder
from modelmon.deploying.rendering import Rendered
from modelmon.function_spec.folders import template
from modelmon.ledger.records import open_records
from modelmon.local.supervisor import Supervisor
from modelmon.model_monitoring.whole_folders import only_writer, write_private
from modelmon.settings import Settings
from modelmon.sources import make_folder
from modelmon.stores.series import open_series
from modelmon.streams import open_stream
from modelmon.wheel import pack_wheel


@pytest.fixture(autouse=True)
def everybody_may_read() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def settings(folder: Path) -> Settings:
    return Settings(project_dir=str(folder), durability="process")


def run_supervisor(folder: Path) -> None:
    supervisor = Supervisor(lambda: settings(folder), lambda level, text: None)
    supervisor.stop()
    supervisor.close()


def write_artifact(folder: Path) -> None:
    _write(str(folder / ".modelmon" / "artifacts" / "a" / "b.txt"), b"")


def take_turns(folder: Path) -> None:
    with only_writer(folder / ".modelmon" / "functions"):
        pass


WAYS: dict[str, Callable[[Path], object]] = {
    "init": lambda folder: CliRunner().invoke(app, ["init", str(folder)], catch_exceptions=False),
    "project": lambda folder: modelmon.get_or_create_project("flights", context=str(folder)),
    "records": lambda folder: open_records(settings(folder)).close(),
    "series": lambda folder: open_series(settings(folder)).close(),
    "stream": lambda folder: open_stream(settings(folder).events_url).close(),
    "runner": run_supervisor,
    "artifact": write_artifact,
    "secret": lambda folder: write_private(folder / ".modelmon" / "credentials.json", b"{}"),
    "deployment": take_turns,
    "samples": lambda folder: make_folder(folder / ".modelmon" / "samples" / "one" / "2026"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("was_open", [False, True], ids=["new", "open to others before"])
def test_only_the_owner_may_look_into_the_state_folder(way: str, was_open: bool, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    if was_open:
        (folder / ".modelmon").mkdir(parents=True, mode=0o755)
    WAYS[way](folder)
    assert stat.S_IMODE((folder / ".modelmon").stat().st_mode) == 0o700


def test_a_folder_elsewhere_stays_as_its_owner_wants_it(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    open_records(Settings(records_url=f"sqlite:///{shared / 'records.db'}", durability="process")).close()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_a_bundled_function_is_its_owner_s_alone_also_in_a_folder_that_was_there(tmp_path: Path) -> None:
    source = template("serving")
    target = tmp_path / "dist" / "serving"
    target.parent.mkdir(mode=0o755)
    write_folder(source, Rendered(""), pack_wheel(tmp_path), target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert stat.S_IMODE(target.parent.stat().st_mode) == 0o755
