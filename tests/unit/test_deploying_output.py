"""What a bundle overwrites: folders that a bundle has made, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploying import HTTP, deploy, make_project
from modelmon.deploying.procedure import prepare
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import BUNDLE_MARKER
from modelmon.settings import Settings
from modelmon.wheel import pack_wheel
from nuctl_stand_in import WHEEL


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    """A project with one deployed function, web."""
    make_project(tmp_path / "project", nuclio_brokers="kafka:9092")
    deploy(tmp_path / "project", "web", "handler = print\n", {"http": HTTP})
    pack_wheel(tmp_path)
    return Settings.load(tmp_path / "project")


def bundle(settings: Settings, output: Path) -> Any:
    return prepare(settings, output, wheel=Path(settings.project_dir).parent / WHEEL)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    "output",
    [
        ".modelmon/functions",
        ".modelmon/functions/web",
        ".modelmon/functions/web/inside",
        "dist/../.modelmon/functions",
    ],
    ids=["same", "inside", "deeper", "another-way"],
)
def test_the_functions_that_are_bundled_are_never_overwritten(
    project: Settings, output: str, tmp_path: Path
) -> None:
    (tmp_path / "project" / "dist").mkdir()
    before = files(tmp_path / "project")
    with pytest.raises(ConfigError, match=r"--output: .* would be one; name another folder"):
        bundle(project, tmp_path / "project" / output)
    assert files(tmp_path / "project") == before


def test_not_even_by_a_link(project: Settings, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "project" / ".modelmon" / "functions")
    before = files(tmp_path / "project")
    with pytest.raises(ConfigError, match="would be one"):
        bundle(project, tmp_path / "out")
    assert files(tmp_path / "project") == before


def test_a_project_without_functions_gets_none_by_a_bundle(tmp_path: Path) -> None:
    make_project(tmp_path / "project", nuclio_brokers="kafka:9092")
    pack_wheel(tmp_path)
    functions = tmp_path / "project" / ".modelmon" / "functions"
    with pytest.raises(ConfigError, match="would be one"):
        bundle(Settings.load(tmp_path / "project"), functions)
    assert not functions.exists()


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_no_bundle_has_made_is_kept(project: Settings, tmp_path: Path, kind: str) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("all of it")
    output = tmp_path / "out"
    output.mkdir()
    if kind == "folder":
        mine.rename(output / "web")
    elif kind == "file":
        (output / "web").write_text("all of it")
    else:
        (output / "web").symlink_to(mine)
    before = files(tmp_path)
    with pytest.raises(ConfigError, match=f"web was not made by modelmon bundle .it has no {BUNDLE_MARKER}"):
        bundle(project, output)
    assert files(tmp_path) == before


def test_a_bundle_is_written_anew_over_the_one_before(project: Settings, tmp_path: Path) -> None:
    bundle(project, tmp_path / "out")
    (tmp_path / "out" / "web" / "left_over.py").touch()
    bundle(project, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out" / "web").iterdir()}
    assert names == {"function.yaml", "main.py", "modelmon-image", WHEEL, BUNDLE_MARKER}
