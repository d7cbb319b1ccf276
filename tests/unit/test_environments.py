"""Which environment a function runs in, and what is said where there is none. No environment is made here."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from deploying import HTTP, deploy, eventually, make_project, stream_trigger
from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.function_yaml import read_function
from modelmon.local import environment_threads, environments, installed
from modelmon.local.environment_threads import Preparation
from modelmon.local.environments import Held, environment_of, environments_folder, hold, remove_unused
from modelmon.local.installed import unmet
from modelmon.local.needs import PYTHONS, STREAM, Needs, needs_of
from modelmon.local.uv import _environment, in_one_line
from modelmon.settings import Settings
from small_wheels import small_wheel

ROOT = Path(__file__).parents[2]


def never() -> bool:
    return False


def needs(project: Path, name: str, **settings: object) -> Needs:
    folder = project / ".modelmon" / "functions" / name
    loaded = Settings.load(project, **settings)
    return needs_of(read_function(folder, loaded), loaded)


def test_what_a_function_needs_follows_from_its_triggers_its_file_and_the_settings(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    folder = deploy(project, "web", "", {"http": HTTP})
    assert needs(project, "web") == Needs(extras=("api",))
    (folder / "requirements.txt").write_text("river\n")
    assert needs(project, "web").own == ("river",)
    assert needs(project, "web", stream_path="kafka://a:1").extras == ("api", "kafka")
    assert needs(project, "web", events_stream="kafka://a:1/e").extras == ("api", "kafka")
    (folder / "serving.json").write_text('{"tracking": {"stream_url": "kafka://a:1/e"}}')
    assert needs(project, "web").extras == ("api", "kafka")
    servers = {"records_url": "postgresql://a/b", "samples_path": "s3://bucket"}
    assert needs(project, "web", **servers).drivers == ()
    deploy(project, "modelmon-writer", "", {"reports": stream_trigger()})
    assert needs(project, "modelmon-writer", **servers).drivers == ("psycopg[binary]", "s3fs")


def test_an_app_is_known_by_its_group_and_ours_by_their_names(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    group = "${app_group}"
    deploy(project, "mine", "", {"windows": stream_trigger("mine", group)})
    deploy(project, "modelmon-stream", "", {"events": stream_trigger()})
    deploy(project, "modelmon-writer", "", {"reports": stream_trigger()})
    assert needs(project, "mine").extras == ("apps",)
    assert needs(project, "modelmon-writer").extras == ("stores",)
    assert needs(project, "modelmon-stream") == Needs(("stream",), python=">=3.11,<3.13")


@pytest.mark.parametrize(
    "own",
    [
        (), ("numpy",), ("scikit-learn>=1.5",), ("numpy<2 ; python_version < '3.11'",), ("--no-index",),
        ("sqlalchemy>=2.0.30 --hash=sha256:00",), ("SQLAlchemy",), ("no-such ; python_version < '3'",),
    ],
    ids=str,
)  # fmt: skip
def test_nothing_is_made_where_this_python_has_it_all(own: tuple[str, ...]) -> None:
    found = environment_of(Needs(("apps", "api"), own))
    assert (found.folder, found.python, found.is_made, found.lacks) == (None, sys.executable, True, "")
    assert hold(found, pytest.fail, Path(), never).python == sys.executable


def test_a_driver_is_its_module_whatever_package_has_brought_it() -> None:
    assert unmet(Needs(("stores",), drivers=("psycopg[binary]",))) == ""
    assert unmet(Needs(("stores",), drivers=("gcsfs",))) == "gcsfs"


@pytest.mark.parametrize(
    ("own", "lacks"),
    [
        ("no-such-package", "no-such-package"), ("numpy<1", "numpy<1"), ("numpy[no-such]==99", "numpy==99"),
        ("numpy @ https://example.com/numpy.whl", "numpy"), ("sqlalchemy[aiosqlite]", "aiosqlite"),
    ],
)  # fmt: skip
def test_what_this_python_lacks_is_named(own: str, lacks: str) -> None:
    found = environment_of(Needs(("stores",), (own,)))
    assert found.lacks == lacks
    assert found.folder is not None
    assert found.folder.parent == environments_folder()
    assert not found.is_made


def test_what_is_installed_has_to_meet_its_own_requirements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zipfile import ZipFile

    for wheel in (small_wheel(tmp_path, "outer", "1", "inner>=2"), small_wheel(tmp_path, "inner", "1")):
        ZipFile(wheel).extractall(tmp_path / "site")
    found = {path.name.partition("-")[0]: PathDistribution(path) for path in (tmp_path / "site").glob("*-*")}
    ours = installed.distribution
    monkeypatch.setattr(installed, "distribution", lambda name: found.get(name) or ours(name))
    assert unmet(Needs((), ("outer",))) == "inner>=2"
    assert unmet(Needs((), ("inner",))) == ""


def test_another_python_than_what_the_extra_has_wheels_for_is_no_python_for_it() -> None:
    assert unmet(Needs((), python=">=2.7,<3")) == "python>=2.7,<3"


def test_the_marker_of_the_stream_extra_and_the_python_of_its_environment_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (storey,) = (line for line in map(Requirement, project["optional-dependencies"]["stream"]) if line.marker)
    for version in ("3.11", "3.12", "3.13", "3.14"):
        full = f"{version}.0"
        fits = storey.marker.evaluate({"python_version": version, "python_full_version": full})
        assert fits == Requirement(f"python{PYTHONS[STREAM]}").specifier.contains(full)


def test_each_set_of_needs_has_one_environment_whatever_the_order() -> None:
    one, other = ("no-such-a", "no-such-b"), ("no-such-b", "no-such-a")
    assert environment_of(Needs(("apps",), one)).folder == environment_of(Needs(("apps",), other)).folder
    folders = {
        environment_of(Needs(extras, own)).folder
        for extras in (("apps",), ("stores",))
        for own in (one, ("no-such-a",))
    }
    assert len(folders) == 4


def test_without_uv_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(environments, "has_uv", never)
    with pytest.raises(ConfigError, match=r"no-such is not installed here, nor is uv.*: pip install .*local"):
        hold(environment_of(Needs((), ("no-such",))), pytest.fail, tmp_path / "log", never)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UnavailableError, match=r"file/modelmon/environments can't be written: Not a dir"):
        hold(environment_of(Needs((), ("no-such",))), pytest.fail, tmp_path / "log", never)


def test_what_was_not_used_for_long_is_removed_and_what_was_left_half_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = environments_folder()
    for name in ("old", "fresh", "half"):
        (folder / name).mkdir(parents=True)
    for name in ("old", "fresh"):
        (folder / name / environments.MARKER).touch()
    used = (folder / "old" / environments.MARKER).stat().st_mtime
    remove_unused(used + 29 * 86_400)
    assert {path.name for path in folder.glob("*/")} == {"old", "fresh"}
    (folder / "fresh" / environments.MARKER).touch()
    remove_unused((folder / "fresh" / environments.MARKER).stat().st_mtime + 1, days=0)
    assert not list(folder.glob("*/"))


def test_what_may_work_later_is_told_and_tried_again_and_what_can_not_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    come = [
        UnavailableError("no index"),
        UnavailableError("no index"),
        Held("python"),
        ConfigError("no such"),
    ]

    def made(*arguments: object) -> Held:
        result = come.pop(0)
        if isinstance(result, Held):
            return result
        raise result

    told: list[str] = []
    monkeypatch.setattr(environment_threads, "hold", made)
    monkeypatch.setattr(environment_threads, "FIRST_WAIT_SECONDS", 0.01)
    environment = environment_of(Needs((), ("no-such",)))
    preparation = Preparation(
        environment, tmp_path / "log", lambda level, text: told.append(f"{level} {text}")
    )
    held = eventually(preparation.take)
    assert held.python == "python"
    assert told == [
        "warning no index; tried again in 0.01 s", "warning no index; tried again in 0.02 s",
    ]  # fmt: skip
    assert preparation.take() is None, "once"
    other = Preparation(environment, tmp_path / "log", lambda level, text: None)
    with pytest.raises(ConfigError, match="no such"):
        eventually(other.take)


def test_what_uv_says_is_one_line_without_credentials() -> None:
    said = """Using Python 3.11.7 environment at: a
warning: Failed to inspect Python interpreter
  cause: gone
error: No solution found when resolving dependencies
  cause: Because there is no river==99 and you require river==99, we can conclude
         that it can't be.

hint: try another
"""
    assert in_one_line(said) == (
        "No solution found when resolving dependencies: Because there is no river==99 and you require "
        "river==99, we can conclude that it can't be."
    )
    framed = "  × Failed to build `a==1`\n  ╰─▶ no https://ann:secret@example.com/x\n"
    assert in_one_line(framed) == "Failed to build `a==1` no https://…@example.com/x"
    assert in_one_line("") == "uv said nothing"
    assert len(in_one_line("error: " + "x" * 5000)) == 600


def test_uv_takes_packages_from_where_pip_is_told_to() -> None:
    told = _environment(
        {"PIP_INDEX_URL": "https://a", "PIP_FIND_LINKS": "/a /b", "PIP_CERT": "c", "HOME": "h"}
    )
    assert told["UV_DEFAULT_INDEX"] == "https://a"
    assert told["UV_FIND_LINKS"] == "/a,/b"
    assert told["SSL_CERT_FILE"] == "c"
    assert _environment({"PIP_INDEX_URL": "a", "UV_DEFAULT_INDEX": "b"})["UV_DEFAULT_INDEX"] == "b"


def test_uv_finds_the_pythons_that_pyenv_has_and_did_not_select(tmp_path: Path) -> None:
    for version in ("3.12.1", "3.13.0"):
        (tmp_path / "versions" / version / "bin").mkdir(parents=True)
    path = _environment({"PATH": f"{tmp_path}/shims:/usr/bin"})["PATH"].split(":")
    assert path == [f"{tmp_path}/versions/3.12.1/bin", f"{tmp_path}/versions/3.13.0/bin", "/usr/bin"]
    assert _environment({"PATH": "/a/shims:/usr/bin"})["PATH"] == "/a/shims:/usr/bin"
